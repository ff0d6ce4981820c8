//! This gate's places of limits on requests at once that other gates count too.
//!
//! Where a key is in use its gate has a place or more beyond those that requests have, so that they ask nobody. A
//! request that finds none free asks for it ([`PlaceLeases::ask`]), behind one question for all who wait, since it would be
//! refused otherwise. What is not needed goes back by and by, and at once where a gate has found no place: then nobody
//! keeps any beyond those in use, and whoever found none asks again until the others have had the time to give theirs
//! back.
//! Not here: what places there are, and what happens while nobody can be asked (`tollgate_ledger::limits::concurrency`).

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::{sync::Semaphore, time};
use tollgate_ledger::limits::{
    InFlight, NoPlace,
    concurrency::{AskedPlaces, LeasedPlaces},
};

use crate::{
    leases::Payer,
    redis::{Redis, RedisAway},
    warm::moment::Moment,
};

/// How long a request waits for a place at most.
const WAIT: Duration = Duration::from_millis(250);
/// How long it waits for the others to hear that places are scarce, and to give back what they do not need.
const RECALL: Duration = Duration::from_millis(200);
/// The same where they know it: for a place that just came free.
const COMES_FREE: Duration = Duration::from_millis(100);
const ASK_AGAIN: Duration = Duration::from_millis(20);
/// How often it is heard of scarce limits.
const HEAR_EVERY: Duration = Duration::from_millis(100);
/// How soon a place that came free of such a limit goes back.
const SCARCE_EVERY: Duration = Duration::from_millis(20);
/// What was heard of them counts for a few times as long.
const HEARD_FOR: Duration = Duration::from_millis(300);
/// How often half of what nobody uses goes back.
const HALVE_EVERY: Duration = Duration::from_millis(500);
/// For how long a place is kept ahead for a key that nobody uses.
const IDLE_AFTER: Duration = Duration::from_secs(10);
/// After how long a gate that says nothing more has lost its places.
const LASTS: Duration = Duration::from_secs(10);
/// Until when it uses them: a little shorter, since clocks do not go alike.
const USED_FOR: Duration = Duration::from_secs(9);
const RENEW_AFTER: Duration = Duration::from_secs(3);
/// Who stood still for longer, by the wall's clock, uses no place before Redis has said again that it is its own.
const STOOD_STILL: Duration = Duration::from_secs(3);
/// How many limits are spoken of at once.
const TOGETHER: usize = 32;
/// For how long a refusal holds for others.
const REFUSED_FOR: Duration = Duration::from_millis(50);
/// When to come back: nobody knows when another request ends.
const SHORTLY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct PlaceLeases {
    redis: Redis,
    slices: Mutex<HashMap<Payer, Arc<Slice>>>,
}

#[derive(Debug)]
struct Slice {
    /// What Redis calls the limit.
    name: String,
    in_flight: InFlight,
    /// Whoever has it speaks with Redis.
    turn: Semaphore,
    /// Requests that wait for a place.
    waiting: AtomicU32,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    limit: u32,
    /// `None`: what Redis knows of this gate is not known.
    told: Option<Told>,
    used_at: Instant,
    halved_at: Instant,
    refused_at: Option<Instant>,
    /// From when on, and until when at least, every gate is to know that it is scarce.
    scarce: Option<(Instant, Instant)>,
}

/// What Redis was told last.
#[derive(Debug, Clone, Copy)]
struct Told {
    /// What this gate has.
    places: u32,
    at: Instant,
    /// [`Redis::lost`] before it was told. `None`: there was nothing to tell.
    lost: Option<u64>,
}

impl Told {
    /// That it has none, which need not be told.
    fn nothing(now: Instant) -> Self {
        Self {
            places: 0,
            at: now,
            lost: None,
        }
    }

    /// Whether Redis knows by it that this gate has so many. `lost`: [`Redis::lost`] now.
    fn still_says(&self, places: u32, lost: u64) -> bool {
        self.places == places
            && (places == 0 || self.at.elapsed() < RENEW_AFTER)
            && self.lost.is_none_or(|before| before == lost)
    }
}

impl Known {
    /// Since when it is scarce.
    fn scarce_since(&self) -> Option<Instant> {
        let (since, until) = self.scarce?;
        (until > Instant::now()).then_some(since)
    }

    fn hear_scarce(&mut self) {
        let now = Instant::now();
        self.scarce = Some((self.scarce_since().unwrap_or(now), now + HEARD_FOR));
    }
}

