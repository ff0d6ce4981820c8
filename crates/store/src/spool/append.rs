//! Room, and writing into it.
//!
//! Room is counted in bytes, in one number that admission takes from by compare-and-swap: each request takes as
//! much as the largest record, and what it does not use comes back with its end. The number covers the segment
//! that is written to and the empty ones behind it, so whoever was given room finds it in a file.

use std::{
    cmp,
    collections::VecDeque,
    io, mem,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Kept, Limits, Owner, SpoolError, Standing,
    owner::OwnerFile,
    record::MAX_FRAME,
    segment::{FIRST_FRAME, Segment},
};
use tracing::{debug, error};

/// Full segments that are kept open until they are applied, of which there may be hundreds.
const OPEN_MAX: usize = 8;
/// How long files are kept of which all is in the database: for one that comes back without what it had last.
const KEEP_APPLIED_FOR: Duration = Duration::from_secs(600);
/// How often it is looked whether room has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) dir: PathBuf,
    pub(super) limits: Limits,
    /// Bytes of room that nobody was given.
    free: AtomicI64,
    /// Whether room runs low, and nobody has looked after that yet.
    pub(super) wants_segment: AtomicBool,
    /// Whether what was written cannot be brought to disk. Nothing is let in meanwhile.
    pub(super) in_trouble: AtomicBool,
    state: Mutex<State>,
    /// For the thread that keeps the files: there is something to do.
    pub(super) work: Condvar,
    /// What says whose the records are, once it was written.
    owner: OnceLock<OwnerFile>,
}

#[derive(Debug)]
pub(super) struct State {
    /// What is written to, and up to where. `None`: the disk had no room for it, and what is there is applied first.
    pub(super) current: Option<Arc<Segment>>,
    pub(super) end: u64,
    /// Empty ones, in the order in which they follow.
    pub(super) spares: VecDeque<Segment>,
    /// Those before the current one, the oldest first.
    pub(super) closed: VecDeque<Closed>,
    /// Segments of this run that are full and not synced to their end.
    pub(super) unsynced: Vec<(Arc<Segment>, u64)>,
    /// Applied, and to be removed.
    pub(super) removable: Vec<Closed>,
    /// Whether something was written since the last sync.
    pub(super) dirty: bool,
    /// Frames that could not be written.
    pub(super) kept: VecDeque<Vec<u8>>,
    /// Everything before this is in the database.
    pub(super) applied: Position,
    /// Where the last one ended that was removed.
    pub(super) removed_to: Position,
    /// How often the database was found to be behind what is left.
    pub(super) gaps: u64,
    pub(super) disk_bytes: u64,
    /// Why there is no further segment.
    pub(super) cannot_grow: Option<io::Error>,
    pub(super) closing: bool,
}

/// A segment that is no more written to.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// Where its last frame ends.
    pub(super) end: u64,
    /// Of the file.
    pub(super) bytes: u64,
    /// Since when all of it is in the database.
    pub(super) applied_at: Option<Instant>,
    /// Of this run and new: it can be read also where it has lost its name.
    pub(super) open: Option<Arc<Segment>>,
}

impl State {
    /// The number of the newest segment.
    pub(super) fn newest(&self) -> u64 {
        let spare = self.spares.back().map(|spare| spare.number);
        let current = || self.current.as_ref().map(|current| current.number);
        let closed = || self.closed.back().map(|closed| closed.number);
        spare.or_else(current).or_else(closed).unwrap_or(0)
    }
}

impl Closed {
    /// Whether all of it is before a place.
    fn ends_before(&self, position: Position) -> bool {
        self.number < position.segment || self.number == position.segment && self.end <= position.offset
    }
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

impl Shared {
    pub(super) fn new(
        dir: PathBuf,
        limits: Limits,
        mut segments: VecDeque<Segment>,
        closed: VecDeque<Closed>,
        removed_to: Position,
    ) -> Self {
        let room = limits.capacity() * segments.len() as u64;
        let of_closed: u64 = closed.iter().map(|closed| closed.bytes).sum();
        let disk_bytes = of_closed + limits.segment_bytes * segments.len() as u64;
        let current = segments.pop_front().map(Arc::new);
        Self {
            dir,
            limits,
            free: AtomicI64::new(room.cast_signed()),
            wants_segment: AtomicBool::new(room < limits.ahead_bytes),
            in_trouble: AtomicBool::new(false),
            state: Mutex::new(State {
                current,
                end: FIRST_FRAME,
                spares: segments,
                closed,
                unsynced: Vec::new(),
                removable: Vec::new(),
                dirty: false,
                kept: VecDeque::new(),
                applied: Position::default(),
                removed_to,
                gaps: 0,
                disk_bytes,
                cannot_grow: None,
                closing: false,
            }),
            work: Condvar::new(),
            owner: OnceLock::new(),
        }
    }

