//! The books' way to disk: every finished request is in a file before its answer ends.
//!
//! A request that is let in has room for its record ([`Spool::reserve`]), in files that lie on disk filled with
//! zeros, so that a full disk or a database that is away refuses new requests and loses none. At its end the
//! record is one `write` ([`Room::append`]), which outlives the process however that ends. A thread of the
//! spool's own syncs what was written ten times a second: a power cut may take the last tenth.
//!
//! Another applies the records to the database, in their order, each once ([`Applier`]); files of which all is
//! applied are removed after a while. Files left by another run are looked through when the spool is opened, and applied
//! before anything else, to the database that they are for ([`Owner`]).
//! Not here: what a record says (`tollgate_ledger::usage_record`), and what applying means ([`crate::usage`]).

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use tollgate_ledger::UsageRecord;

use self::{append::Shared, record::MAX_FRAME, segment::FIRST_FRAME};

mod append;
mod apply;
mod keep;
mod owner;
pub(crate) mod record;
mod replay;
mod segment;
mod unapplied;

pub(crate) use append::Position;
pub use apply::{Applier, StartError};
pub use owner::{Owner, TakenOver};
pub(crate) use unapplied::Unapplied;

const MIB: u64 = 1_024 * 1_024;

/// How much disk the spool may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of all files together.
    max_bytes: u64,
    /// Room for records that is made before it is asked for.
    ahead_bytes: u64,
    segment_bytes: u64,
    /// Of files that are in the database already.
    kept_bytes: u64,
}

impl Limits {
    /// As the configuration has it.
    pub fn size_mb(&self) -> u64 {
        self.max_bytes / (1024 * 1024)
    }

    /// About 3 million requests that are not in the database yet.
    pub const DEFAULT_MB: u32 = 1_024;
    /// Below this there is no room for many requests at once.
    pub const LEAST_MB: u32 = 8;
    /// About 160,000 requests, which are looked through at a start.
    const KEPT_MB_MAX: u64 = 64;
    /// Below this fewer requests may be under way at once.
    const USUAL_MB: u32 = 32;

    /// Files of `mb` mebibytes together, at least [`Self::LEAST_MB`].
    ///
    /// 16 of them are taken at once: room for 10,000 requests under way. More follow as they are needed. Of fewer than
    /// 32, a quarter and a little more is taken.
    pub fn of_mb(mb: u32) -> Self {
        let mb = mb.max(Self::LEAST_MB);
        let (ahead, segment) = match mb < Self::USUAL_MB {
            true => (u64::from(mb) / 4, 1),
            false => (12, 4),
        };
        Self {
            max_bytes: u64::from(mb) * MIB,
            ahead_bytes: ahead * MIB,
            segment_bytes: segment * MIB,
            kept_bytes: (u64::from(mb) * MIB / 4).min(Self::KEPT_MB_MAX * MIB),
        }
    }

    /// Bytes of records that a new segment is counted with; it takes up to a frame more.
    fn capacity(&self) -> u64 {
        self.segment_bytes - FIRST_FRAME - MAX_FRAME as u64
    }
}

/// What is done where a file is not as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// The spool is not opened.
    Refuse,
    /// What stands before the damage is taken; the whole file is kept beside it, as `.damaged`.
    SetAside,
}

/// The spool, open. Clones are the same; the last one that goes closes it.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Owned>);

#[derive(Debug)]
struct Owned {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// What an earlier run left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// Records in files; some of them may be in the database already.
    pub records: u64,
    /// Bytes of writes that a crash cut short, and nobody was told of.
    pub torn_bytes: u64,
    /// Files that were set aside.
    pub damaged: Vec<PathBuf>,
}

/// How full the spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Of records that are not in the database yet.
    pub waiting_bytes: u64,
    /// Of all files, empty room included.
    pub disk_bytes: u64,
    pub max_bytes: u64,
    /// Records that could not be written so far.
    pub in_memory: usize,
    /// How often the database was found to lack records that it had and that are not here any more.
    pub gaps: u64,
    /// Whether there is room for a request.
    pub has_room: bool,
}

/// Room for one record. Dropped without [`Room::append`] it is free again.
#[derive(Debug)]
#[must_use = "the room is free again as soon as this is dropped"]
pub struct Room {
    shared: Arc<Shared>,
    used: bool,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In its file: it outlives the process.
    InFile,
    /// In memory, since the file could not be written; that is tried again, and no more requests are let in.
    InMemory,
}

