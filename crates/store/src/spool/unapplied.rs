//! What a spool holds beyond the database, seen from outside: by a command, beside the gate that writes to it.
//!
//! Nothing is changed, and what the gate removes meanwhile is in the database.

use std::{fs, io, path::Path};

use super::{
    Position,
    record::{Found, read_frame},
    segment::{self, FIRST_FRAME},
};

/// Records that are in files and not in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Unapplied {
    pub(crate) records: u64,
    /// Where the last of them ends.
    pub(crate) end: Position,
}

impl Unapplied {
    /// What is in `dir` after `applied`, up to the first place in each file where no whole record stands. A folder
    /// that is not there holds nothing.
    pub(crate) fn after(applied: Position, dir: &Path) -> io::Result<Self> {
        let mut unapplied = Self::default();
        for number in segment::numbers(dir)? {
            if number < applied.segment {
                continue;
            }
            let bytes = match fs::read(segment::path_of(dir, number)) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let first = match number == applied.segment {
                true => applied.offset,
                false => FIRST_FRAME,
            };
            let mut at = usize::try_from(first).map_err(|_| io::ErrorKind::FileTooLarge)?;
            while let Found::Record(_, next) = read_frame(&bytes, at) {
                at = next;
                unapplied.records += 1;
                unapplied.end = Position {
                    segment: number,
                    offset: at as u64,
                };
            }
        }
        Ok(unapplied)
    }
}

#[cfg(test)]
mod tests;
