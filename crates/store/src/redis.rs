//! What several gates share beside the database: rates, requests under way, state of reasoning, answers for a client's
//! own retry.
//!
//! Nothing here is money, and nothing has to last: what Redis loses, or cannot be asked for, each gate does without.
//! A request waits for it only where it would be refused otherwise or would be made twice, and then for a quarter of a
//! second at most. Once a call has failed nobody asks any more until a task has found that it answers again, so a
//! server that hangs costs requests nothing.
//! Not here: what gates do without it (`tollgate_ledger::limits::rate`, `gateway`).

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{Script, aio::MultiplexedConnection};
use tokio::{
    task::JoinHandle,
    time::{self, MissedTickBehavior},
};
use tollgate_ledger::limits::Sharing;
use tracing::{debug, info, warn};

use self::{link::Link, places::PlaceScripts, reasoning::StateQueue, replays::ReplayScripts};
pub use self::{
    link::RedisAway,
    url::{RedisUrl, RedisUrlError},
};

mod link;
mod places;
mod rates;
pub mod reasoning;
pub mod replays;
mod url;

/// How often it is looked whether it answers, and said that this gate is there.
const BEAT: Duration = Duration::from_millis(500);
/// A gate that has said nothing for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(10);
/// How long a small answer may take.
const SMALL_WITHIN: Duration = Duration::from_millis(200);
/// How long one with megabytes in it may take, for which no request waits.
const LARGE_WITHIN: Duration = Duration::from_secs(2);
/// When it answers again: for how long each gate tells what it let through meanwhile before any asks for more. Longer than
/// it takes all of them to find that out.
const TELLING: Duration = Duration::from_millis(1_200);
/// Clocks that differ by no more are left as they are.
const CLOCKS_DIFFER: Duration = Duration::from_millis(20);

/// A Redis server, reached or not. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Redis(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: RedisUrl,
    /// What the names of all that these gates keep there begin with.
    prefix: String,
    gate: String,
    /// For what is small and has to come soon.
    small: Link,
    /// For what may be megabytes, behind which nothing small is to wait.
    large: Link,
    began: Instant,
    sharing: Arc<Sharing>,
    /// Whether it was found to answer, or not to.
    is_known: AtomicBool,
    /// `None`: it does not answer.
    reached_since: Mutex<Option<Instant>>,
    failures: AtomicU64,
    /// How often a call has failed: what it was told before may be lost.
    lost: AtomicU64,
    gates: Script,
    rates: Script,
    places: PlaceScripts,
    replays: ReplayScripts,
    states: StateQueue,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub is_up: bool,
    /// How many gates there were when it last answered.
    pub gates: u32,
    /// How often it was found not to answer.
    pub failures: u64,
    /// How many states of turns were not kept for other gates, since they came faster than they could be sent.
    pub states_lost: u64,
}

impl Redis {
    /// Connects, and keeps connected from then on. Waits for the first answer, a second at most. `installation`: the name
    /// of the database that all gates share; `gate`: the name that no other gate has.
    ///
    /// Must be called within a tokio runtime.
    pub async fn start(url: &RedisUrl, installation: &str, gate: String) -> Self {
        let inner = Arc::new(Inner {
            small: Link::new(url),
            large: Link::new(url),
            url: url.clone(),
            prefix: format!("tollgate:{installation}:"),
            gate,
            began: Instant::now(),
            sharing: Arc::default(),
            is_known: AtomicBool::new(false),
            reached_since: Mutex::default(),
            failures: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            gates: Script::new(include_str!("redis/gates.lua")),
            rates: Script::new(include_str!("redis/rates.lua")),
            places: PlaceScripts::default(),
            replays: ReplayScripts::default(),
            states: StateQueue::default(),
            keeper: Mutex::default(),
        });
        inner.beat().await;
        inner.beat_large().await;
        let keeper = tokio::spawn(keep(Arc::downgrade(&inner)));
        tokio::spawn(keep_large(Arc::downgrade(&inner)));
        tokio::spawn(reasoning::send(Arc::downgrade(&inner)));
        *inner.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        Self(inner)
    }

    pub fn standing(&self) -> Standing {
        let Inner {
            sharing,
            failures,
            states,
            ..
        } = &*self.0;
        Standing {
            is_up: !sharing.is_away(),
            gates: sharing.gates(),
            failures: failures.load(Ordering::Relaxed),
            states_lost: states.lost(),
        }
    }

    /// Whether anything can be asked, be it before rates are shared again.
    pub(crate) fn is_reached(&self) -> bool {
        self.0.reached_since().is_some()
    }

