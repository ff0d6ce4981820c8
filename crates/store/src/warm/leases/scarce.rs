//! Money that one gate lacks while others have some of it that they do not use.
//!
//! The gate says so in the database, with the refusal, and waits a little. The others hear of it where they look for
//! changes of keys, twice a second; from then on, for a few seconds, they keep nothing that none of their requests holds,
//! and take no more than requests need. A gate alone has nobody to say it to, and asks once.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use tollgate_catalog::money::Money;

use super::{Known, Leases, Name, Slice};
use crate::error::StoreError;

/// How long a request waits for the others to hear of it, and to give back what they do not use: longer than a look at
/// keys may be away.
const RECALL: Duration = Duration::from_millis(1_500);
/// The same where they know it: for what just came free.
const COMES_FREE: Duration = Duration::from_millis(300);
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How soon what came free of it goes back.
pub(super) const GIVE_BACK_EVERY: Duration = Duration::from_millis(50);
/// Some gates hear of it so much earlier than others, and forget it earlier.
const LOOKS_DIFFER: Duration = Duration::from_secs(1);
/// For how long it stays so after it was heard last.
const HEARD_FOR: Duration = Duration::from_secs(5);

/// From when on, and until when, money is scarce.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scarce {
    since: Instant,
    until: Instant,
}

impl Scarce {
    fn from_now() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            until: now + HEARD_FOR,
        }
    }

    fn is_over(&self) -> bool {
        self.until <= Instant::now()
    }
}

impl Known {
    pub(super) fn is_scarce(&self) -> bool {
        self.scarce.is_some_and(|scarce| !scarce.is_over())
    }

    pub(super) fn hear_scarce(&mut self) {
        let heard = Scarce::from_now();
        let before = self.scarce.filter(|scarce| !scarce.is_over());
        self.scarce = Some(Scarce {
            since: before.map_or(heard.since, |scarce| scarce.since),
            ..heard
        });
    }

    /// How long a request waits that finds others to have what it lacks.
    pub(super) fn patience(&self) -> Duration {
        let now = Instant::now();
        match self.scarce {
            Some(Scarce { since, until }) if since.elapsed() >= RECALL && until > now + LOOKS_DIFFER => {
                COMES_FREE
            }
            _ => RECALL,
        }
    }
}

/// A request that waits.
pub(super) struct Waiting<'s>(&'s Slice);

impl<'s> Waiting<'s> {
    pub(super) fn at(slice: &'s Slice) -> Self {
        slice.waiting.fetch_add(1, Ordering::Relaxed);
        Self(slice)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Leases {
    /// Hears what other gates lack. `number`: what [`crate::Store::wanted_money`] says now.
    ///
    /// Cancel safety: it is heard the next time.
    pub(in crate::warm) async fn hear(&self, number: i64) -> Result<(), StoreError> {
        let heard = self.heard_to.load(Ordering::Acquire);
        if heard == number {
            return Ok(());
        }
        if heard != i64::MIN {
            let wanted = self.store.wanted_elsewhere(&self.gate, heard).await?;
            let slices = self.locked();
            let mut without = self.scarce.lock().unwrap_or_else(PoisonError::into_inner);
            without.retain(|_, scarce| !scarce.is_over());
            for of in wanted {
                let name = (of.payer, of.per, of.since);
                match slices.get(&name) {
                    Some(slice) => slice.known().hear_scarce(),
                    None => _ = without.insert(name, Scarce::from_now()),
                }
            }
        }
        self.heard_to.store(number, Ordering::Release);
        self.heard.notify_one();
        Ok(())
    }

    /// Whether that was heard before there was a slice of it.
    pub(super) fn heard_before(&self, name: &Name) -> Option<Scarce> {
        let mut without = self.scarce.lock().unwrap_or_else(PoisonError::into_inner);
        without.remove(name)
    }

    pub(super) fn is_anything_scarce(&self) -> bool {
        self.locked().values().any(|slice| slice.known().is_scarce())
    }

    /// Gives back what no request holds of scarce money.
    pub(super) async fn give_back_what_is_scarce(&self) -> Result<(), StoreError> {
        let is_kept_for_nothing = |slice: &&Arc<Slice>| {
            let is_wanted_here = slice.waiting.load(Ordering::Relaxed) > 0;
            slice.free() > Money::ZERO && slice.known().is_scarce() && !is_wanted_here
        };
        let slices: Vec<_> = self
            .locked()
            .values()
            .filter(is_kept_for_nothing)
            .cloned()
            .collect();
        if slices.is_empty() {
            return Ok(());
        }
        // While the database is away, what is leased is all that there is.
        self.store.ping().await?;
        for slice in slices {
            // Whoever has the turn asks the database already.
            if let Ok(turn) = slice.turn.try_acquire() {
                slice.empty(&turn);
                self.exchange(&slice, &turn).await?;
            }
        }
        Ok(())
    }
}
