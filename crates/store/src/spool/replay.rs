//! Opening the spool, and reading it from any place on.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use tollgate_ledger::UsageRecord;

use super::{
    Left, Limits, OnDamage, SpoolError,
    append::{Closed, Position, Shared},
    keep::next_number,
    record::{Found, MAX_FRAME, read_frame},
    segment::{self, Damage, FIRST_FRAME, ScanError, Segment},
    unusable,
};

/// Records, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) records: Vec<UsageRecord<'static>>,
    /// Where the next one begins.
    pub(super) next: Position,
}

impl Shared {
    /// Looks through what is in `dir`, and makes room for new records. Nothing is added to old files.
    pub(super) fn open(dir: &Path, limits: Limits, on_damage: OnDamage) -> Result<(Self, Left), SpoolError> {
        let failed = |source| unusable(dir, source);
        fs::create_dir_all(dir).map_err(failed)?;
        let mut left = Left::default();
        let mut closed: VecDeque<Closed> = VecDeque::new();
        let mut last = 0;
        for number in segment::list(dir).map_err(failed)? {
            last = number;
            closed.extend(look_through(dir, number, on_damage, &mut left)?);
        }
        let mut segments = VecDeque::new();
        let mut disk_bytes: u64 = closed.iter().map(|closed| closed.bytes).sum();
        while segments.is_empty()
            || limits.capacity() * (segments.len() as u64) < limits.ahead_bytes
                && disk_bytes + limits.segment_bytes <= limits.max_bytes
        {
            disk_bytes += limits.segment_bytes;
            last = next_number(last);
            segments.push_back(Segment::create(dir, last, limits.segment_bytes).map_err(failed)?);
        }
        Ok((Self::new(dir.to_owned(), limits, segments, closed), left))
    }

    /// At most so many records from a place on; from the oldest that is there, where there is no such place.
    pub(super) fn read(&self, from: Position, most: usize) -> Result<Batch, SpoolError> {
        let mut records = Vec::new();
        let (first, mut next) = self.segment_at(from);
        let mut segment = Some(first);
        while let Some(Closed { path, end, .. }) = &segment {
            let enough = next.offset + (most * MAX_FRAME) as u64;
            let bytes = read_between(path, next.offset, enough.min(*end));
            let bytes = bytes.map_err(|source| unusable(path, source))?;
            let mut at = 0;
            while records.len() < most && at < bytes.len() {
                match read_frame(&bytes, at) {
                    Found::Record(record, after) => {
                        records.push(*record);
                        at = after;
                    }
                    // What stands before it is taken first.
                    _ if !records.is_empty() => {
                        next.offset += at as u64;
                        return Ok(Batch { records, next });
                    }
                    Found::Nothing | Found::Broken | Found::Newer => {
                        return Err(SpoolError::Damaged {
                            path: path.clone(),
                            offset: next.offset + at as u64,
                            records: 0,
                        });
                    }
                }
            }
            next.offset += at as u64;
            if records.len() == most {
                break;
            }
            segment = self.segment_after(next.segment);
            if let Some(segment) = &segment {
                next = Position {
                    segment: segment.number,
                    offset: FIRST_FRAME,
                };
            }
        }
        Ok(Batch { records, next })
    }

    /// Where the next record will be written.
    pub(super) fn end(&self) -> Position {
        let state = self.lock();
        Position {
            segment: state.current.number,
            offset: state.end,
        }
    }

    fn segment_at(&self, from: Position) -> (Closed, Position) {
        let segments = self.segments();
        let named = segments
            .iter()
            .find(|segment| segment.number == from.segment && from.offset <= segment.end);
        if let Some(segment) = named {
            return (segment.clone(), from);
        }
        let oldest = segments.into_iter().next().expect("there is a current segment");
        let next = Position {
            segment: oldest.number,
            offset: FIRST_FRAME,
        };
        (oldest, next)
    }

    fn segment_after(&self, number: u64) -> Option<Closed> {
        self.segments()
            .into_iter()
            .find(|segment| segment.number > number)
    }

    /// With records or about to have some, the oldest first.
    fn segments(&self) -> Vec<Closed> {
        let state = self.lock();
        let current = Closed {
            number: state.current.number,
            path: state.current.path.clone(),
            end: state.end,
            bytes: self.limits.segment_bytes,
        };
        state.closed.iter().cloned().chain([current]).collect()
    }
}

/// Looks through one file, cuts it where its records end, and removes it where it has none.
fn look_through(
    dir: &Path,
    number: u64,
    on_damage: OnDamage,
    left: &mut Left,
) -> Result<Option<Closed>, SpoolError> {
    let path = segment::path_of(dir, number);
    let failed = |source| unusable(&path, source);
    let (end, records) = match segment::scan(&path, number) {
        Ok(scan) => {
            left.torn_bytes += scan.torn;
            (scan.end, scan.records)
        }
        Err(ScanError::Io(source)) => return Err(failed(source)),
        Err(ScanError::Newer) => return Err(SpoolError::Newer { path }),
        Err(ScanError::Damaged(Damage { at, records })) if on_damage == OnDamage::Refuse => {
            return Err(SpoolError::Damaged {
                path,
                offset: at,
                records,
            });
        }
        Err(ScanError::Damaged(Damage { at, records })) => {
            let aside = path.with_extension("damaged");
            keep_copy(&path, &aside).map_err(|source| unusable(&aside, source))?;
            left.damaged.push(aside);
            (at, records)
        }
    };
    left.records += records;
    if records == 0 {
        fs::remove_file(&path).map_err(failed)?;
        return Ok(None);
    }
    segment::cut(&path, end).map_err(failed)?;
    Ok(Some(Closed {
        number,
        path,
        end,
        bytes: end,
    }))
}

fn keep_copy(path: &PathBuf, aside: &PathBuf) -> io::Result<()> {
    fs::copy(path, aside)?;
    File::open(aside)?.sync_all()
}

fn read_between(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = to.saturating_sub(from);
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?];
    File::open(path)?.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
