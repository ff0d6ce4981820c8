//! The task that brings the spool's records into the database.
//!
//! Batches in the order in which they were written, each in one transaction with the position after it. While
//! the database is away the spool grows, and requests go on being served as long as it may grow; afterwards
//! what is there is applied without a pause.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::{
    sync::watch,
    task::{self, JoinHandle},
    time,
};
use tracing::{error, info};

use super::{
    Spool, SpoolError,
    append::{Position, Shared},
    replay::Batch,
};
use crate::{database::Store, error::StoreError, usage::apply::Book};

/// Records of one transaction.
const BATCH: usize = 512;
/// How long records gather.
const APPLY_EVERY: Duration = Duration::from_millis(500);
/// Longest pause after a failure.
const RETRY_AT_MOST: Duration = Duration::from_secs(5);

/// Applies a spool's records. Dropped, it stops at once, and what is left is applied after the next start.
///
/// Finish it before the spool is closed: files that are applied after that stay until the next start.
#[derive(Debug)]
pub struct Applier {
    /// Up to where everything is in the database.
    applied: watch::Receiver<Position>,
    /// Where the spool ended when this began.
    replayed: Position,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why records cannot be applied at the moment.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error("the spool's reader ended: {0}")]
    Reader(#[from] task::JoinError),
}

impl Applier {
    /// Begins to apply what is in the spool, and what comes.
    ///
    /// `gate` names the gate in records; a spool is of one gate. Days begin as `zone` says. Must be called within
    /// a tokio runtime; fails where the database cannot say up to where the spool is applied.
    pub async fn start(
        store: Store,
        spool: &Spool,
        gate: String,
        zone: TimeZone,
    ) -> Result<Self, StoreError> {
        let shared = Arc::clone(&spool.0.shared);
        let position = store.spool_position(&gate).await?;
        let replayed = shared.end();
        let (stop, stopped) = watch::channel(false);
        let (progress, applied) = watch::channel(Position::default());
        let run = Run {
            store,
            shared,
            book: Arc::new(Book { gate, zone }),
            position,
            progress,
            stopped,
        };
        Ok(Self {
            applied,
            replayed,
            stop,
            task: tokio::spawn(run.run()),
        })
    }

    /// Waits until everything that an earlier run left is in the database.
    pub async fn replayed(&self) {
        let mut applied = self.applied.clone();
        // An error: the task has ended, and nobody waits for readiness any more.
        let _ = applied.wait_for(|applied| *applied >= self.replayed).await;
    }

    /// Applies what is there and ends. Gives up after `within`; what is left is applied after the next start.
    pub async fn finish(mut self, within: Duration) {
        self.stop.send_replace(true);
        if time::timeout(within, &mut self.task).await.is_err() {
            info!("the spool's last records are left for the next start");
        }
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Run {
    store: Store,
    shared: Arc<Shared>,
    book: Arc<Book>,
    /// Up to where everything is in the database.
    position: Position,
    progress: watch::Sender<Position>,
    stopped: watch::Receiver<bool>,
}

impl Run {
    async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            let stopping = *self.stopped.borrow_and_update();
            let pause = match self.apply_one().await {
                Ok(0) if stopping => return,
                Ok(0) => APPLY_EVERY,
                Ok(count) => {
                    if failures > 0 {
                        info!("the spool is applied to the database again");
                    }
                    failures = 0;
                    // More are there already, or the last ones are wanted.
                    if count == BATCH || stopping {
                        continue;
                    }
                    APPLY_EVERY
                }
                Err(error) => {
                    if failures == 0 {
                        error!(%error, "the spool cannot be applied to the database; requests go on as long as it has room");
                    }
                    if stopping {
                        return;
                    }
                    failures += 1;
                    (APPLY_EVERY * (1 << failures.min(4))).min(RETRY_AT_MOST)
                }
            };
            // An error: whoever could stop it is gone, and so will this be.
            let _ = time::timeout(pause, self.stopped.changed()).await;
        }
    }

    /// How many records that were.
    async fn apply_one(&mut self) -> Result<usize, ApplyError> {
        let (shared, position) = (Arc::clone(&self.shared), self.position);
        let Batch { records, next } = task::spawn_blocking(move || shared.read(position, BATCH)).await??;
        if !records.is_empty() {
            self.store.apply_usage(&self.book, &records, next).await?;
        }
        self.position = next;
        self.shared.applied(next);
        self.progress.send_replace(next);
        Ok(records.len())
    }
}

#[cfg(test)]
mod tests;
