//! Opening the spool, and reading it from any place on.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use tollgate_ledger::UsageRecord;

use super::{
    Left, Limits, OnDamage, SpoolError,
    append::{Closed, Position, Shared},
    keep::next_number,
    owner,
    record::{Found, MAX_FRAME, read_frame},
    segment::{self, Damage, FIRST_FRAME, ScanError, Segment},
    unusable,
};

/// Records, in the order in which they were written.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) records: Vec<UsageRecord<'a>>,
    /// Where the next one begins.
    pub(super) next: Position,
}

/// What was read of one file.
struct Piece {
    segment: Closed,
    /// Where in the file it begins.
    offset: u64,
    /// Where it is in what was read of all files.
    bytes: Range<usize>,
}

impl Shared {
    /// Looks through what is in `dir`, and makes room for new records. Nothing is added to old files. Where they leave
    /// the disk no room, it comes when they are applied.
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
            match Segment::create(dir, last, limits.segment_bytes) {
                Ok(segment) => segments.push_back(segment),
                Err(_) if !closed.is_empty() => break,
                Err(error) => return Err(failed(error)),
            }
        }
        let removed_to = owner::removed_to(dir).map_err(failed)?;
        Ok((
            Self::new(dir.to_owned(), limits, segments, closed, removed_to),
            left,
        ))
    }

    /// At most so many records from a place on; from the oldest that is there, where there is no such place.
    ///
    /// They borrow from `bytes`, which is emptied first.
    pub(super) fn read<'a>(
        &self,
        from: Position,
        most: usize,
        bytes: &'a mut Vec<u8>,
    ) -> Result<Batch<'a>, SpoolError> {
        let (pieces, mut next) = self.read_pieces(from, most * MAX_FRAME, bytes)?;
        let mut records = Vec::with_capacity(most.min(1_024));
        for piece in pieces {
            next = Position {
                segment: piece.segment.number,
                offset: piece.offset,
            };
            let bytes = &bytes[piece.bytes];
            let mut at = 0;
            while records.len() < most && at < bytes.len() {
                match read_frame(bytes, at) {
                    Found::Record(record, after) => {
                        records.push(record);
                        next.offset += (after - at) as u64;
                        at = after;
                    }
                    // What stands before it is taken first.
                    _ if !records.is_empty() => return Ok(Batch { records, next }),
                    Found::Nothing | Found::Broken | Found::Newer => {
                        return Err(SpoolError::Damaged {
                            path: piece.segment.path,
                            offset: next.offset,
                            records: 0,
                        });
                    }
                }
            }
            if records.len() == most {
                break;
            }
        }
        Ok(Batch { records, next })
    }

    /// Reads so many bytes or a little more from a place on, and says which place that is in the end.
    fn read_pieces(
        &self,
        from: Position,
        enough: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(Vec<Piece>, Position), SpoolError> {
        bytes.clear();
        // At one moment: the end of one that was written to and is full by now is not where it ended before.
        let segments = self.segments();
        let (first, start) = place_in(&segments, from);
        let mut pieces: Vec<Piece> = Vec::new();
        for segment in &segments[first..] {
            if bytes.len() >= enough {
                break;
            }
            let offset = match pieces.is_empty() {
                true => start.offset,
                false => FIRST_FRAME,
            };
            let end = segment.end.min(offset + (enough - bytes.len()) as u64);
            let before = bytes.len();
            read_between(segment, offset, end, bytes).map_err(|source| unusable(&segment.path, source))?;
            pieces.push(Piece {
                segment: segment.clone(),
                offset,
                bytes: before..bytes.len(),
            });
            if end < segment.end {
                break;
            }
        }
        Ok((pieces, start))
    }

    /// Where the last record ends.
    pub(super) fn end(&self) -> Position {
        let segments = self.segments();
        segments.last().map_or_else(Position::default, |last| Position {
            segment: last.number,
            offset: last.end,
        })
    }

    /// With records or about to have some, the oldest first.
    fn segments(&self) -> Vec<Closed> {
        let state = self.lock();
        let current = state.current.as_ref().map(|current| Closed {
            number: current.number,
            path: current.path.clone(),
            end: state.end,
            bytes: self.limits.segment_bytes,
            applied_at: None,
            open: Some(Arc::clone(current)),
        });
        state.closed.iter().cloned().chain(current).collect()
    }
}

/// Which of the segments a place is in, and the place itself; the oldest record's where there is no such place.
fn place_in(segments: &[Closed], from: Position) -> (usize, Position) {
    let named = segments
        .iter()
        .position(|segment| segment.number == from.segment && from.offset <= segment.end);
    let oldest = || Position {
        segment: segments.first().map_or(0, |segment| segment.number),
        offset: FIRST_FRAME,
    };
    named.map_or_else(|| (0, oldest()), |index| (index, from))
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
        applied_at: None,
        open: None,
    }))
}

fn keep_copy(path: &PathBuf, aside: &PathBuf) -> io::Result<()> {
    fs::copy(path, aside)?;
    File::open(aside)?.sync_all()
}

/// Adds a part of a file to `bytes`.
fn read_between(segment: &Closed, from: u64, to: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let length = to.saturating_sub(from);
    if length == 0 {
        return Ok(());
    }
    if let Some(open) = &segment.open {
        let before = bytes.len();
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        bytes.resize(before + length, 0);
        return open.read(from, &mut bytes[before..]);
    }
    let mut file = File::open(&segment.path)?;
    file.seek(SeekFrom::Start(from))?;
    match file.take(length).read_to_end(bytes)? as u64 == length {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests;
