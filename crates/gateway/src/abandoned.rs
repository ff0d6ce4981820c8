//! Answers whose client has gone, read on for their final usage.
//!
//! Some providers stop billing when a call is cancelled (`abort_stops_billing`); theirs are cancelled as soon as
//! the client goes. The others bill what they would have said, so their calls are read to the end, and the request is
//! settled with what they counted. The client, its place and its connection are let go at once all the same: what is
//! left of the calls goes on in a task of its own, bounded in time, size and number.
//!
//! How it comes about: when a client goes, hyper drops the answer. The first thing that falls is [`Leaving`], which
//! says so; then the calls, which leave themselves behind in the [`Departure`] instead of ending; at last the
//! settlement, which finds them there. A call that is dropped for another reason leaves nothing.
//!
//! A request that may come again goes on as a whole for a while without its client, with a place among these answers
//! ([`Departure::goes_on`]); what is left of it then is not read on once more.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::{
    runtime::Handle,
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, timeout, timeout_at},
};
use tollgate_catalog::contract::estimated_tokens;
use tollgate_chat::{service_tier::ServiceTier, usage::Usage};

use crate::{error::Failure, gate::Gate, settle::Settlement, story::AttemptMark};

/// How far answers are read whose client has gone, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbandonedSettings {
    /// How long one is read on.
    pub time: Duration,
    /// How many bytes of it.
    pub bytes: usize,
    /// How many at once; beyond it calls are cancelled.
    pub most: usize,
}

/// All answers that are read on.
pub struct Abandoned {
    places: Arc<Semaphore>,
    most: u32,
    closing: watch::Sender<bool>,
}

impl Abandoned {
    pub fn new(settings: &AbandonedSettings) -> Self {
        let most = u32::try_from(settings.most.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            closing: watch::Sender::new(false),
        }
    }

    /// Lets all of them go, those that come as well.
    pub fn let_go(&self) {
        self.closing.send_replace(true);
    }

    /// Lets all of them go, and waits until they are settled.
    pub async fn close(&self) {
        self.let_go();
        let _ = self.places.acquire_many(self.most).await;
        self.places.close();
    }

    /// Waits until all of them are let go.
    pub async fn closes(&self) {
        let mut closing = self.closing.subscribe();
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// A place among the answers that are read on.
struct ReadingOn {
    gate: Arc<Gate>,
    is_counted: bool,
    _place: OwnedSemaphorePermit,
}

impl ReadingOn {
    /// `None`: there are as many as may be.
    fn begin(gate: &Arc<Gate>) -> Option<Self> {
        let place = Arc::clone(&gate.abandoned.places).try_acquire_owned().ok()?;
        gate.metrics.abandoned_started();
        Some(Self {
            gate: Arc::clone(gate),
            is_counted: true,
            _place: place,
        })
    }

    /// It is read no further; the place is kept until it is settled.
    fn is_read(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.gate.metrics.abandoned_left();
        }
    }
}

impl Drop for ReadingOn {
    fn drop(&mut self) {
        self.is_read();
    }
}

/// What becomes of the calls of one request when its client goes.
pub struct Departure {
    bounds: AbandonedSettings,
    state: AtomicU8,
    /// Attempts that left something; only one of them is paid for.
    left: Mutex<Vec<Left>>,
    attempts: AtomicU32,
    /// Those of them that have not ended.
    under_way: AtomicU32,
    /// The first of them has begun, or the last one has ended.
    changed: Notify,
    /// Of a request that goes on without its client.
    place: Mutex<Option<ReadingOn>>,
}

/// What becomes of the calls of one attempt when the client goes.
pub struct Parting {
    departure: Arc<Departure>,
    attempt: u32,
    mark: AttemptMark,
    prompt: u64,
}

/// What one attempt left.
struct Left {
    attempt: u32,
    mark: AttemptMark,
    /// About how many tokens each call reads.
    prompt: u64,
    calls: Vec<Rest>,
    /// By calls that have ended, where an attempt makes several.
    counted: Option<Usage>,
    /// Whether one of these was not counted by its provider.
    is_estimated: bool,
}

/// What is left of a call.
pub type Rest = Pin<Box<dyn Future<Output = Read> + Send>>;

/// What came of reading on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub usage: Option<Usage>,
    /// Whether some of it is an estimate of the gate.
    pub is_estimated: bool,
    /// Whether its provider broke off behind its end, before it had counted all of it.
    pub cut_off: bool,
    /// Bytes that were said beyond what is in `usage`.
    pub said: u64,
    pub service_tier: Option<ServiceTier>,
    pub how: How,
}

