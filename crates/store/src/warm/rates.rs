//! This gate's stretches of rates that other gates count too.
//!
//! Where a key is in use, a task takes stretches ahead of need ([`RateLeases::look_after`]), so that its requests ask
//! nobody: an eighth of the limit while most of it is there, and when it is scarce twice what was used lately. A request
//! that finds them used up asks for more itself ([`RateLeases::ask`]), behind one question for all who wait, since it
//! would be refused otherwise. A refusal is remembered for a moment, so that those who come too often are no load.
//! Not here: what a stretch is worth, and what happens while nobody can be asked (`tollgate_ledger::limits::rate`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{
    sync::Semaphore,
    time::{self, MissedTickBehavior},
};
use tollgate_ledger::limits::{
    Limit, Rate,
    rate::{Granted, Line},
};

use crate::{
    leases::Payer,
    redis::{Redis, RedisAway},
};

/// How long a request waits for Redis.
const WAIT: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many rates are asked for at once.
const TOGETHER: usize = 32;
/// What is taken ahead of need: an eighth of a minute's worth, in the time that the limit takes to give it anew.
const AHEAD: Duration = Duration::from_millis(7_500);
/// From when on a rate is scarce: half of it is taken.
const SCARCE: Duration = Duration::from_secs(30);
/// For how long stretches are taken ahead for a key that nobody uses.
const IDLE_AFTER: Duration = Duration::from_secs(30);
/// When such a rate is looked after no more; all its stretches have passed.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(90);
/// For how long a refusal holds for others.
const REFUSED_FOR: Duration = Duration::from_millis(50);
/// Until when to come back where nothing else is known.
const SHORTLY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct RateLeases {
    redis: Redis,
    slices: Mutex<HashMap<(Payer, Limit), Arc<Slice>>>,
}

#[derive(Debug)]
struct Slice {
    /// What Redis calls the rate.
    name: String,
    rate: Rate,
    /// Whoever has it asks.
    turn: Semaphore,
    /// What requests that wait for it want together, in nanoseconds.
    wanted: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    used: Duration,
    used_at: Instant,
    /// The last answer that was no: when it was asked for, for how much, and until when to wait.
    refused: Option<(Instant, Duration, Duration)>,
}

impl Slice {
    fn new(payer: Payer, limit: Limit, rate: Rate) -> Self {
        let (owner, id) = payer.columns();
        let of = match limit {
            Limit::RequestsPerMinute => "requests",
            Limit::TokensPerMinute => "tokens",
            Limit::Concurrency => "concurrency",
        };
        let known = Known {
            used: rate.used(),
            used_at: Instant::now(),
            refused: None,
        };
        Self {
            name: format!("{owner}:{id}:{of}"),
            rate,
            turn: Semaphore::new(1),
            wanted: AtomicU64::new(0),
            known: Mutex::new(known),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be there ahead of need, where `used` was used since the last look.
    fn ahead(&self, used: Duration, now: Duration) -> Duration {
        match self.rate.taken_ahead(now) > SCARCE {
            true => AHEAD.min(used * 2),
            false => AHEAD,
        }
    }
}

/// What a request wants while it waits.
struct Wanted<'s>(&'s Slice, u64);

impl<'s> Wanted<'s> {
    fn of(slice: &'s Slice, length: Duration) -> Self {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        slice.wanted.fetch_add(nanos, Ordering::Relaxed);
        Self(slice, nanos)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.wanted.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl RateLeases {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            redis,
            slices: Mutex::default(),
        }
    }

    /// Sees to it that `cost` can be taken of the rate, which is that of this payer. Fails with the time after which
    /// that may be so. Somebody else may be faster in taking it; and where Redis cannot be asked, the rate knows.
    ///
    /// Cancel safety: what was granted meanwhile stays for the next request.
    pub(super) async fn ask(
        &self,
        payer: Payer,
        limit: Limit,
        rate: &Rate,
        cost: Duration,
    ) -> Result<(), Duration> {
        let slice = self.slice(payer, limit, rate);
        let asking = self.ask_in_turn(&slice, cost);
        time::timeout(WAIT, asking).await.unwrap_or(Ok(()))
    }

