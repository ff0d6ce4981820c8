//! The spool's own thread: syncs what was written, makes and removes segments, and writes what could not be
//! written at first.
//!
//! It sleeps while there is nothing to do. What fails is tried again twice a second; meanwhile no request is
//! let in where its record would be in danger.

use std::{
    fs, io,
    sync::{PoisonError, atomic::Ordering},
    time::{Duration, SystemTime},
};

use tracing::{error, info, warn};

use super::{
    append::Shared,
    segment::{Segment, sync_folder},
};

/// How long writes gather before they are synced: what a power cut can take.
const SYNC_EVERY: Duration = Duration::from_millis(100);
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// What the log was told of, so that it is told once.
#[derive(Default)]
struct Told {
    unwritable: bool,
    no_segment: bool,
    full: bool,
}

impl Shared {
    /// Looks after the files until [`Self::end_keeping`].
    pub(super) fn keep(&self) {
        let mut told = Told::default();
        loop {
            let closing = self.wait_for_work();
            self.remove_applied();
            let has_room = self.make_segments(&mut told);
            let is_safe = self.bring_to_disk(&mut told);
            if closing {
                self.last_sync(is_safe);
                return;
            }
            if !has_room || !is_safe {
                self.pause();
            }
        }
    }

    pub(super) fn end_keeping(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Whether the spool is being closed.
    fn wait_for_work(&self) -> bool {
        let wants_segment = || self.wants_segment.load(Ordering::Acquire);
        let mut state = self.lock();
        state = self
            .work
            .wait_while(state, |state| {
                let idle = !state.dirty && state.kept.is_empty() && state.removable.is_empty();
                !state.closing && idle && !wants_segment()
            })
            .unwrap_or_else(PoisonError::into_inner);
        // Only a sync is worth waiting with.
        let (state, _) = self
            .work
            .wait_timeout_while(state, SYNC_EVERY, |state| {
                let idle = state.kept.is_empty() && state.removable.is_empty();
                !state.closing && idle && !wants_segment()
            })
            .unwrap_or_else(PoisonError::into_inner);
        state.closing
    }

    fn pause(&self) {
        let state = self.lock();
        let waited = self.work.wait_timeout_while(state, RETRY_EVERY, |state| {
            !state.closing && state.removable.is_empty()
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn remove_applied(&self) {
        let removable = std::mem::take(&mut self.lock().removable);
        let mut removed = 0;
        for closed in removable {
            if let Err(error) = fs::remove_file(&closed.path) {
                // It is applied once more after a restart, which changes nothing.
                warn!(path = %closed.path.display(), %error, "a file of the spool cannot be removed");
            }
            removed += closed.bytes;
        }
        self.lock().disk_bytes -= removed;
    }

    /// Makes segments until there is room ahead. `false`: there is less.
    fn make_segments(&self, told: &mut Told) -> bool {
        self.wants_segment.store(false, Ordering::Release);
        while self.free() < self.limits.ahead_bytes.cast_signed() {
            let (last, disk_bytes) = {
                let state = self.lock();
                (state.newest(), state.disk_bytes)
            };
            if disk_bytes + self.limits.segment_bytes > self.limits.max_bytes {
                if self.let_go() {
                    self.remove_applied();
                    continue;
                }
                if !told.full {
                    warn!(
                        disk_bytes,
                        "the spool has reached its bound; when it is full, requests are refused until the database \
                         has taken what is there"
                    );
                }
                told.full = true;
                return false;
            }
            let number = next_number(last);
            match Segment::create(&self.dir, number, self.limits.segment_bytes) {
                Ok(segment) => {
                    let mut state = self.lock();
                    state.spares.push_back(segment);
                    state.disk_bytes += self.limits.segment_bytes;
                    drop(state);
                    self.add_room(self.limits.capacity());
                }
                Err(_) if self.let_go() => self.remove_applied(),
                Err(error) => {
                    if !told.no_segment {
                        error!(%error, "the spool cannot grow; when its room is used up, requests are refused");
                    }
                    told.no_segment = true;
                    self.lock().cannot_grow = Some(error);
                    return false;
                }
            }
        }
        if std::mem::take(&mut told.full) || std::mem::take(&mut told.no_segment) {
            info!("the spool has room again");
        }
        true
    }

    /// Writes what is kept in memory, and syncs. `false`: not everything is on disk.
    fn bring_to_disk(&self, told: &mut Told) -> bool {
        let kept = self.write_kept().and_then(|()| self.sync());
        match kept.and_then(|()| self.look_for_file()) {
            Ok(()) => {
                let state = self.lock();
                // With the lock, since a record may just have been kept.
                self.in_trouble.store(!state.kept.is_empty(), Ordering::Release);
                drop(state);
                if std::mem::take(&mut told.unwritable) {
                    info!("the spool can be written again");
                }
                true
            }
            Err(error) => {
                self.in_trouble.store(true, Ordering::Release);
                if !told.unwritable {
                    error!(%error, "the spool cannot be written; requests are refused until it can");
                }
                told.unwritable = true;
                false
            }
        }
    }

    /// Whether a start would find what is written: somebody may have moved the folder away, or removed it. What was
    /// written is brought to the database by the open file nevertheless.
    fn look_for_file(&self) -> io::Result<()> {
        let current = self.lock().current.clone();
        let looked = current.map_or(Ok(()), |current| current.is_in_place());
        if looked.is_err() {
            // It is looked for again.
            self.lock().dirty = true;
        }
        looked
    }

    fn write_kept(&self) -> io::Result<()> {
        let mut state = self.lock();
        while let Some(frame) = state.kept.pop_front() {
            if let Err(error) = self.write(&mut state, &frame) {
                state.kept.push_front(frame);
                return Err(error);
            }
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (full, current, end) = {
            let mut state = self.lock();
            if !state.dirty {
                return Ok(());
            }
            state.dirty = false;
            (state.unsynced.clone(), state.current.clone(), state.end)
        };
        let synced = full
            .iter()
            .map(|(segment, end)| (segment, *end))
            .chain(current.as_ref().map(|current| (current, end)))
            .try_for_each(|(segment, end)| {
                segment.sync()?;
                segment.mark(end)
            });
        let mut state = self.lock();
        match synced {
            Ok(()) => state
                .unsynced
                .retain(|(segment, _)| full.iter().all(|(synced, _)| synced.number != segment.number)),
            Err(_) => state.dirty = true,
        }
        drop(state);
        synced
    }

    fn last_sync(&self, is_safe: bool) {
        let state = self.lock();
        if !state.kept.is_empty() || !is_safe {
            error!(
                records = state.kept.len(),
                "the spool is closed with records that are not on disk"
            );
        }
        // The last mark, and what was removed.
        let current = state.current.as_ref();
        let last = current
            .map_or(Ok(()), |current| current.sync())
            .and_then(|()| sync_folder(&self.dir));
        if let Err(error) = last {
            warn!(%error, "the spool's last sync failed");
        }
    }
}

/// A number for a segment after `last`: the time in microseconds.
pub(super) fn next_number(last: u64) -> u64 {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX).max(last + 1)
}
