//! The task that removes records of requests that are older than an operator wants to keep.
//!
//! Sums by day and entries in the ledger stay, so that bills and balances go on being right. It works in small
//! batches with pauses between them, since every batch keeps other writers waiting, and never on a request's way.
//! Not here: the statement ([`Store::prune_usage`]).

use std::{num::NonZeroU32, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::time;
use tracing::{error, info};

use crate::{database::Store, error::StoreError};

/// Records of one transaction: a few milliseconds.
const BATCH: u32 = 500;
/// For the others who write, between two batches.
const PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked for what has become too old.
const EVERY: Duration = Duration::from_secs(600);

/// How long records of requests are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Spans of 24 hours.
    pub usage_days: NonZeroU32,
}

impl Retention {
    /// Removes what is too old, at once and every ten minutes, until it is dropped.
    ///
    /// Cancel safety: a batch is removed whole or not at all.
    pub async fn keep(self, store: Store) {
        let mut ticks = time::interval(EVERY);
        let mut fails = false;
        loop {
            ticks.tick().await;
            match self.prune(&store, Timestamp::now()).await {
                Ok(removed) => {
                    fails = false;
                    if removed > 0 {
                        info!(records = removed, "records of old requests were removed");
                    }
                }
                Err(error) => {
                    if !fails {
                        error!(%error, "records of old requests cannot be removed; it is tried again every ten minutes");
                    }
                    fails = true;
                }
            }
        }
    }

    /// Removes what is too old at `now`, and says how many records those were.
    async fn prune(self, store: &Store, now: Timestamp) -> Result<u64, StoreError> {
        let before = self.before(now);
        let mut removed = 0;
        loop {
            let batch = store.prune_usage(before, BATCH).await?;
            removed += batch;
            if batch < u64::from(BATCH) {
                return Ok(removed);
            }
            time::sleep(PAUSE).await;
        }
    }

    /// The first moment of which records are kept.
    fn before(self, now: Timestamp) -> Timestamp {
        let kept = SignedDuration::from_hours(24 * i64::from(self.usage_days.get()));
        now.checked_sub(kept).unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests;