impl Spool {
    /// Opens the spool in `dir`, made where it is missing, and looks through what an earlier run left there.
    ///
    /// Where that leaves no room on the disk, there is none before some of it was applied ([`Self::wait_for_room`]).
    ///
    /// Blocks: reads every file that is there, and writes and syncs 16 MiB. One process at a time may have
    /// the folder ([`crate::DataDirLock`]).
    pub fn open(dir: &Path, limits: Limits, on_damage: OnDamage) -> Result<(Self, Left), SpoolError> {
        let (shared, left) = Shared::open(dir, limits, on_damage)?;
        let shared = Arc::new(shared);
        let keeper = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("spool".to_owned())
                .spawn(move || shared.keep())
                .map_err(|source| unusable(dir, source))?
        };
        let owned = Owned {
            shared,
            keeper: Mutex::new(Some(keeper)),
        };
        Ok((Self(Arc::new(owned)), left))
    }

    /// Room for a request's record. `None`: no request can be taken now.
    pub fn reserve(&self) -> Option<Room> {
        self.0.shared.reserve().then(|| Room {
            shared: Arc::clone(&self.0.shared),
            used: false,
        })
    }

    pub fn standing(&self) -> Standing {
        self.0.shared.standing()
    }

    /// Waits until there is room for a request, which what an earlier run left may have taken until it was applied.
    /// Blocks.
    pub fn wait_for_room(&self, within: Duration) -> Result<(), SpoolError> {
        let shared = &self.0.shared;
        let waited = shared.wait_for_room(within);
        waited.map_err(|source| unusable(&shared.dir, source))
    }

    /// Says on disk which database the records are for, once those of an earlier run are in it. Blocks.
    pub fn is_for(&self, owner: &Owner) -> Result<(), SpoolError> {
        self.0.shared.is_for(owner)
    }

    /// Syncs everything, and ends the spool's thread. Blocks. Rooms that are still held can be used, but what
    /// they write is synced by nobody.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Owned {
    fn close(&self) {
        self.shared.end_keeping();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(keeper) = keeper {
            // It has logged why, if it ended by a panic.
            let _ = keeper.join();
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.close();
    }
}

impl Room {
    /// Writes the record of the request that the room was for: one `write`, a few microseconds.
    pub fn append(mut self, record: &UsageRecord<'_>) -> Kept {
        self.used = true;
        self.shared.append(record::frame(record))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.used {
            self.shared.give_back(MAX_FRAME);
        }
    }
}

/// Why the spool cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool {} cannot be used: {source}", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error(
        "{} is damaged at byte {offset}, after {records} whole records; with --skip-damaged those are taken and the \
         file is set aside",
        path.display()
    )]
    Damaged {
        path: PathBuf,
        offset: u64,
        /// Whole records before that.
        records: u64,
    },
    #[error("{} was written by a newer tollgate", path.display())]
    Newer { path: PathBuf },
    #[error("{}", of_other_database(path, *records, found.as_deref(), wanted))]
    OfOtherDatabase {
        path: PathBuf,
        /// Those that it may not have.
        records: u64,
        /// The database that they are for, where that is known.
        found: Option<Box<Owner>>,
        /// The one that the gate was started on.
        wanted: Box<Owner>,
    },
    #[error("{} {why}, and {}", path.display(), unreadable_of_other(found.as_deref(), wanted))]
    UnreadableOfOtherDatabase {
        /// The file.
        path: PathBuf,
        why: Unreadable,
        /// As above.
        found: Option<Box<Owner>>,
        wanted: Box<Owner>,
    },
}

/// Why nobody can say what is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("is damaged at byte {offset}")]
    Damaged { offset: u64 },
    #[error("was written by a newer tollgate")]
    Newer,
}

fn of_other_database(path: &Path, records: u64, found: Option<&Owner>, wanted: &Owner) -> String {
    let path = path.display();
    match found {
        Some(found) => format!(
            "the spool {path} has {records} records that are for the database {} ({}) and may not be in it yet; this one \
             is {} ({})",
            found.url, found.name, wanted.url, wanted.name
        ),
        None => format!(
            "the spool {path} has {records} records of an earlier version, which did not say what database they are for; \
             this one, {} ({}), has never had any of this gate",
            wanted.url, wanted.name
        ),
    }
}

fn unreadable_of_other(found: Option<&Owner>, wanted: &Owner) -> String {
    match found {
        Some(found) => format!(
            "its records are for the database {} ({}) and may not be in it yet; this one is {} ({})",
            found.url, found.name, wanted.url, wanted.name
        ),
        None => format!(
            "it does not say what database its records are for; this one, {} ({}), has never had any of this gate",
            wanted.url, wanted.name
        ),
    }
}

fn unusable(path: &Path, source: io::Error) -> SpoolError {
    SpoolError::Unusable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
pub(crate) mod tests;
