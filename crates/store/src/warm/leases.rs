//! This gate's slices of balances and budgets, where other gates spend of them too.
//!
//! A request that finds its slice used up asks the database for more ([`ask`]); before that happens to many, a
//! task does ([`Leases::look_after`]), which also says that slices are still held, gives back what is not used, and
//! forgets a slice of which nothing is held and everything is in the books. What one slice is asked for, one asks at a
//! time, and who waited for an answer that was no takes it for their own. What a gate lacks while others have it, they
//! give back where they do not use it ([`scarce`]).
//! Not here: what a request holds of a slice (`tollgate_ledger::purse`), and how slices stand in the database
//! ([`crate::leases`]).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time,
};
use tollgate_catalog::money::Money;
use tollgate_ledger::{
    Period,
    lease::Lease,
    purse::{Purse, Short},
};
use tracing::{info, warn};

use crate::{
    database::Store,
    error::StoreError,
    leases::{Asked, COUNTS_FOR_SECONDS, Granted, Of, Payer, first_day},
    warm::moment::Moment,
};

mod ask;
mod scarce;

use self::scarce::{GIVE_BACK_EVERY, Scarce};

/// How long a request waits for the database.
const ASK_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A slice of which nothing was used for so long is given back.
const IDLE_AFTER: Duration = Duration::from_secs(10);
/// How often a slice in use is said to be held.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// When a gate stops to use a slice that it could not renew: minutes before others may have it, by their clocks.
const TRUSTED_FOR: Duration = Duration::from_secs(COUNTS_FOR_SECONDS.cast_unsigned() - 5 * 60);

/// A look that is late by more has missed more than time.
const STOOD_STILL_SECONDS: i64 = 30;

/// Whose slice it is, for what time, and when that began.
type Name = (Payer, Period, Date);

#[derive(Debug)]
pub(super) struct Leases {
    store: Store,
    gate: String,
    zone: TimeZone,
    /// By when their time began too: requests that were let in at a day's last moment hold of it when the next has begun.
    slices: Mutex<HashMap<Name, Arc<Slice>>>,
    /// Whether amounts may have changed since slices were renewed.
    is_outdated: AtomicBool,
    /// Up to which number it was heard what other gates lack.
    heard_to: AtomicI64,
    /// Something became scarce.
    heard: Notify,
    /// What is scarce of which this gate has no slice yet.
    scarce: Mutex<HashMap<Name, Scarce>>,
    /// When it was looked last whether slices may still be used, in seconds of the wall's clock.
    trusted_at: AtomicI64,
}

#[derive(Debug)]
struct Slice {
    of: Of,
    purse: Purse,
    /// Whoever has it asks the database, and changes what is known.
    turn: Semaphore,
    /// Requests that wait for more of it.
    waiting: AtomicU32,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// What its row in the database counts more than `granted` does. `None`: it was never asked for, or nothing was left
    /// of it and everything was booked.
    row: Option<i64>,
    /// All that was granted, of which the purse has used a part.
    granted: i64,
    /// What was granted last.
    last: Money,
    renewed: Moment,
    /// Since when nothing of it is used, and how it stands since then.
    quiet_since: Instant,
    seen: Money,
    /// The last answer that was no.
    refused: Option<Refused>,
    failed: Option<(Instant, StoreError)>,
    /// Whether a gate lacks what others have.
    scarce: Option<Scarce>,
}

/// An answer that was no.
#[derive(Debug, Clone, Copy)]
struct Refused {
    asked: Instant,
    need: Money,
    short: Short,
    /// Other gates have it, and may not use it.
    is_elsewhere: bool,
}

/// What a look at a slice sees.
struct Looked {
    /// Nothing was used for a while.
    is_idle: bool,
    /// Much of what was granted last is used, and nobody has said that there is no more.
    is_low: bool,
    /// It should be said again that it is held.
    is_old: bool,
}

