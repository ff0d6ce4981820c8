//! One file of the spool.
//!
//! A header, a mark, then frames one after the other up to the first place where nothing was written. The file
//! is filled with zeros when it is made, so that a full disk shows then and not when an answer ends. The mark
//! says up to where the file was synced: what is broken before it was whole once, and is damage; what is
//! broken after it is what a crash left of writes that nobody had synced.
//!
//! A segment's number is the time at which it was made, so that no two are ever taken for one another, not
//! even where a folder was emptied.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use super::record::{Found, read_frame};

/// Where the first frame begins.
pub(super) const FIRST_FRAME: u64 = 1_024;
const MAGIC: &[u8; 8] = b"tollspl\n";
/// The form of files that this gate writes.
const FORMAT: u32 = 1;
const HEADER_BYTES: usize = 24;
const MARK_AT: u64 = 512;
const MARK_BYTES: usize = 12;
const SUFFIX: &str = "seg";
/// What a file is called before it is whole.
const UNFINISHED: &str = "new";

/// A file that is written to.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    file: File,
}

impl Segment {
    /// Makes a file of so many bytes, on disk when this returns.
    pub(super) fn create(dir: &Path, number: u64, bytes: u64) -> io::Result<Self> {
        let unfinished = dir.join(format!("{number:020}.{UNFINISHED}"));
        let path = path_of(dir, number);
        let made = fill(&unfinished, &header(number), bytes)
            .and_then(|file| fs::rename(&unfinished, &path).map(|()| file))
            .and_then(|file| sync_folder(dir).map(|()| file));
        match made {
            Ok(file) => Ok(Self { number, path, file }),
            Err(error) => {
                // What is on a full disk's way is of no use to anybody.
                let _ = fs::remove_file(&unfinished);
                Err(error)
            }
        }
    }

    pub(super) fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Reads so many bytes from a place on, also where the file has no name any more.
    pub(super) fn read(&self, from: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, from)
    }

    /// Fails where the file is not found by its name, as the next start would look for it.
    pub(super) fn is_in_place(&self) -> io::Result<()> {
        let gone = |reason| {
            let text = format!("{} {reason}", self.path.display());
            io::Error::new(io::ErrorKind::NotFound, text)
        };
        let named = match fs::metadata(&self.path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(gone("is gone")),
            Err(error) => return Err(error),
        };
        let own = self.file.metadata()?;
        match (named.dev(), named.ino()) == (own.dev(), own.ino()) {
            true => Ok(()),
            false => Err(gone("is another file now")),
        }
    }

    /// Notes that everything before `through` is synced.
    pub(super) fn mark(&self, through: u64) -> io::Result<()> {
        self.file.write_all_at(&mark(through), MARK_AT)
    }

    /// The same segment on a disk that is full.
    #[cfg(test)]
    pub(super) fn on_full_disk(&self) -> Self {
        Self {
            number: self.number,
            path: self.path.clone(),
            file: OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .expect("Linux has it"),
        }
    }
}

/// What was found in a file that nobody writes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Where the last whole frame ends.
    pub(super) end: u64,
    pub(super) records: u64,
    /// Bytes after that which a crash left.
    pub(super) torn: u64,
}

/// Why a file cannot be read to its end.
#[derive(Debug)]
pub(super) enum ScanError {
    Io(io::Error),
    /// What was synced is not there as it was written.
    Damaged(Damage),
    Newer,
}

/// Where a file is damaged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) at: u64,
    /// Whole records that were read before that.
    pub(super) records: u64,
}

/// Reads a whole file.
pub(super) fn scan(path: &Path, number: u64) -> Result<Scan, ScanError> {
    scan_from(path, number, FIRST_FRAME)
}

/// Reads a file from where a frame begins.
pub(super) fn scan_from(path: &Path, number: u64, from: u64) -> Result<Scan, ScanError> {
    let bytes = fs::read(path).map_err(ScanError::Io)?;
    let damaged = |at: usize, records| {
        ScanError::Damaged(Damage {
            at: at as u64,
            records,
        })
    };
    if (bytes.len() as u64) < FIRST_FRAME {
        return Err(damaged(bytes.len(), 0));
    }
    if bytes[..HEADER_BYTES] != header(number) {
        let is_newer = bytes.starts_with(MAGIC) && bytes[8..12] > FORMAT.to_le_bytes()[..];
        return Err(if is_newer { ScanError::Newer } else { damaged(0, 0) });
    }
    let synced = read_mark(&bytes).unwrap_or_default();
    let mut at = usize::try_from(from).map_err(|_| ScanError::Io(io::ErrorKind::FileTooLarge.into()))?;
    let mut records = 0;
    loop {
        match read_frame(&bytes, at) {
            Found::Record(_, next) => {
                at = next;
                records += 1;
            }
            Found::Newer => return Err(ScanError::Newer),
            Found::Nothing | Found::Broken if (at as u64) < synced => return Err(damaged(at, records)),
            Found::Nothing | Found::Broken => break,
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let torn = rest
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last as u64 + 1);
    Ok(Scan {
        end: at as u64,
        records,
        torn,
    })
}

/// Cuts a file where its frames end, for good.
pub(super) fn cut(path: &Path, end: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(end)?;
    file.write_all_at(&mark(end), MARK_AT)?;
    file.sync_all()
}

/// The numbers of the segments in a folder, the oldest first. What is left of unfinished ones is removed.
pub(super) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let (numbers, unfinished) = look(dir)?;
    for path in unfinished {
        fs::remove_file(path)?;
    }
    Ok(numbers)
}

/// The same for who does not own the folder: nothing is removed. None where there is no such folder.
pub(super) fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    match look(dir) {
        Ok((numbers, _)) => Ok(numbers),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The segments in a folder, and files that were not to their end when a gate ended.
fn look(dir: &Path) -> io::Result<(Vec<u64>, Vec<PathBuf>)> {
    let (mut numbers, mut unfinished) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        match (path.extension().and_then(|suffix| suffix.to_str()), number) {
            (Some(SUFFIX), Some(number)) => numbers.push(number),
            (Some(UNFINISHED), Some(_)) => unfinished.push(path),
            // Not ours.
            _ => {}
        }
    }
    numbers.sort_unstable();
    Ok((numbers, unfinished))
}

pub(super) fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.{SUFFIX}"))
}

/// Makes the names in a folder outlast a power cut.
pub(super) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn fill(path: &Path, header: &[u8], bytes: u64) -> io::Result<File> {
    static ZEROS: [u8; 64 * 1_024] = [0; 64 * 1_024];
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(header)?;
    let mut left = bytes.saturating_sub(header.len() as u64);
    while left > 0 {
        let some = left.min(ZEROS.len() as u64);
        file.write_all(&ZEROS[..some as usize])?;
        left -= some;
    }
    file.sync_all()?;
    Ok(file)
}

/// Magic, format, number and their checksum.
fn header(number: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[12..20].copy_from_slice(&number.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

fn mark(through: u64) -> [u8; MARK_BYTES] {
    let mut bytes = [0; MARK_BYTES];
    bytes[..8].copy_from_slice(&through.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..8]);
    bytes[8..].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// `None`: never synced, or the mark itself is torn, and nothing is known.
fn read_mark(bytes: &[u8]) -> Option<u64> {
    let mark = bytes.get(MARK_AT as usize..MARK_AT as usize + MARK_BYTES)?;
    let (through, sum) = mark.split_first_chunk()?;
    (crc32fast::hash(through).to_le_bytes() == sum).then_some(u64::from_le_bytes(*through))
}

#[cfg(test)]
pub(crate) mod tests;
