//! State of turns that gates keep for each other.
//!
//! Written by a task, behind a queue with a bound in bytes: nobody waits for it, and what does not fit stays with the
//! gate that has it. Read where a turn comes back to a gate that does not know it.

use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

use super::{Inner, LARGE_WITHIN, Redis, RedisAway, SMALL_WITHIN};

/// Bytes that may wait.
const QUEUE_BYTES: usize = 16 << 20;
/// How many are sent together.
const TOGETHER: usize = 64;
/// What one weighs beside its bytes.
const ENTRY_BYTES: usize = 128;
/// How often it is looked whether anybody is left, at the longest.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where a state is found: a hash of all that it belongs to.
pub type Place = [u8; 32];

#[derive(Debug, Default)]
pub(super) struct StateQueue {
    waiting: Mutex<Waiting>,
    come: Notify,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    changes: VecDeque<Change>,
    bytes: usize,
}

/// `state`: `None` to forget it.
#[derive(Debug)]
struct Change {
    place: Place,
    state: Option<(Vec<u8>, Duration)>,
}

impl Change {
    fn weight(&self) -> usize {
        self.state.as_ref().map_or(0, |(bytes, _)| bytes.len()) + ENTRY_BYTES
    }
}

impl StateQueue {
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn push(&self, change: Change) {
        let weight = change.weight();
        let mut waiting = self.waiting();
        if waiting.bytes + weight > QUEUE_BYTES {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes += weight;
        waiting.changes.push_back(change);
        drop(waiting);
        self.come.notify_one();
    }

    fn take(&self) -> Vec<Change> {
        let mut waiting = self.waiting();
        let count = waiting.changes.len().min(TOGETHER);
        let taken: Vec<_> = waiting.changes.drain(..count).collect();
        waiting.bytes -= taken.iter().map(Change::weight).sum::<usize>();
        taken
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Redis {
    /// Keeps a state for other gates, in a moment and for `ttl`. While Redis is away it is not kept.
    pub fn keep_state(&self, place: Place, state: Vec<u8>, ttl: Duration) {
        if self.is_reached() {
            let state = Some((state, ttl));
            self.0.states.push(Change { place, state });
        }
    }

    /// Forgets a state that other gates may have kept.
    pub fn forget_state(&self, place: Place) {
        if self.is_reached() {
            self.0.states.push(Change { place, state: None });
        }
    }

    /// The states at these places, in their order. Waits for a fifth of a second at most.
    pub async fn states(&self, places: &[Place]) -> Result<Vec<Option<Vec<u8>>>, RedisAway> {
        let inner = &*self.0;
        if !self.is_reached() {
            return Err(RedisAway::NotConnected);
        }
        let mut command = redis::cmd("MGET");
        for place in places {
            command.arg(inner.key("reasoning", place));
        }
        inner
            .large
            .call_again(SMALL_WITHIN, |mut connection| {
                let command = &command;
                async move { command.query_async(&mut connection).await }
            })
            .await
    }
}

/// Sends what waits, while anybody wants it.
pub(super) async fn send(inner: Weak<Inner>) {
    while let Some(inner) = inner.upgrade() {
        let changes = inner.states.take();
        if changes.is_empty() {
            tokio::select! {
                () = inner.states.come.notified() => {}
                () = sleep(LOOK_EVERY) => {}
            }
            continue;
        }
        let mut pipe = redis::pipe();
        for Change { place, state } in &changes {
            match state {
                Some((bytes, ttl)) => {
                    let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
                    pipe.cmd("SET")
                        .arg(inner.key("reasoning", place))
                        .arg(bytes)
                        .arg("PX")
                        .arg(ttl)
                        .ignore()
                }
                None => pipe.cmd("DEL").arg(inner.key("reasoning", place)).ignore(),
            };
        }
        let sent = inner
            .large
            .call_again(LARGE_WITHIN, |mut connection| {
                let pipe = &pipe;
                async move { pipe.query_async::<()>(&mut connection).await }
            })
            .await;
        if sent.is_err() {
            inner
                .states
                .lost
                .fetch_add(changes.len() as u64, Ordering::Relaxed);
        }
    }
}