impl Slice {
    fn new(payer: Payer, in_flight: InFlight) -> Self {
        let (owner, id) = payer.columns();
        let now = Instant::now();
        Self {
            name: format!("{owner}:{id}"),
            in_flight,
            turn: Semaphore::new(1),
            waiting: AtomicU32::new(0),
            known: Mutex::new(Known {
                limit: 0,
                told: Some(Told::nothing(now)),
                used_at: now,
                halved_at: now,
                refused_at: None,
                scarce: None,
            }),
        }
    }

    /// Uses none of its places any more: they may be others' by now.
    fn end(&self) {
        self.in_flight.end_lease();
        self.known().told = None;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits.
struct Waiting<'s>(&'s Slice);

impl<'s> Waiting<'s> {
    fn at(slice: &'s Slice) -> Self {
        slice.waiting.fetch_add(1, Ordering::Relaxed);
        Self(slice)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PlaceLeases {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            redis,
            slices: Mutex::default(),
        }
    }

    /// Sees to it that a place can be taken of those of this payer. Fails with the time after which that may be so.
    /// Somebody else may be faster in taking it; and where Redis cannot be asked, the counter knows.
    ///
    /// Cancel safety: what was granted meanwhile stays for the next request.
    pub(super) async fn ask(&self, payer: Payer, in_flight: &InFlight, limit: u32) -> Result<(), Duration> {
        let slice = self.slice(payer, in_flight);
        let _waiting = Waiting::at(&slice);
        let asked = time::timeout(WAIT, self.ask_in_turn(&slice, limit)).await;
        match asked {
            Ok(answer) => answer,
            Err(_) if self.redis.sharing().is_away() => Ok(()),
            Err(_) => Err(SHORTLY),
        }
    }

    async fn ask_in_turn(&self, slice: &Slice, limit: u32) -> Result<(), Duration> {
        let came = Instant::now();
        // It is closed by nobody.
        let _turn = slice.turn.acquire().await.map_err(|_| SHORTLY)?;
        loop {
            let now = self.redis.began().elapsed();
            // One may have come free.
            let has_place = slice.in_flight.enter(NonZeroU32::new(limit), now);
            if !matches!(has_place, Err(NoPlace::Unleased)) {
                return Ok(());
            }
            let refused = slice.known().refused_at;
            if refused.is_some_and(|refused| refused >= came || refused.elapsed() < REFUSED_FOR) {
                return Err(SHORTLY);
            }
            let scarce_since = {
                let mut known = slice.known();
                (known.limit, known.used_at) = (limit, Instant::now());
                known.scarce_since()
            };
            let more = slice.waiting.load(Ordering::Relaxed).max(1);
            let Ok(leased) = self.exchange(slice, u32::MAX, more, scarce_since.is_none()).await else {
                return Ok(());
            };
            if leased.spare() > 0 {
                continue;
            }
            slice.known().hear_scarce();
            let patience = match scarce_since {
                Some(since) if since.elapsed() >= RECALL => COMES_FREE,
                _ => RECALL,
            };
            if came.elapsed() + ASK_AGAIN > patience {
                slice.known().refused_at = Some(Instant::now());
                return Err(SHORTLY);
            }
            time::sleep(ASK_AGAIN).await;
        }
    }

    /// Tells Redis what is under way there, though no request asks for a place.
    pub(super) fn tell(&self, payer: Payer, in_flight: &InFlight) {
        self.slice(payer, in_flight);
    }

    /// Looks after all places, without an end. `owing`: the counters of which something may have to be told.
    pub(super) async fn look_after(&self, owing: impl Fn() -> Vec<(Payer, InFlight)>) {
        let (mut heard_at, mut was_away) = (Instant::now(), true);
        let mut looked_at = Moment::now();
        loop {
            let is_scarce = |slice: &Arc<Slice>| slice.known().scarce_since().is_some();
            let is_scarce = self.slices().iter().any(is_scarce);
            time::sleep(if is_scarce { SCARCE_EVERY } else { HEAR_EVERY }).await;
            if looked_at.stood_still() >= STOOD_STILL {
                self.slices().iter().for_each(|slice| slice.end());
            }
            looked_at = Moment::now();
            if !self.redis.is_reached() {
                continue;
            }
            let is_away = self.redis.sharing().is_away();
            if is_away || was_away {
                // It answers again, and has to hear of what is under way before places are shared.
                for (payer, in_flight) in owing() {
                    self.slice(payer, &in_flight);
                }
            }
            was_away = is_away;
            let slices = self.slices();
            if heard_at.elapsed() >= HEAR_EVERY && !slices.is_empty() {
                heard_at = Instant::now();
                self.hear(&slices).await;
            }
            for slices in slices.chunks(TOGETHER) {
                join_all(slices.iter().map(|slice| self.look(slice))).await;
            }
        }
    }

