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

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
    time::{Instant, timeout_at},
};
use tollgate_chat::usage::Usage;

use crate::{error::Failure, settle::Settlement};

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

    /// Lets all of them go, and waits until they are settled.
    pub async fn close(&self) {
        self.closing.send_replace(true);
        let _ = self.places.acquire_many(self.most).await;
        self.places.close();
    }
}

/// What becomes of the calls of one request when its client goes.
pub struct Departure {
    bounds: AbandonedSettings,
    state: AtomicU8,
    left: Mutex<Left>,
}

#[derive(Default)]
struct Left {
    calls: Vec<Rest>,
    /// By calls that have ended, where a request makes several.
    counted: Option<Usage>,
}

/// What is left of a call.
pub type Rest = Pin<Box<dyn Future<Output = Read> + Send>>;

/// What came of reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    pub usage: Option<Usage>,
    pub how: How,
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
        })
    }

    /// How far what is left may be read.
    pub fn bounds(&self) -> AbandonedSettings {
        self.bounds
    }

    /// Whether what is dropped now is dropped because the client has gone.
    pub fn is_now(&self) -> bool {
        self.state.load(Ordering::Acquire) == GONE
    }

    /// Leaves a call to whoever settles the request. Only while [`Self::is_now`].
    pub fn leave(&self, rest: Rest) {
        self.left().calls.push(rest);
    }

    /// Notes what a call has counted that has ended while others of the same request go on.
    pub fn count(&self, usage: Usage) {
        let mut left = self.left();
        left.counted = Some(left.counted.unwrap_or_default().plus(usage));
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request is settled, or about to be. Gives what was left, if anything was; nothing is left from now on.
    pub fn settled(&self) -> Option<LeftBehind> {
        self.state.store(SETTLED, Ordering::Release);
        let Left { calls, counted } = std::mem::take(&mut *self.left());
        (!calls.is_empty()).then_some(LeftBehind { calls, counted })
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
    calls: Vec<Rest>,
    counted: Option<Usage>,
}

impl LeftBehind {
    /// Reads the calls on and settles the request with what they count. Where that may not be, they are cancelled, and
    /// it is settled with what is known.
    pub fn read_on(self, mut settlement: Settlement) {
        let gate = Arc::clone(settlement.gate());
        let place = Arc::clone(&gate.abandoned.places).try_acquire_owned();
        let (Ok(place), Ok(runtime)) = (place, Handle::try_current()) else {
            gate.metrics.abandoned_ended("crowded");
            return settlement.left();
        };
        runtime.spawn(async move {
            let _place = place;
            gate.metrics.abandoned_started();
            let mut closing = gate.abandoned.closing.subscribe();
            let reads = tokio::select! {
                biased;
                reads = join_all(self.calls) => reads,
                _ = closing.wait_for(|closing| *closing) => vec![Read { usage: None, how: How::Shutdown }],
            };
            let how = reads.iter().map(|read| read.how).max().unwrap_or(How::Complete);
            let usages = reads.iter().filter_map(|read| read.usage).chain(self.counted);
            if let Some(usage) = usages.reduce(Usage::plus) {
                settlement.count(usage, false);
            }
            gate.metrics.abandoned_left();
            gate.metrics.abandoned_ended(how.as_str());
            settlement.left();
        });
    }
}

/// A call to a provider that bills on: where its client goes, it is left behind and not cancelled.
pub struct Abandonable<T: Send + 'static> {
    work: Option<Work<T>>,
    departure: Arc<Departure>,
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

impl Deadline {
    pub fn of(bounds: AbandonedSettings) -> Self {
        Self {
            until: Instant::now() + bounds.time,
            bytes: bounds.bytes,
        }
    }
}

impl<T: Send + 'static> Abandonable<T> {
    pub fn new(
        departure: &Arc<Departure>,
        rest: fn(T, Deadline) -> Rest,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Self {
        Self {
            work: Some(Box::pin(work)),
            departure: Arc::clone(departure),
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
            && self.departure.is_now()
        {
            let (rest, deadline) = (self.rest, Deadline::of(self.departure.bounds()));
            self.departure.leave(Box::pin(read_on(work, rest, deadline)));
        }
    }
}

async fn read_on<T: Send>(work: Work<T>, rest: fn(T, Deadline) -> Rest, deadline: Deadline) -> Read {
    let how = match timeout_at(deadline.until, work).await {
        Ok(Ok(begun)) => return rest(begun, deadline).await,
        Ok(Err(_)) => How::Failed,
        Err(_) => How::Slow,
    };
    Read { usage: None, how }
}