    /// A number that is another one after any call has failed: the server may have begun anew since, and know nothing of
    /// what it was told.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Acquire)
    }

    /// What the rates of this gate know of the others.
    pub(crate) fn sharing(&self) -> &Arc<Sharing> {
        &self.0.sharing
    }

    /// From when the time of its rates is counted.
    pub(crate) fn began(&self) -> Instant {
        self.0.began
    }

    /// Says that this gate ends, so that the others share its part at once.
    pub async fn leave(&self) {
        if let Some(keeper) = self.0.taken_keeper() {
            keeper.abort();
        }
        let gate = self.0.gate.as_str();
        let gates = self.0.key("gates", b"");
        // Where it fails, the gate is gone for the others in a moment.
        let _ = self
            .0
            .small
            .call(SMALL_WITHIN, async |connection| {
                redis::cmd("ZREM")
                    .arg(gates)
                    .arg(gate)
                    .query_async::<()>(connection)
                    .await
            })
            .await;
    }
}

impl Inner {
    /// The name under which something of this kind is there.
    fn key(&self, kind: &str, name: &[u8]) -> Vec<u8> {
        [self.prefix.as_bytes(), kind.as_bytes(), b":", name].concat()
    }

    fn taken_keeper(&self) -> Option<JoinHandle<()>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Looks whether it answers, and says that this gate is there.
    async fn beat(&self) {
        match self.says_it_is_there().await {
            // It is there, and has to be told all over again.
            Err(error @ RedisAway::Forgetful) => {
                self.fails(&error);
                if let Err(error) = self.says_it_is_there().await {
                    self.fails(&error);
                }
            }
            Err(error) => self.fails(&error),
            Ok(()) => {}
        }
    }

    /// Looks whether what is large can be asked for as well, where it answers at all. Nobody would find out that its
    /// connection has ended before a request needs it; and one that is idle for long is ended by some servers.
    async fn beat_large(&self) {
        if self.reached_since().is_none() {
            return;
        }
        let answer = async {
            self.large.connect().await?;
            let ping = |mut connection: MultiplexedConnection| async move {
                redis::cmd("PING").query_async::<String>(&mut connection).await
            };
            // Megabytes may be on their way before the answer.
            self.large.call_again(LARGE_WITHIN, ping).await
        };
        if let Err(error) = answer.await {
            self.failures.fetch_add(1, Ordering::Relaxed);
            debug!(redis = %self.url, %error, "Redis does not answer on the connection for what is large");
        }
    }

    async fn says_it_is_there(&self) -> Result<(), RedisAway> {
        let asked = Instant::now();
        let is_known = self.reached_since().is_some();
        self.small.connect().await?;
        let answer = self
            .small
            .call(SMALL_WITHIN, async |connection| {
                self.gates
                    .key(self.key("gates", b""))
                    .arg(&self.gate)
                    .arg(GONE_AFTER.as_secs())
                    .arg(u8::from(is_known))
                    .invoke_async::<Option<(u64, u64, u32)>>(connection)
                    .await
            })
            .await?;
        let (seconds, micros, gates) = answer.ok_or(RedisAway::Forgetful)?;
        let halfway = asked + asked.elapsed() / 2;
        let clock = Duration::from_secs(seconds) + Duration::from_micros(micros);
        self.answers(clock.saturating_sub(halfway - self.began), gates);
        Ok(())
    }

    fn reached_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.reached_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answers(&self, ahead: Duration, gates: u32) {
        if self.sharing.ahead().abs_diff(ahead) > CLOCKS_DIFFER {
            self.sharing.set_clock(ahead);
        }
        let since = *self.reached_since().get_or_insert_with(Instant::now);
        let is_first = !self.is_known.swap(true, Ordering::Relaxed);
        let was_away = self.sharing.is_away();
        if was_away && !is_first && since.elapsed() < TELLING {
            return;
        }
        self.sharing.begin(gates);
        if was_away {
            info!(redis = %self.url, gates, "Redis answers");
        }
    }

    fn fails(&self, error: &RedisAway) {
        let is_first = !self.is_known.swap(true, Ordering::Relaxed);
        let was_up = !self.sharing.is_away();
        *self.reached_since() = None;
        self.lost.fetch_add(1, Ordering::Release);
        self.sharing.end();
        if was_up || is_first {
            self.failures.fetch_add(1, Ordering::Relaxed);
            let gates = self.sharing.gates();
            warn!(redis = %self.url, %error, gates, "Redis does not answer; each gate goes on with its part of each limit");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(keeper) = self.taken_keeper() {
            keeper.abort();
        }
    }
}

/// Keeps connected while anybody wants it.
async fn keep(inner: Weak<Inner>) {
    let mut ticks = time::interval(BEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let Some(inner) = inner.upgrade() else { return };
        inner.beat().await;
    }
}

/// The same for what is large. By itself, since that may take longer, and the beat waits for nobody.
async fn keep_large(inner: Weak<Inner>) {
    loop {
        time::sleep(BEAT).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.beat_large().await;
    }
}

#[cfg(test)]
mod tests;