impl Read {
    /// Makes a count of the bytes of a call that said something and was not counted.
    fn estimate(&mut self, prompt: u64) {
        if self.said > 0 {
            self.usage = Some(Usage {
                prompt,
                completion: estimated_tokens(std::mem::take(&mut self.said)),
                ..Usage::default()
            });
            self.is_estimated = true;
        }
    }

    /// What it tells of the tokens: more where there is a count, less where there are only bytes.
    fn worth(&self) -> (bool, bool) {
        (self.usage.is_some(), self.said > 0)
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

/// The client is there.
const PRESENT: u8 = 0;
/// It has gone, and the request is not settled yet.
const GONE: u8 = 1;
const SETTLED: u8 = 2;

impl Departure {
    pub fn new(bounds: AbandonedSettings) -> Arc<Self> {
        Arc::new(Self {
            bounds,
            state: AtomicU8::new(PRESENT),
            left: Mutex::default(),
            attempts: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
            changed: Notify::new(),
            place: Mutex::default(),
        })
    }

    /// Where the calls of a new attempt are left. It is under way as long as one of its calls has this. `prompt`: about
    /// how many tokens each of them reads.
    pub fn of_attempt(self: &Arc<Self>, mark: AttemptMark, prompt: u64) -> Arc<Parting> {
        if self.under_way.fetch_add(1, Ordering::Relaxed) == 0 {
            self.changed.notify_waiters();
        }
        Arc::new(Parting {
            departure: Arc::clone(self),
            attempt: self.attempts.fetch_add(1, Ordering::Relaxed),
            mark,
            prompt,
        })
    }

    /// Whether a provider is being asked that bills on.
    fn is_any_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// Whether the whole request may go on without its client: a provider is being asked that bills on, and there is a
    /// place for it, which it keeps to its end.
    pub fn goes_on(&self, gate: &Arc<Gate>) -> bool {
        if !self.is_any_under_way() {
            return false;
        }
        let mut place = self.place();
        if place.is_none() {
            *place = ReadingOn::begin(gate);
        }
        place.is_some()
    }

    /// Waits until it has gone on without a client for as long as it may, or no provider has been asked that bills on
    /// for as long as a `pause` between two attempts may take.
    pub async fn has_gone_on(&self, pause: Duration) {
        let left = async {
            loop {
                self.until(|under_way| !under_way).await;
                if timeout(pause, self.until(|under_way| under_way)).await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout(self.bounds.time, left).await;
    }

    /// How many bytes of it.
    pub fn most_bytes(&self) -> usize {
        self.bounds.bytes
    }

    async fn until(&self, wanted: impl Fn(bool) -> bool) {
        loop {
            // Made before the look, so that no change is missed.
            let changed = self.changed.notified();
            if wanted(self.is_any_under_way()) {
                return;
            }
            changed.await;
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<ReadingOn>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Vec<Left>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request is settled, or about to be. Gives what was left, if anything was; nothing is left from now on.
    pub fn settled(&self) -> Option<LeftBehind> {
        self.state.store(SETTLED, Ordering::Release);
        let mut attempts = std::mem::take(&mut *self.left());
        // An attempt that has ended has failed: another one was begun.
        attempts.retain(|left| !left.calls.is_empty());
        (!attempts.is_empty()).then(|| LeftBehind {
            attempts,
            place: self.place().take(),
        })
    }
}

impl Parting {
    /// How far what is left now may be read: no further, where it has gone on without its client already.
    pub fn deadline(&self) -> Deadline {
        let AbandonedSettings { time, bytes, .. } = self.departure.bounds;
        let left = match *self.departure.place() {
            None => time,
            Some(_) => Duration::ZERO,
        };
        Deadline {
            until: Instant::now() + left,
            bytes,
        }
    }

    /// Whether what is dropped now is dropped because the client has gone.
    pub fn is_now(&self) -> bool {
        self.departure.state.load(Ordering::Acquire) == GONE
    }

    /// Leaves a call to whoever settles the request. Only while [`Self::is_now`].
    pub fn leave(&self, rest: Rest) {
        self.with(|left| left.calls.push(rest));
    }

    /// Notes the count of a call that has ended while others of the same attempt go on.
    pub fn count(&self, usage: Usage, is_estimated: bool) {
        self.with(|left| {
            left.counted = Some(left.counted.unwrap_or_default().plus(usage));
            left.is_estimated |= is_estimated;
        });
    }

    fn with(&self, change: impl FnOnce(&mut Left)) {
        let mut attempts = self.departure.left();
        let known = attempts.iter().position(|left| left.attempt == self.attempt);
        let place = known.unwrap_or_else(|| {
            attempts.push(Left {
                attempt: self.attempt,
                mark: self.mark.clone(),
                prompt: self.prompt,
                calls: Vec::new(),
                counted: None,
                is_estimated: false,
            });
            attempts.len() - 1
        });
        change(&mut attempts[place]);
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        if self.departure.under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.departure.changed.notify_waiters();
        }
    }
}

impl Left {
    /// Reads all of its calls on.
    async fn read(self) -> (AttemptMark, Read) {
        let mut reads = join_all(self.calls).await;
        // Where all are without a count, whoever settles the request counts their texts.
        let is_any_counted = self.counted.is_some() || reads.iter().any(|read| read.usage.is_some());
        for read in reads
            .iter_mut()
            .filter(|read| is_any_counted && read.usage.is_none())
        {
            read.estimate(self.prompt);
        }
        let how = reads.iter().map(|read| read.how).max().unwrap_or(How::Complete);
        let usages = reads.iter().filter_map(|read| read.usage).chain(self.counted);
        let usage = usages.reduce(Usage::plus);
        let service_tier = reads.iter().find_map(|read| read.service_tier.clone());
        let read = Read {
            usage,
            is_estimated: self.is_estimated || reads.iter().any(|read| read.is_estimated),
            cut_off: reads.iter().any(|read| read.cut_off),
            said: reads.iter().map(|read| read.said).sum(),
            service_tier,
            how,
        };
        (self.mark, read)
    }
}

/// Says, by being dropped, that the client has gone. It has to be dropped before the calls are.
pub struct Leaving(pub Option<Arc<Departure>>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(departure) = &self.0 {
            let (present, gone) = (PRESENT, GONE);
            // Where the request is settled, nobody has gone.
            let _ = departure
                .state
                .compare_exchange(present, gone, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// The calls that a client left.
pub struct LeftBehind {
    attempts: Vec<Left>,
    /// Where it has one already.
    place: Option<ReadingOn>,
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
            let winner = tokio::select! {
                biased;
                winner = self.winner() => winner,
                () = gate.abandoned.closes() => None,
            };
            let how = winner.as_ref().map_or(How::Shutdown, |(_, read)| read.how);
            if let Some((mark, read)) = winner {
                if read.usage.is_some() || read.said > 0 {
                    mark.is_paid_for();
                    settlement.counts_readings();
                }
                settlement.tally().read_on(&read);
                if let Some(tier) = read.service_tier {
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
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub until: Instant,
    pub bytes: usize,
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

async fn read_on<T: Send>(work: Work<T>, rest: fn(T, Deadline) -> Rest, deadline: Deadline) -> Read {
    let how = match timeout_at(deadline.until, work).await {
        Ok(Ok(begun)) => return rest(begun, deadline).await,
        Ok(Err(_)) => How::Failed,
        Err(_) => How::Slow,
    };
    Read {
        usage: None,
        is_estimated: false,
        cut_off: false,
        said: 0,
        service_tier: None,
        how,
    }
}
