//! Reading on what a client left, and settling the request with what came of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{Parting, ReadingOn};
use crate::{
    count::heard::{Heard, joined},
    error::Failure,
    settle::Settlement,
    story::AttemptMark,
};

/// What one attempt left.
pub(super) struct Left {
    pub attempt: u32,
    pub mark: AttemptMark,
    /// About how many tokens each call reads.
    pub prompt: u64,
    pub calls: Vec<Rest>,
    /// Of calls that have ended, where an attempt makes several.
    pub ended: Vec<Heard>,
}

/// What is left of a call.
pub type Rest = Pin<Box<dyn Future<Output = Read> + Send>>;

/// What came of reading on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// `None`: it never began.
    pub heard: Option<Heard>,
    pub how: How,
}

impl Read {
    /// What it tells of the tokens: more where there is a count, less where there are only bytes.
    fn worth(&self) -> (bool, bool) {
        let heard = self.heard.as_ref();
        let counted = heard.is_some_and(|heard| heard.usage.is_some());
        (counted, heard.is_some_and(Heard::tells))
    }
}

/// How reading on ended; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    Complete,
    /// It was longer than may be read.
    Large,
    /// It took longer than may be waited.
    Slow,
    Failed,
    /// The gate shuts down.
    Shutdown,
}

impl How {
    fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Large => "large",
            Self::Slow => "slow",
            Self::Failed => "failed",
            Self::Shutdown => "shutdown",
        }
    }
}

impl Left {
    /// Reads all of its calls on.
    async fn read(self) -> (AttemptMark, Read) {
        let reads = join_all(self.calls).await;
        let how = reads.iter().map(|read| read.how).max().unwrap_or(How::Complete);
        let read_on = reads.into_iter().filter_map(|read| {
            let is_whole = read.how == How::Complete;
            Some((read.heard?, is_whole))
        });
        let ended = self.ended.into_iter().map(|heard| (heard, true));
        let heard = joined(read_on.chain(ended), self.prompt);
        (self.mark, Read { heard, how })
    }
}

/// The calls that a client left.
pub struct LeftBehind {
    pub(super) attempts: Vec<Left>,
    /// Where it has one already.
    pub(super) place: Option<ReadingOn>,
}

impl LeftBehind {
    /// Reads the calls on and settles the request with what they count. Where several attempts were racing, the first
    /// one to be complete has won, as it would have with the client there: it alone is paid for, and the others are
    /// cancelled. Where reading on may not be, all are, and it is settled with what is known.
    pub fn read_on(mut self, mut settlement: Settlement) {
        let gate = Arc::clone(settlement.gate());
        let place = self.place.take().or_else(|| ReadingOn::begin(&gate));
        let (Some(mut place), Ok(runtime)) = (place, Handle::try_current()) else {
            gate.metrics.abandoned_ended("crowded");
            drop(self.attempts);
            settlement.pays_for_begun();
            return settlement.left();
        };
        runtime.spawn(async move {
            let winner = self.winner().await;
            let how = winner.as_ref().map_or(How::Shutdown, |(_, read)| read.how);
            if let Some((mark, read)) = winner {
                if read.heard.as_ref().is_some_and(Heard::tells) {
                    mark.is_paid_for();
                }
                settlement.tally().read_on(&read);
                if let Some(tier) = read.heard.and_then(|heard| heard.service_tier) {
                    settlement.served_at(tier);
                }
            }
            settlement.pays_for_begun();
            settlement.count().await;
            place.is_read();
            gate.metrics.abandoned_ended(how.as_str());
            settlement.left();
        });
    }
}

impl LeftBehind {
    /// The first attempt that is complete; where none is, one that was counted at all.
    async fn winner(self) -> Option<(AttemptMark, Read)> {
        let mut reading: FuturesUnordered<_> = self.attempts.into_iter().map(Left::read).collect();
        let mut best: Option<(AttemptMark, Read)> = None;
        while let Some((mark, read)) = reading.next().await {
            let is_complete = read.how == How::Complete;
            let counts_more = |(_, best): &(AttemptMark, Read)| read.worth() > best.worth();
            if is_complete || best.as_ref().is_none_or(counts_more) {
                best = Some((mark, read));
            }
            if is_complete {
                break;
            }
        }
        best
    }
}

/// A call to a provider that bills on: where its client goes, it is left behind and not cancelled.
pub struct Abandonable<T: Send + 'static> {
    work: Option<Work<T>>,
    parting: Arc<Parting>,
    /// Reads on what the work gave.
    rest: fn(T, Deadline) -> Rest,
}

type Work<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// Up to where an answer is read.
#[derive(Debug, Clone)]
pub struct Deadline {
    pub until: Instant,
    pub bytes: usize,
    /// The gate shuts down.
    pub closing: watch::Receiver<bool>,
}

impl Deadline {
    /// Waits for what comes next, unless it is too late for it.
    pub async fn before<T>(&mut self, next: impl Future<Output = T>) -> Result<T, How> {
        tokio::select! {
            biased;
            next = timeout_at(self.until, next) => next.map_err(|_| How::Slow),
            _ = self.closing.wait_for(|closing| *closing) => Err(How::Shutdown),
        }
    }
}

impl<T: Send + 'static> Abandonable<T> {
    pub fn new(
        parting: &Arc<Parting>,
        rest: fn(T, Deadline) -> Rest,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Self {
        Self {
            work: Some(Box::pin(work)),
            parting: Arc::clone(parting),
            rest,
        }
    }
}

impl<T: Send + 'static> Future for Abandonable<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(work) = &mut self.work else {
            return Poll::Pending;
        };
        let done = std::task::ready!(work.as_mut().poll(context));
        self.work = None;
        Poll::Ready(done)
    }
}

impl<T: Send + 'static> Drop for Abandonable<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && self.parting.is_now()
        {
            let (rest, deadline) = (self.rest, self.parting.deadline());
            self.parting.leave(Box::pin(read_on(work, rest, deadline)));
        }
    }
}

async fn read_on<T: Send>(work: Work<T>, rest: fn(T, Deadline) -> Rest, mut deadline: Deadline) -> Read {
    let how = match deadline.before(work).await {
        Ok(Ok(begun)) => return rest(begun, deadline).await,
        Ok(Err(_)) => How::Failed,
        Err(how) => how,
    };
    Read { heard: None, how }
}