    /// Hears which limits are scarce.
    async fn hear(&self, slices: &[Arc<Slice>]) {
        // Where it fails, requests will find that out for themselves.
        let scarce = self.redis.scarce_places().await.unwrap_or_default();
        if scarce.is_empty() {
            return;
        }
        for slice in slices.iter().filter(|slice| scarce.contains(&slice.name)) {
            slice.known().hear_scarce();
        }
    }

    async fn look(&self, slice: &Arc<Slice>) {
        // Whoever has the turn asks already.
        let Ok(_turn) = slice.turn.try_acquire() else {
            return;
        };
        let has = slice.in_flight.places();
        let (told, is_idle, is_kept, halves) = {
            let mut known = slice.known();
            if has.taken > 0 {
                known.used_at = Instant::now();
            }
            let is_idle = known.used_at.elapsed() >= IDLE_AFTER;
            let is_kept = !is_idle && known.scarce_since().is_none() && !self.redis.sharing().is_away();
            let halves = known.halved_at.elapsed() >= HALVE_EVERY;
            if halves {
                known.halved_at = Instant::now();
            }
            (known.told, is_idle, is_kept, halves)
        };
        let spare = match (is_kept, halves) {
            (false, _) => 0,
            (true, true) => has.spare().div_ceil(2),
            (true, false) => has.spare(),
        };
        let lost = self.redis.lost();
        let has_told = told.is_some_and(|told| told.still_says(has.leased, lost)) && !slice.in_flight.owes();
        let ahead = is_kept && halves && has.spare() == 0 && has.taken > 0;
        if !has_told || spare < has.spare() || ahead {
            // Where it fails, requests will find that out for themselves.
            let _ = self.exchange(slice, spare, 0, ahead).await;
        } else if has.leased == 0 && is_idle {
            self.locked().retain(|_, listed| !Arc::ptr_eq(listed, slice));
        }
    }

    /// Keeps at most `spare` places beyond those that requests have, and asks for more. Gives what there is then.
    ///
    /// Cancel safety: what Redis knows is told anew.
    async fn exchange(
        &self,
        slice: &Slice,
        spare: u32,
        more: u32,
        ahead: bool,
    ) -> Result<LeasedPlaces, RedisAway> {
        let (now, at) = (self.redis.began().elapsed(), Instant::now());
        // Should it be lost while it is told, it counts as lost.
        let lost = Some(self.redis.lost());
        let limit = {
            let mut known = slice.known();
            known.told = None;
            known.limit
        };
        let asked = AskedPlaces {
            limit,
            kept: slice.in_flight.keep(spare, now).leased,
            more,
            ahead,
        };
        let granted = self.redis.ask_places(&slice.name, &asked, LASTS).await?;
        slice.in_flight.granted(granted, now + USED_FOR);
        if limit > 0 && granted.leased.saturating_add(granted.elsewhere) > limit {
            // More are under way than it has, since it was set or lowered meanwhile: nobody is to keep one to spare.
            slice.known().hear_scarce();
        }
        slice.known().told = Some(Told {
            places: granted.leased,
            at,
            lost,
        });
        Ok(slice.in_flight.places())
    }

    /// Says that this gate has no places any more. Nothing may be asked for from then on.
    pub(super) async fn give_back(&self) {
        let slices: Vec<_> = self.locked().drain().map(|(_, slice)| slice).collect();
        for slices in slices.chunks(TOGETHER) {
            // Where it fails, they end by themselves.
            join_all(slices.iter().map(|slice| self.exchange(slice, 0, 0, false))).await;
        }
    }

    fn slices(&self) -> Vec<Arc<Slice>> {
        self.locked().values().cloned().collect()
    }

    /// The slice of this counter: a new one where it was of another, that fell out of memory.
    fn slice(&self, payer: Payer, in_flight: &InFlight) -> Arc<Slice> {
        let mut slices = self.locked();
        if let Some(slice) = slices
            .get(&payer)
            .filter(|slice| slice.in_flight.is_same(in_flight))
        {
            return Arc::clone(slice);
        }
        let slice = Arc::new(Slice::new(payer, in_flight.clone()));
        slices.insert(payer, Arc::clone(&slice));
        slice
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Payer, Arc<Slice>>> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
