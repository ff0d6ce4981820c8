//! What becomes of a request's calls when its client goes.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};
use tollgate_chat::usage::Usage;

use super::{
    AbandonedSettings, Deadline, ReadingOn, Rest,
    reading::{Left, LeftBehind},
};
use crate::{count::heard::Heard, gate::Gate, story::AttemptMark};

/// The client is there.
const PRESENT: u8 = 0;
/// It has gone, and the request is not settled yet.
const GONE: u8 = 1;
const SETTLED: u8 = 2;

/// What becomes of the calls of one request when its client goes.
pub struct Departure {
    bounds: AbandonedSettings,
    /// All that is read on is to be let go.
    closing: watch::Receiver<bool>,
    state: AtomicU8,
    /// Attempts that left something; only one of them is paid for.
    left: Mutex<Vec<Left>>,
    attempts: AtomicU32,
    /// Those of them that have not ended.
    under_way: AtomicU32,
    /// The first of them has begun, or the last one has ended.
    changed: Notify,
    /// Of a request that goes on without its client.
    place: Mutex<Option<ReadingOn>>,
}

/// What becomes of the calls of one attempt when the client goes.
pub struct Parting {
    departure: Arc<Departure>,
    attempt: u32,
    mark: AttemptMark,
    prompt: u64,
}

/// Says, by being dropped, that the client has gone. It has to be dropped before the calls are.
pub struct Leaving(pub Option<Arc<Departure>>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(departure) = &self.0 {
            let (present, gone) = (PRESENT, GONE);
            // Where the request is settled, nobody has gone.
            let _ = departure
                .state
                .compare_exchange(present, gone, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

impl Departure {
    pub fn new(gate: &Gate) -> Arc<Self> {
        Arc::new(Self {
            bounds: gate.settings.abandoned,
            closing: gate.abandoned.closing(),
            state: AtomicU8::new(PRESENT),
            left: Mutex::default(),
            attempts: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
            changed: Notify::new(),
            place: Mutex::default(),
        })
    }

    /// Where the calls of a new attempt are left. It is under way as long as one of its calls has this. `prompt`: about
    /// how many tokens each of them reads.
    pub fn of_attempt(self: &Arc<Self>, mark: AttemptMark, prompt: u64) -> Arc<Parting> {
        if self.under_way.fetch_add(1, Ordering::Relaxed) == 0 {
            self.changed.notify_waiters();
        }
        Arc::new(Parting {
            departure: Arc::clone(self),
            attempt: self.attempts.fetch_add(1, Ordering::Relaxed),
            mark,
            prompt,
        })
    }

    /// Whether a provider is being asked that bills on.
    fn is_any_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// Whether the whole request may go on without its client: a provider is being asked that bills on, and there is a
    /// place for it, which it keeps to its end.
    pub fn goes_on(&self, gate: &Arc<Gate>) -> bool {
        if !self.is_any_under_way() {
            return false;
        }
        let mut place = self.place();
        if place.is_none() {
            *place = ReadingOn::begin(gate);
        }
        place.is_some()
    }

    /// Waits until it has gone on without a client for as long as it may, or no provider has been asked that bills on
    /// for as long as a `pause` between two attempts may take.
    pub async fn has_gone_on(&self, pause: Duration) {
        let left = async {
            loop {
                self.until(|under_way| !under_way).await;
                if timeout(pause, self.until(|under_way| under_way)).await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout(self.bounds.time, left).await;
    }

    /// How many bytes of it.
    pub fn most_bytes(&self) -> usize {
        self.bounds.bytes
    }

    async fn until(&self, wanted: impl Fn(bool) -> bool) {
        loop {
            // Made before the look, so that no change is missed.
            let changed = self.changed.notified();
            if wanted(self.is_any_under_way()) {
                return;
            }
            changed.await;
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<ReadingOn>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Vec<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request is settled, or about to be. Gives what was left, if anything was; nothing is left from now on.
    pub fn settled(&self) -> Option<LeftBehind> {
        self.state.store(SETTLED, Ordering::Release);
        let mut attempts = std::mem::take(&mut *self.left());
        // An attempt that has ended has failed: another one was begun.
        attempts.retain(|left| !left.calls.is_empty());
        (!attempts.is_empty()).then(|| LeftBehind {
            attempts,
            place: self.place().take(),
        })
    }
}

impl Parting {
    /// How far what is left now may be read: no further, where it has gone on without its client already.
    pub fn deadline(&self) -> Deadline {
        let AbandonedSettings { time, bytes, .. } = self.departure.bounds;
        let left = match *self.departure.place() {
            None => time,
            Some(_) => Duration::ZERO,
        };
        Deadline {
            until: Instant::now() + left,
            bytes,
            closing: self.departure.closing.clone(),
        }
    }

    /// Whether what is dropped now is dropped because the client has gone.
    pub fn is_now(&self) -> bool {
        self.departure.state.load(Ordering::Acquire) == GONE
    }

    /// Leaves a call to whoever settles the request. Only while [`Self::is_now`].
    pub fn leave(&self, rest: Rest) {
        self.with(|left| left.calls.push(rest));
    }

    /// Notes the count of a call that has ended while others of the same attempt go on.
    pub fn count(&self, usage: Usage, is_estimated: bool) {
        self.with(|left| left.ended.push(Heard::of(usage, is_estimated)));
    }

    fn with(&self, change: impl FnOnce(&mut Left)) {
        let mut attempts = self.departure.left();
        let known = attempts.iter().position(|left| left.attempt == self.attempt);
        let place = known.unwrap_or_else(|| {
            attempts.push(Left {
                attempt: self.attempt,
                mark: self.mark.clone(),
                prompt: self.prompt,
                calls: Vec::new(),
                ended: Vec::new(),
            });
            attempts.len() - 1
        });
        change(&mut attempts[place]);
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        if self.departure.under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.departure.changed.notify_waiters();
        }
    }
}