impl Known {
    fn look(&mut self, free: Money) -> Looked {
        let now = Instant::now();
        if free != self.seen {
            (self.seen, self.quiet_since) = (free, now);
        }
        Looked {
            is_idle: now.duration_since(self.quiet_since) >= IDLE_AFTER,
            is_low: free.nanos() < self.last.nanos() / 2 && self.refused.is_none() && !self.is_scarce(),
            is_old: self.renewed.elapsed() >= RENEW_EVERY,
        }
    }

    /// All that was granted, as its row counts it.
    fn in_its_row(&self) -> Option<i64> {
        self.row.map(|row| row.saturating_add(self.granted))
    }
}

impl Slice {
    fn new(of: Of, purse: Purse) -> Self {
        let now = Instant::now();
        let known = Known {
            row: None,
            granted: 0,
            last: Money::ZERO,
            renewed: Moment::now(),
            quiet_since: now,
            seen: Money::ZERO,
            refused: None,
            failed: None,
            scarce: None,
        };
        Self {
            of,
            purse,
            turn: Semaphore::new(1),
            waiting: AtomicU32::new(0),
            known: Mutex::new(known),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free(&self) -> Money {
        self.purse.lease().map_or(Money::ZERO, Lease::free)
    }

    /// What is free of it or held by requests.
    fn holds(&self) -> Money {
        // In this order, so that what a request takes meanwhile is rather counted twice than not at all.
        let free = self.free().nanos();
        Money::from_nanos(free.saturating_add(self.held()))
    }

    fn held(&self) -> i64 {
        let (used, spent) = (self.purse.used(), self.purse.spent());
        used.nanos().saturating_sub(spent.nanos()).max(0)
    }

    /// What to ask for, beside saying what is kept.
    fn asked(&self, need: Option<Money>) -> Asked {
        let waiting = i64::from(self.waiting.load(Ordering::Relaxed));
        let known = self.known();
        let for_all = need.map(|need| Money::from_nanos(need.nanos().saturating_mul(waiting)));
        Asked {
            granted: known.in_its_row(),
            holds: self.holds(),
            need,
            at_most: for_all.filter(|_| known.is_scarce()),
        }
    }

    /// Takes out what is free, so that nobody here uses it any more.
    fn empty(&self, _turn: &SemaphorePermit<'_>) {
        if let Some(lease) = self.purse.lease() {
            let mut known = self.known();
            known.granted -= lease.empty().nanos();
            known.seen = lease.free();
        }
    }

    /// Begins anew where nothing is held of it and its row says that everything is booked: there is nothing any more
    /// that a row has to count, however long nobody speaks of it.
    fn begin_anew(&self, granted: &Granted, _turn: &SemaphorePermit<'_>) -> bool {
        let unbooked = granted.granted.saturating_sub(granted.booked);
        let is_done = self.held() == 0 && unbooked <= self.free().nanos().min(0);
        if is_done {
            let mut known = self.known();
            (known.row, known.granted) = (None, 0);
        }
        is_done
    }

    /// Uses no more of a slice that others may soon have, by either clock.
    fn drop_what_is_stale(&self, name_is_taken: bool) {
        if let Ok(turn) = self.turn.try_acquire()
            && (name_is_taken || self.known().renewed.elapsed() >= TRUSTED_FOR)
        {
            self.empty(&turn);
        }
    }
}

impl Leases {
    pub(super) fn new(store: Store, gate: String, zone: TimeZone) -> Self {
        Self {
            store,
            gate,
            zone,
            slices: Mutex::default(),
            is_outdated: AtomicBool::new(false),
            // No number is this, so what was lacked before the first look is not heard.
            heard_to: AtomicI64::new(i64::MIN),
            heard: Notify::new(),
            scarce: Mutex::default(),
            trusted_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Before money is held at `now`: where no look was due for long, this machine stood still, and others may have what it
    /// held. One comparison otherwise.
    pub(super) fn catch_up(&self, now: Timestamp) {
        let trusted_at = self.trusted_at.load(Ordering::Relaxed);
        if now.as_second().saturating_sub(trusted_at) > STOOD_STILL_SECONDS {
            self.drop_what_is_stale(now);
        }
    }

    fn drop_what_is_stale(&self, now: Timestamp) {
        self.trusted_at.store(now.as_second(), Ordering::Relaxed);
        // Whoever has this gate's name has begun anew, without what is here.
        let name_is_taken = self.store.name_is_taken.load(Ordering::Acquire);
        self.locked()
            .values()
            .for_each(|slice| slice.drop_what_is_stale(name_is_taken));
    }

    /// Amounts may have changed; slices are renewed at the next look.
    pub(super) fn outdate(&self) {
        self.is_outdated.store(true, Ordering::Release);
    }

    /// Looks after all slices, without an end.
    pub(super) async fn look_after(&self) {
        let mut looked_at: Option<Instant> = None;
        let mut reachable = true;
        loop {
            let is_due = looked_at.is_none_or(|looked_at| looked_at.elapsed() >= LOOK_EVERY);
            if is_due {
                looked_at = Some(Instant::now());
            }
            let mut looked = match is_due {
                true => self.look().await,
                false => Ok(()),
            };
            if looked.is_err() {
                // Where it did not get, it gets the next time.
                self.outdate();
            } else if reachable {
                looked = self.give_back_what_is_scarce().await;
            }
            match looked {
                Ok(()) if !reachable && is_due => {
                    info!("slices of balances and budgets are leased from the database again");
                    reachable = true;
                }
                Err(error) if reachable => {
                    warn!(%error, "no balance or budget can be leased from the database; requests go on with what is leased");
                    reachable = false;
                }
                _ => {}
            }
            let pause = match self.is_anything_scarce() {
                true => GIVE_BACK_EVERY,
                false => LOOK_EVERY,
            };
            tokio::select! {
                () = time::sleep(pause) => {}
                () = self.heard.notified() => {}
            }
        }
    }

    /// Gives back everything. Nobody may hold of it, nor ask for more.
    pub(super) async fn give_back(&self) -> Result<(), StoreError> {
        self.store.give_back_leases(&self.gate).await
    }

    /// Renews what is used, enlarges what runs low, and gives back what is not used.
    async fn look(&self) -> Result<(), StoreError> {
        let is_outdated = self.is_outdated.swap(false, Ordering::AcqRel);
        self.drop_what_is_stale(Timestamp::now());
        let slices: Vec<_> = self.locked().values().cloned().collect();
        let mut answers = false;
        for slice in slices {
            // Whoever has the turn asks the database already.
            let Ok(turn) = slice.turn.try_acquire() else {
                continue;
            };
            let free = slice.free();
            let Looked {
                is_idle,
                is_low,
                is_old,
            } = slice.known().look(free);
            let is_held = slice.held() > 0;
            let is_known = slice.known().row.is_some();
            // What is on its way to the books need not be asked for twice a second.
            let may_be_done = !is_held && slice.known().renewed.elapsed() >= IDLE_AFTER;
            if is_idle && free <= Money::ZERO && (!is_known || slice.purse.is_unshared()) {
                drop(turn);
                self.forget(slice);
            } else if is_idle && is_known && (free > Money::ZERO || may_be_done) {
                if !answers {
                    // While the database is away, what is leased is all that there is.
                    self.store.ping().await?;
                    answers = true;
                }
                slice.empty(&turn);
                let granted = self.exchange(&slice, &turn).await?;
                let is_done = granted.is_none_or(|granted| slice.begin_anew(&granted, &turn));
                drop(turn);
                if is_done {
                    self.forget(slice);
                }
            } else if !is_idle && is_low {
                let began = Instant::now();
                let no = self.grow(&slice, &turn, Money::ZERO).await?;
                // Until a request asks, there is no use in asking for what is not there.
                slice.known().refused = no.map(|(short, is_elsewhere)| Refused {
                    asked: began,
                    need: Money::ZERO,
                    short,
                    is_elsewhere,
                });
            } else if (is_held || !is_idle) && (is_outdated || is_old) {
                let granted = self.exchange(&slice, &turn).await?;
                if granted.is_some_and(|granted| granted.is_over) {
                    slice.empty(&turn);
                    self.exchange(&slice, &turn).await?;
                }
            }
        }
        Ok(())
    }

    /// Asks for so much more than is free that `wanted` can be held, where that is nothing for a part of what is there.
    /// `Some`: why not, and whether other gates have it.
    async fn grow(
        &self,
        slice: &Slice,
        turn: &SemaphorePermit<'_>,
        wanted: Money,
    ) -> Result<Option<(Short, bool)>, StoreError> {
        let more = match slice.known().row {
            Some(_) => wanted.nanos().saturating_sub(slice.free().nanos()).max(0),
            // What was spent before it was leased is no debt of the slice.
            None => wanted.nanos(),
        };
        let asked = slice.asked(Some(Money::from_nanos(more)));
        let granted = self.exchange_what(slice, turn, asked).await?;
        Ok(match granted {
            // The payer is gone; its keys will be in a moment.
            None => Some((Short::Spent, false)),
            Some(Granted {
                given: Some(given), ..
            }) => {
                slice.known().last = given;
                (given <= Money::ZERO && wanted <= Money::ZERO).then_some((Short::Held, false))
            }
            Some(Granted { unspent, .. }) if unspent < wanted => Some((Short::Spent, false)),
            Some(granted) => Some((Short::Held, granted.is_elsewhere(asked))),
        })
    }

    /// Says what is kept of a slice.
    async fn exchange(
        &self,
        slice: &Slice,
        turn: &SemaphorePermit<'_>,
    ) -> Result<Option<Granted>, StoreError> {
        self.exchange_what(slice, turn, slice.asked(None)).await
    }

    async fn exchange_what(
        &self,
        slice: &Slice,
        _turn: &SemaphorePermit<'_>,
        asked: Asked,
    ) -> Result<Option<Granted>, StoreError> {
        let (began, began_at) = (Instant::now(), Moment::now());
        let asking = self.store.lease(&self.gate, slice.of, asked, Timestamp::now());
        let answer = time::timeout(ASK_WITHIN, asking)
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into()));
        let mut known = slice.known();
        known.failed = answer.as_ref().err().map(|error| (began, error.clone()));
        let granted = answer?;
        known.renewed = began_at;
        if let (Some(granted), Some(lease)) = (granted, slice.purse.lease()) {
            let given = granted.given.unwrap_or_default().nanos();
            let new = Money::from_nanos(given.saturating_add(granted.made_up.nanos()));
            if known.row.is_none() {
                // Nothing is held of it yet, and what was spent is in the books.
                let free = lease.free();
                lease.add_money(Money::from_nanos(free.nanos().saturating_neg()));
            }
            known.granted = known.granted.saturating_add(new.nanos());
            known.row = Some(granted.granted.saturating_sub(known.granted));
            lease.add_money(new);
        }
        Ok(granted)
    }

    /// The slice of this purse: a new one where it was of another.
    fn slice(&self, payer: Payer, per: Period, purse: Purse, now: Timestamp) -> Arc<Slice> {
        let today: Date = self.zone.to_datetime(now).date();
        let since = first_day(per, today);
        let mut slices = self.locked();
        if let Some(slice) = slices
            .get(&(payer, per, since))
            .filter(|slice| slice.purse.is_same(&purse))
        {
            return Arc::clone(slice);
        }
        let slice = Arc::new(Slice::new(Of { payer, per, since }, purse));
        slice.known().scarce = self.heard_before(&(payer, per, since));
        slices.insert((payer, per, since), Arc::clone(&slice));
        slice
    }

    /// Removes a slice, unless somebody is about to ask for more of it.
    fn forget(&self, slice: Arc<Slice>) {
        let mut slices = self.locked();
        let key = (slice.of.payer, slice.of.per, slice.of.since);
        // Here and in the list: whoever asks has it from the list, which is locked.
        let is_unused = Arc::strong_count(&slice) == 2;
        if is_unused && slices.get(&key).is_some_and(|listed| Arc::ptr_eq(listed, &slice)) {
            slices.remove(&key);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Name, Arc<Slice>>> {
        self.slices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