    pub(super) fn is_for(&self, owner: &Owner) -> Result<(), SpoolError> {
        let (applied, removed_to) = {
            let state = self.lock();
            (state.applied, state.removed_to)
        };
        let file = OwnerFile::write(&self.dir, owner, applied, removed_to)?;
        // What was applied meanwhile is noted by what comes after it.
        let _ = self.owner.set(file);
        Ok(())
    }

    /// Takes room for one record.
    pub(super) fn reserve(&self) -> bool {
        if self.in_trouble.load(Ordering::Acquire) {
            return false;
        }
        let most = MAX_FRAME as i64;
        let take = |free: i64| (free >= most).then_some(free - most);
        let before = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        let left = before.map_or_else(|free| free, |free| free - most);
        if left < self.limits.ahead_bytes.cast_signed() {
            self.want_segment();
        }
        before.is_ok()
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.add_room(bytes as u64);
    }

    pub(super) fn add_room(&self, bytes: u64) {
        self.free.fetch_add(bytes.cast_signed(), Ordering::AcqRel);
    }

    pub(super) fn free(&self) -> i64 {
        self.free.load(Ordering::Acquire)
    }

    /// Waits until there is room for a request. Blocks.
    pub(super) fn wait_for_room(&self, within: Duration) -> io::Result<()> {
        let began = Instant::now();
        while self.free() < MAX_FRAME as i64 {
            if began.elapsed() > within {
                let reason = self.lock().cannot_grow.take();
                return Err(reason.unwrap_or_else(|| io::ErrorKind::StorageFull.into()));
            }
            self.want_segment();
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn want_segment(&self) {
        if !self.wants_segment.swap(true, Ordering::AcqRel) {
            // With the lock, so that the keeper is not between its look and its sleep.
            drop(self.lock());
            self.work.notify_one();
        }
    }

    /// Writes a frame for which there is room.
    pub(super) fn append(&self, frame: Vec<u8>) -> Kept {
        let mut state = self.lock();
        let is_first = !state.dirty && state.kept.is_empty();
        // In the order in which they ended.
        let written = state.kept.is_empty() && self.write(&mut state, &frame).is_ok();
        if !written {
            self.in_trouble.store(true, Ordering::Release);
            state.kept.push_back(frame);
        }
        drop(state);
        if is_first {
            self.work.notify_one();
        }
        if written { Kept::InFile } else { Kept::InMemory }
    }

    /// Writes a frame, and gives back the room that it leaves. After an error everything is as it was: what
    /// stands in the file after `end` is written over.
    pub(super) fn write(&self, state: &mut State, frame: &[u8]) -> io::Result<()> {
        if state.current.is_none() || state.end + MAX_FRAME as u64 > self.limits.segment_bytes {
            let next = state.spares.pop_front().ok_or(io::ErrorKind::StorageFull)?;
            let full = state.current.replace(Arc::new(next));
            let end = mem::replace(&mut state.end, FIRST_FRAME);
            if let Some(full) = full {
                self.close(state, full, end);
            }
        }
        let current = state.current.as_ref().ok_or(io::ErrorKind::StorageFull)?;
        current.write(frame, state.end)?;
        state.end += frame.len() as u64;
        state.dirty = true;
        self.give_back(MAX_FRAME - frame.len());
        Ok(())
    }

    fn close(&self, state: &mut State, full: Arc<Segment>, end: u64) {
        // It took a little more than it was counted with.
        self.add_room((end - FIRST_FRAME).saturating_sub(self.limits.capacity()));
        state.closed.push_back(Closed {
            number: full.number,
            path: full.path.clone(),
            end,
            bytes: self.limits.segment_bytes,
            applied_at: None,
            open: Some(Arc::clone(&full)),
        });
        if let Some(before) = state.closed.len().checked_sub(OPEN_MAX + 1) {
            state.closed[before].open = None;
        }
        state.unsynced.push((full, end));
    }

    /// Where the database was found at the start of a run. One that was never told of this spool begins.
    pub(super) fn begin_at(&self, found: Position) {
        if found != Position::default() {
            self.look_for_gap(found);
        }
    }

    /// Whether records are gone that a database lacks which is at `found`: that is said loudly.
    pub(super) fn look_for_gap(&self, found: Position) {
        let mut state = self.lock();
        let current = state.current.as_ref().map(|current| current.number);
        let numbers = state.closed.iter().map(|closed| closed.number).chain(current);
        let is_there = numbers.clone().any(|number| number == found.segment);
        if is_there || found >= state.removed_to {
            return;
        }
        error!(
            segment = found.segment,
            offset = found.offset,
            removed_to_segment = state.removed_to.segment,
            removed_to_offset = state.removed_to.offset,
            oldest_segment = numbers.min(),
            "the database lacks requests that it had, and the spool has only later ones: charges in between are lost"
        );
        state.gaps += 1;
    }

    /// Notes that everything before `position` is in the database. What it has may become less again, so files of which
    /// all is applied are kept for a while, as long as they are in nobody's way.
    pub(super) fn applied(&self, position: Position) {
        let mut state = self.lock();
        let is_news = state.applied != position;
        state.applied = position;
        let now = Instant::now();
        let mut kept_bytes = 0;
        for closed in &mut state.closed {
            closed.applied_at = match closed.ends_before(position) {
                true => Some(closed.applied_at.unwrap_or(now)),
                false => None,
            };
            kept_bytes += closed.applied_at.map_or(0, |_| closed.bytes);
        }
        while let Some(oldest) = state.closed.front()
            && let Some(applied_at) = oldest.applied_at
            && (kept_bytes > self.limits.kept_bytes || applied_at.elapsed() >= KEEP_APPLIED_FOR)
        {
            kept_bytes -= oldest.bytes;
            self.take_out(&mut state);
        }
        state
            .unsynced
            .retain(|(segment, _)| segment.number >= position.segment);
        let has_work = !state.removable.is_empty();
        drop(state);
        if has_work {
            self.work.notify_one();
        }
        if is_news
            && let Some(owner) = self.owner.get()
            && let Err(error) = owner.note(position)
        {
            // A gate that moves to another database takes more for unbooked than there is, and says so.
            debug!(%error, "it is not noted how far the spool is applied");
        }
    }

    /// Removes the oldest file of which all is applied, for one that has to be made. `false`: there is none.
    pub(super) fn let_go(&self) -> bool {
        let mut state = self.lock();
        let is_kept = state
            .closed
            .front()
            .is_some_and(|oldest| oldest.applied_at.is_some());
        if is_kept {
            self.take_out(&mut state);
        }
        is_kept
    }

    /// Hands the oldest file to whoever removes it, once it is noted that it goes.
    fn take_out(&self, state: &mut State) {
        let Some(closed) = state.closed.pop_front() else {
            return;
        };
        state.removed_to = Position {
            segment: closed.number,
            offset: closed.end,
        };
        if let Some(owner) = self.owner.get()
            && let Err(error) = owner.note_removed(state.removed_to)
        {
            // A gap before it is not noticed after a restart.
            debug!(%error, "it is not noted how far the spool's files are removed");
        }
        state.removable.push(closed);
    }

    pub(super) fn standing(&self) -> Standing {
        let state = self.lock();
        let applied = state.applied;
        let waiting = |number: u64, end: u64| match number.cmp(&applied.segment) {
            cmp::Ordering::Less => 0,
            cmp::Ordering::Equal => end.saturating_sub(applied.offset),
            cmp::Ordering::Greater => end - FIRST_FRAME,
        };
        let of_closed: u64 = state
            .closed
            .iter()
            .map(|closed| waiting(closed.number, closed.end))
            .sum();
        let current = state.current.as_ref();
        let of_current = current.map_or(0, |current| waiting(current.number, state.end));
        Standing {
            waiting_bytes: of_closed + of_current,
            disk_bytes: state.disk_bytes,
            max_bytes: self.limits.max_bytes,
            in_memory: state.kept.len(),
            gaps: state.gaps,
            has_room: !self.in_trouble.load(Ordering::Acquire) && self.free() >= MAX_FRAME as i64,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