    async fn ask_in_turn(&self, slice: &Slice, cost: Duration) -> Result<(), Duration> {
        let came = Instant::now();
        let wanted = Wanted::of(slice, cost);
        // It is closed by nobody.
        let _turn = slice.turn.acquire().await.map_err(|_| SHORTLY)?;
        let began = Instant::now();
        let now = self.redis.began().elapsed();
        let wanting = cost.saturating_sub(slice.rate.free(now));
        if wanting.is_zero() {
            return Ok(());
        }
        if let Some((asked, refused, wait)) = slice.known().refused
            && refused <= wanting
            && (asked >= came || asked.elapsed() < REFUSED_FOR)
        {
            return Err(wait.saturating_sub(asked.elapsed()).max(Duration::from_millis(1)));
        }
        // What others wait for as well, this request's own included.
        let all = Duration::from_nanos(slice.wanted.load(Ordering::Relaxed));
        let ahead = slice.ahead(slice.known().used.abs_diff(slice.rate.used()), now);
        let most = wanting.saturating_add(ahead.max(all.saturating_sub(cost)));
        let answer = self.exchange(slice, wanting, most, Duration::MAX).await;
        drop(wanted);
        let Ok(Some(granted)) = answer else {
            return Ok(());
        };
        let refused =
            (granted.given == 0).then(|| (began, wanting, wait(&granted, wanting, self.line_time())));
        slice.known().refused = refused;
        refused.map_or(Ok(()), |(.., wait)| Err(wait))
    }

    /// Looks after all rates, without an end. `owing`: all those of which something may have to be told.
    pub(super) async fn look_after(&self, owing: impl Fn() -> Vec<(Payer, Limit, Rate)>) {
        let mut ticks = time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !self.redis.is_reached() {
                continue;
            }
            if self.redis.sharing().is_away() {
                // It answers again, and has to hear of what passed meanwhile before rates are shared.
                for (payer, limit, rate) in owing() {
                    self.slice(payer, limit, &rate);
                }
            }
            let slices: Vec<_> = self.locked().values().cloned().collect();
            for slices in slices.chunks(TOGETHER) {
                join_all(slices.iter().map(|slice| self.look(slice))).await;
            }
        }
    }

    async fn look(&self, slice: &Arc<Slice>) {
        // Whoever has the turn asks already.
        let Ok(_turn) = slice.turn.try_acquire() else {
            return;
        };
        let now = self.redis.began().elapsed();
        let (used, quiet) = {
            let mut known = slice.known();
            let used = slice.rate.used().saturating_sub(known.used);
            if !used.is_zero() {
                known.used_at = Instant::now();
                known.used += used;
            }
            (used, known.used_at.elapsed())
        };
        let owes = slice.rate.owes();
        if quiet >= FORGOTTEN_AFTER && !owes {
            return self.forget(slice);
        }
        let free = slice.rate.free(now);
        let ahead = match quiet >= IDLE_AFTER || self.redis.sharing().is_away() {
            true => Duration::ZERO,
            false => slice.ahead(used, now),
        };
        let is_low = free < ahead / 2;
        let has_too_much = free > AHEAD * 2;
        if owes || is_low || has_too_much {
            let more = if is_low { ahead - free } else { Duration::ZERO };
            // Where it fails, requests will find that out for themselves.
            let _ = self.exchange(slice, Duration::ZERO, more, AHEAD).await;
        }
    }

    async fn exchange(
        &self,
        slice: &Slice,
        least: Duration,
        most: Duration,
        keep: Duration,
    ) -> Result<Option<Granted>, RedisAway> {
        let now = self.redis.began().elapsed();
        if !self.redis.is_reached() {
            return Err(RedisAway::NotConnected);
        }
        let Some(asked) = slice.rate.ask(least, most, keep, now) else {
            return Ok(None);
        };
        let answer = self.redis.ask_line(&slice.name, &asked).await;
        match &answer {
            Ok(granted) => slice.rate.granted(granted),
            Err(_) => slice.rate.not_told(&asked),
        }
        answer.map(Some)
    }

    /// Now, by the clock of the lines.
    fn line_time(&self) -> Duration {
        self.redis.began().elapsed() + self.redis.sharing().ahead()
    }

    /// The slice of this rate: a new one where it was of another, that fell out of memory.
    fn slice(&self, payer: Payer, limit: Limit, rate: &Rate) -> Arc<Slice> {
        let mut slices = self.locked();
        if let Some(slice) = slices
            .get(&(payer, limit))
            .filter(|slice| slice.rate.is_same(rate))
        {
            return Arc::clone(slice);
        }
        let slice = Arc::new(Slice::new(payer, limit, rate.clone()));
        slices.insert((payer, limit), Arc::clone(&slice));
        slice
    }

    fn forget(&self, slice: &Arc<Slice>) {
        self.locked().retain(|_, listed| !Arc::ptr_eq(listed, slice));
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<(Payer, Limit), Arc<Slice>>> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After how long as much is there that was refused at `now`, if nobody is faster.
fn wait(granted: &Granted, wanting: Duration, now: Duration) -> Duration {
    let taken_to = Duration::from_micros(granted.line) + wanting;
    let furthest = now + Duration::from_micros(Line::FURTHEST);
    taken_to.saturating_sub(furthest).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests;
