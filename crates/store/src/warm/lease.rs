//! What gates take ahead of need, and give back: money of the database, rates and places of Redis.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tollgate_ledger::{
    limits::{NoMoney, Owner, Refusal, Unleased},
    purse::Short,
};

use super::{WarmKey, WarmKeys};
use crate::{error::StoreError, leases::Payer};

impl WarmKeys {
    /// Before money is held at `now`: what others may have by now is not used any more, also where this machine stood still
    /// for long. Synchronous and fast.
    pub fn catch_up(&self, now: Timestamp) {
        if let Some(leases) = &self.shared.leases {
            leases.catch_up(now);
        }
    }

    /// Sees to it that what was refused because it is not leased can be held; somebody else may be faster in holding
    /// it. Inside: why it cannot. `since`: when the request began to ask, for whatever it was; it waits for some seconds
    /// from then.
    ///
    /// Cancel safety: what was leased meanwhile stays, or is leased again the next time.
    pub async fn lease(
        &self,
        key: &WarmKey,
        refused: &NoMoney,
        now: Timestamp,
        since: Instant,
    ) -> Result<Result<(), Short>, StoreError> {
        let Some(leases) = &self.shared.leases else {
            return Ok(Ok(()));
        };
        let (payer, spending) = match refused.owner {
            Owner::Key => (Payer::Key(key.key.id), &key.spending),
            Owner::Account => (Payer::Account(key.account), &key.account_spending),
        };
        let per = refused.fund.period();
        let purse = spending.purse(per, now);
        leases.ask(payer, per, purse, refused.wanted, now, since).await
    }

    /// Sees to it that what was refused because this gate has no part of the limit can be taken; somebody else may be
    /// faster in taking it. Fails with the time after which it may be tried again. Waits for a quarter of a second at
    /// most.
    ///
    /// Cancel safety: as [`Self::lease`].
    pub async fn lease_of_limit(&self, key: &WarmKey, refused: &Refusal) -> Result<(), Duration> {
        let (payer, meters) = match refused.owner {
            Owner::Key => (Payer::Key(key.key.id), &key.meters),
            Owner::Account => (Payer::Account(key.account), &key.account_meters),
        };
        let (Some(rates), Some(places), Some(unleased)) =
            (&self.shared.rates, &self.shared.places, refused.unleased)
        else {
            return Ok(());
        };
        match (unleased, meters.rate(refused.limit)) {
            (Unleased::Stretch(cost), Some(rate)) => rates.ask(payer, refused.limit, rate, cost).await,
            (Unleased::Stretch(_), None) => Ok(()),
            (Unleased::Place, _) => places.ask(payer, &meters.in_flight, refused.most).await,
        }
    }

    /// Gives back all that is leased: money where everything that was spent of it is in the books. Nothing may be leased
    /// from then on.
    pub async fn give_back(&self) -> Result<(), StoreError> {
        if let (Some(places), Some(lessee)) = (&self.shared.places, &self.place_lessee) {
            lessee.abort();
            places.give_back().await;
        }
        let (Some(leases), Some(lessee)) = (&self.shared.leases, self.taken_lessee()) else {
            return Ok(());
        };
        lessee.abort();
        // An error says that it was aborted, or had panicked.
        let _ = lessee.await;
        match self.shared.books.are_complete() {
            true => leases.give_back().await,
            false => Ok(()),
        }
    }

    pub(super) fn taken_lessee(&self) -> Option<JoinHandle<()>> {
        self.lessee.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
