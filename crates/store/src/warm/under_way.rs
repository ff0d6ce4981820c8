//! Requests under way that began before there was a limit on them.
//!
//! A gate says how many it has when a request finds no place, which needs a limit, and another request. Where streams run
//! on and none comes, the other gates would let in as if there were none. So whenever the keys have changed, those that
//! have requests under way are read again, before their next request would do that, and what a limit bounds by now is
//! told.
//! Not here: how it is told ([`super::places`]). What is under way counts at the account at which it began.

use std::sync::Arc;

use futures_util::future::try_join_all;
use tokio::time;
use tollgate_ledger::{KeyHash, limits::Owner};
use tracing::debug;

use super::{POLL_EVERY, Shared, WarmKey, places::PlaceLeases};
use crate::{error::StoreError, leases::Payer};

/// How many keys are read at once.
const TOGETHER: usize = 16;

impl Shared {
    /// Without an end. By itself, so that a revoked key is refused in time however many have to be read.
    pub(super) async fn tell_what_is_under_way(&self, places: &PlaceLeases) {
        let mut told_of = self.known.newest();
        loop {
            time::sleep(POLL_EVERY).await;
            let newest = self.known.newest();
            if newest == told_of {
                continue;
            }
            match self.tell_limited(places).await {
                Ok(()) => told_of = newest,
                Err(error) => debug!(%error, "what is under way is told later"),
            }
        }
    }

    async fn tell_limited(&self, places: &PlaceLeases) -> Result<(), StoreError> {
        let busy: Vec<_> = self
            .known
            .iter()
            .filter(|(_, key)| key.owners().iter().any(|of| of.meters.in_flight.count() > 0))
            .collect();
        for keys in busy.chunks(TOGETHER) {
            let newest = keys.iter().map(|(hash, key)| self.newest(hash, key));
            for key in try_join_all(newest).await?.into_iter().flatten() {
                for bounded in key.owners() {
                    let in_flight = &bounded.meters.in_flight;
                    if bounded.limits.concurrency.is_none() || in_flight.count() == 0 {
                        continue;
                    }
                    let payer = match bounded.owner {
                        Owner::Key => Payer::Key(key.key.id),
                        Owner::Account => Payer::Account(key.account),
                    };
                    places.tell(payer, in_flight);
                }
            }
        }
        Ok(())
    }

    /// The key as the tables have it. `None`: it is gone.
    async fn newest(&self, hash: &KeyHash, key: &Arc<WarmKey>) -> Result<Option<Arc<WarmKey>>, StoreError> {
        match self.known.is_fresh(key) {
            true => Ok(Some(Arc::clone(key))),
            false => self.find(hash).await,
        }
    }
}
