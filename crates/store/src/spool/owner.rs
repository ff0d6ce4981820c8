//! Which database a spool's records are for.
//!
//! Records name accounts and keys by numbers, which mean somebody else in another database. So a small file beside the
//! segments says whose they are, and up to where that database has them: a gate that moves to another one leaves no
//! charge behind, and charges nobody there for what others did.
//!
//! A line with the database's name ([`crate::Store::installation`]), one with the place up to which it has everything,
//! of fixed length and with a checksum, one for people with the database's URL, and one with the place up to which files
//! were removed, in the same form.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    SpoolError, Unreadable,
    append::Position,
    segment::{self, FIRST_FRAME, ScanError, sync_folder},
    unusable,
};

const FILE: &str = "database.id";
const NAME_BYTES: usize = 16;
/// Of a place as it is written.
const PLACE_BYTES: usize = 50;

/// A database, as the spools of its gates know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// 16 hexadecimal digits.
    pub name: String,
    /// For people: it may change while the database stays the same. Without a password.
    pub url: String,
}

impl Owner {
    /// What the spool in `dir` says of itself. `None`: there is none, or it is of a version that did not say it.
    pub fn of_spool(dir: &Path) -> Result<Option<Self>, SpoolError> {
        let read = read(dir).map_err(|source| unusable(&dir.join(FILE), source))?;
        Ok(read.map(|(owner, _)| owner))
    }

    /// Sees to it that all that is in `dir` is for this database, before the spool is opened.
    ///
    /// Where everything is in another one already, it is removed. Where something may not be, or cannot be read, this fails. `is_known` is
    /// whether this database has had records of this gate: then those of a spool that does not say whose they are, are
    /// its own. Blocks.
    pub fn take_over(&self, dir: &Path, is_known: bool) -> Result<TakenOver, SpoolError> {
        let failed = |source| unusable(dir, source);
        let found = read(dir).map_err(|source| unusable(&dir.join(FILE), source))?;
        let applied = match &found {
            Some((owner, _)) if owner.name == self.name => return Ok(TakenOver::Own),
            None if is_known => return Ok(TakenOver::Own),
            Some((_, applied)) => *applied,
            None => Position::default(),
        };
        let numbers = segment::numbers(dir).map_err(failed)?;
        let mut left = 0;
        for number in numbers.iter().filter(|number| **number >= applied.segment) {
            let path = segment::path_of(dir, *number);
            // What stands before it, the other database has.
            let from = match *number == applied.segment {
                true => applied.offset.max(FIRST_FRAME),
                false => FIRST_FRAME,
            };
            let why = match segment::scan_from(&path, *number, from) {
                Ok(scan) => {
                    left += scan.records;
                    continue;
                }
                Err(ScanError::Io(source)) => return Err(unusable(&path, source)),
                Err(ScanError::Damaged(damage)) => Unreadable::Damaged { offset: damage.at },
                Err(ScanError::Newer) => Unreadable::Newer,
            };
            return Err(SpoolError::UnreadableOfOtherDatabase {
                path,
                why,
                found: found.map(|(owner, _)| Box::new(owner)),
                wanted: Box::new(self.clone()),
            });
        }
        if left > 0 {
            return Err(SpoolError::OfOtherDatabase {
                path: dir.to_owned(),
                records: left,
                found: found.map(|(owner, _)| Box::new(owner)),
                wanted: Box::new(self.clone()),
            });
        }
        for number in &numbers {
            fs::remove_file(segment::path_of(dir, *number)).map_err(failed)?;
        }
        match found {
            Some((owner, _)) => {
                // How far the other database is says nothing of this one.
                fs::remove_file(dir.join(FILE)).map_err(failed)?;
                Ok(TakenOver::BegunAnew(owner))
            }
            None => Ok(TakenOver::Own),
        }
    }
}

/// What became of what was in a spool's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenOver {
    /// All of it is for the database.
    Own,
    /// It was for another one, which has it already.
    BegunAnew(Owner),
}

/// The file, open, to be told how far the database is.
#[derive(Debug)]
pub(super) struct OwnerFile {
    file: File,
    /// Where in it the last line begins.
    removed_at: u64,
}

impl OwnerFile {
    /// Says whose the spool in `dir` is, on disk when this returns.
    pub(super) fn write(
        dir: &Path,
        owner: &Owner,
        applied: Position,
        removed_to: Position,
    ) -> Result<Self, SpoolError> {
        let path = dir.join(FILE);
        let failed = |source| unusable(&path, source);
        let removed_at = (NAME_BYTES + 1 + PLACE_BYTES + 1 + owner.url.len() + 1) as u64;
        if read(dir)
            .map_err(failed)?
            .is_some_and(|(found, _)| found == *owner)
        {
            let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
            let file = Self { file, removed_at };
            file.note(applied).map_err(failed)?;
            file.note_removed(removed_to).map_err(failed)?;
            return Ok(file);
        }
        let unfinished = path.with_extension("new");
        let [applied, removed_to] = [applied, removed_to].map(line_of);
        let text = format!("{}\n{applied}\n{}\n{removed_to}\n", owner.name, owner.url);
        let made = File::create(&unfinished).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            sync_folder(dir)?;
            Ok(file)
        });
        made.map(|file| Self { file, removed_at }).map_err(failed)
    }

    /// Notes that the database has everything before `applied`. What a power cut leaves of it counts as nothing.
    pub(super) fn note(&self, applied: Position) -> io::Result<()> {
        self.file
            .write_all_at(line_of(applied).as_bytes(), NAME_BYTES as u64 + 1)
    }

    /// Notes that what stood before `removed_to` is in no file any more.
    pub(super) fn note_removed(&self, removed_to: Position) -> io::Result<()> {
        let line = format!("{}\n", line_of(removed_to));
        self.file.write_all_at(line.as_bytes(), self.removed_at)
    }
}

/// Up to where files of `dir` were removed; the beginning where nobody has said so.
pub(super) fn removed_to(dir: &Path) -> io::Result<Position> {
    let text = match fs::read_to_string(dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Position::default()),
        Err(error) => return Err(error),
    };
    Ok(text.lines().nth(3).and_then(position_in).unwrap_or_default())
}

fn read(dir: &Path) -> io::Result<Option<(Owner, Position)>> {
    let path: PathBuf = dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut lines = text.lines();
    let name = lines.next().unwrap_or_default();
    if name.len() != NAME_BYTES || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let reason = "its first line is to be the 16 hexadecimal digits of a database";
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let applied = lines.next().and_then(position_in).unwrap_or_default();
    let owner = Owner {
        name: name.to_owned(),
        url: lines.next().unwrap_or_default().to_owned(),
    };
    Ok(Some((owner, applied)))
}

fn line_of(applied: Position) -> String {
    let place = format!("{:020} {:020}", applied.segment, applied.offset);
    format!("{place} {:08x}", crc32fast::hash(place.as_bytes()))
}

/// `None`: it was not written to its end.
fn position_in(line: &str) -> Option<Position> {
    let (place, sum) = line.rsplit_once(' ')?;
    let (segment, offset) = place.split_once(' ')?;
    let is_whole = u32::from_str_radix(sum, 16) == Ok(crc32fast::hash(place.as_bytes()));
    is_whole.then_some(Position {
        segment: segment.parse().ok()?,
        offset: offset.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
