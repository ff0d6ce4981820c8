//! The thread that brings the spool's records into the database.
//!
//! It has a runtime and a connection of its own, so that a batch never holds up requests, and the system lets it
//! wait for them: its share of a core that is busy is small, and enough.
//!
//! Batches in the order in which they were written, each in one transaction with the position after it. While
//! the database is away the spool grows, and requests go on being served as long as it may grow; afterwards
//! what is there is applied without a pause.
//!
//! The database says up to where it has everything, and is asked again after a failure, every few seconds while there is
//! nothing to do, and by each batch: a server that lags may have taken the place of one that had more. What it lacks is
//! applied once more then, from files that are kept for a while for that ([`super::append`]).

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::tz::TimeZone;
use tokio::{runtime, sync::watch, time};
use tracing::{error, info, warn};

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
/// How much less than a request's thread this one asks for. A fifth of a core is more than it needs while requests
/// take the rest.
const NICE: i32 = 5;
/// How often the database is asked where it is, while there is nothing to apply.
const LOOK_EVERY: Duration = Duration::from_secs(2);
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
    stop: watch::Sender<Stop>,
    /// Closed when the thread has ended.
    ended: watch::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    No,
    /// When everything is applied.
    AtTheEnd,
    AtOnce,
}

/// Why records cannot be applied at the moment.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl Applier {
    /// Begins to apply what is in the spool, and what comes.
    ///
    /// `gate` names the gate in records; a spool is of one gate. Days begin as `zone` says. Fails where the database
    /// cannot say up to where the spool is applied, and where the system gives no thread.
    pub async fn start(
        store: Store,
        spool: &Spool,
        gate: String,
        zone: TimeZone,
    ) -> Result<Self, StartError> {
        let shared = Arc::clone(&spool.0.shared);
        let in_database = store.spool_position(&gate).await?;
        shared.begin_at(in_database);
        let replayed = shared.end();
        let (stop, stopped) = watch::channel(Stop::No);
        let (progress, applied) = watch::channel(Position::default());
        let (ending, ended) = watch::channel(());
        let run = Run {
            shared,
            book: Arc::new(Book {
                gate,
                zone,
                has_leases: store.is_shared(),
            }),
            position: in_database,
            in_database,
            looked: Some(Instant::now()),
            progress,
            stopped,
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("books".to_owned()).spawn(move || {
            be_nice();
            runtime.block_on(run.run(&store.for_applier()));
            drop(ending);
        })?;
        Ok(Self {
            applied,
            replayed,
            stop,
            ended,
            thread: Some(thread),
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
        self.stop.send_replace(Stop::AtTheEnd);
        // An error says that it has ended, which is what is waited for.
        if time::timeout(within, self.ended.changed()).await.is_err() {
            info!("the spool's last records are left for the next start");
        }
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        self.stop.send_replace(Stop::AtOnce);
        if let Some(thread) = self.thread.take() {
            // It has logged why, if it ended by a panic.
            let _ = thread.join();
        }
    }
}

/// Why an [`Applier`] cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the system gives no thread for the books: {0}")]
    Thread(#[from] io::Error),
}

/// Lets other threads go first, this one's connection to the database included, which is a thread that it makes.
fn be_nice() {
    // Elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the books are written with the priority of requests");
    }
}

struct Run {
    shared: Arc<Shared>,
    book: Arc<Book>,
    /// From where it is read next: where the database is, or the oldest record's place where there is none such.
    position: Position,
    /// Where the database has said it is.
    in_database: Position,
    /// When it said so. `None`: it may be elsewhere by now.
    looked: Option<Instant>,
    progress: watch::Sender<Position>,
    stopped: watch::Receiver<Stop>,
}

impl Run {
    async fn run(mut self, store: &Store) {
        let mut stopped = self.stopped.clone();
        let applying = self.apply_all(store);
        let at_once = stopped.wait_for(|stop| *stop == Stop::AtOnce);
        tokio::select! {
            biased;
            // An error: whoever could stop it is gone, and so will this be.
            _ = at_once => {}
            () = applying => store.close().await,
        }
    }

    async fn apply_all(&mut self, store: &Store) {
        let mut failures = 0_u32;
        let mut bytes = Vec::new();
        loop {
            let stopping = *self.stopped.borrow_and_update() != Stop::No;
            let pause = match self.apply_one(store, &mut bytes).await {
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
                    // What was said before may be lost with the server that said it.
                    self.looked = None;
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
    async fn apply_one(&mut self, store: &Store, bytes: &mut Vec<u8>) -> Result<usize, ApplyError> {
        loop {
            self.look(store).await?;
            let Batch { records, next } = self.shared.read(self.position, BATCH, bytes)?;
            if !records.is_empty() {
                let applied = store.apply_batch(&self.book, &records, self.in_database, next);
                if applied.await?.is_none() {
                    self.looked = None;
                    continue;
                }
                (self.in_database, self.looked) = (next, Some(Instant::now()));
            }
            self.position = next;
            self.shared.applied(next);
            // Where no file is left the next record has no place yet: what was applied stays so.
            self.progress
                .send_modify(|applied| *applied = (*applied).max(next));
            return Ok(records.len());
        }
    }

    /// Asks the database where it is, where that is not known or was said a while ago, and goes there.
    async fn look(&mut self, store: &Store) -> Result<(), StoreError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let found = store.spool_position(&self.book.gate).await?;
        if found < self.in_database {
            warn!(
                segment = found.segment,
                offset = found.offset,
                was_segment = self.in_database.segment,
                was_offset = self.in_database.offset,
                "the database lacks what it had; the spool is applied again from there"
            );
            self.shared.look_for_gap(found);
        }
        if found != self.in_database {
            (self.in_database, self.position) = (found, found);
        }
        self.looked = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
