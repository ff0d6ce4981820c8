//! What happens to one request, written down while it happens: for `tollgate explain`, and whoever else wants to
//! know afterwards.
//!
//! It holds names, numbers and moments, and never a word of a prompt or an answer, nor a key or a credential.
//! What it names is shared with those who hold it anyway, so that the usual request pays for little more than a
//! few moments of the clock. Whatever a request makes of itself, its story stays small.
//!
//! Not here: for how long stories are kept ([`kept`]), and how they are told ([`told`]).

mod attempt;
mod calls;
pub mod kept;
mod lines;
mod route;
pub mod told;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use opentelemetry::trace::SpanContext;
use tollgate_catalog::{channel::ChannelName, model::Model};
use tollgate_chat::{event::FinishReason, service_tier::ServiceTier, usage::Usage};
use tollgate_dialects::Note;
use tollgate_store::WarmKey;

use crate::{books::Bill, error::GateError, request_id::RequestId};
pub use attempt::{Attempt, AttemptMark, AttemptPen, OK};
pub use calls::{CallMade, Followed};
use route::Considered;
pub use route::Why;

/// Most attempts, most channels and most notes of one story. What is beyond is counted.
const ENTRIES: usize = 64;
/// Most bytes of a story's notes.
const NOTES_BYTES: usize = 8 * 1024;

/// The story of one request.
#[derive(Debug)]
pub struct Story {
    pub id: RequestId,
    /// The client's address, seen through trusted proxies.
    pub client: IpAddr,
    pub arrived: Instant,
    /// The caller's span, where traces are made and it named one.
    pub caller: Option<Box<SpanContext>>,
    pages: Mutex<Pages>,
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Pages {
    pub key: Option<Arc<WarmKey>>,
    pub model: Option<Arc<Model>>,
    pub stream: bool,
    considered: Vec<Considered>,
    pub attempts: Vec<Attempt>,
    /// Attempts that there have been, those that found no place included.
    begun: usize,
    /// Entries that found no place.
    left_out: u32,
    pub end: Option<End>,
    /// From arrival to end.
    pub took: Duration,
}

/// How a request ended, for its client.
#[derive(Debug, Default)]
pub struct End {
    /// `ok`, `client_gone`, or the error's code.
    pub outcome: &'static str,
    /// What the client's error is about.
    pub param: Option<String>,
    /// `None`: the client went before anything was said.
    pub status: Option<u16>,
    /// The channel that answered.
    pub channel: Option<ChannelName>,
    /// The model that answered, where it is another than was asked for.
    pub served: Option<Arc<Model>>,
    pub first_output: Option<Instant>,
    pub usage: Option<Usage>,
    /// Whether the gate counted the tokens, since the provider did not.
    pub usage_is_estimated: bool,
    /// The tier of service that answered; `None`: the standard one.
    pub service_tier: Option<ServiceTier>,
    /// `None`: the request was refused before anything was held for it.
    pub bill: Option<Bill>,
    pub finishes: Finishes,
    pub sent: Sent,
    pub notes: Vec<Note>,
    /// When the client went, where its answer was read on without it.
    pub left: Option<Instant>,
    /// Our ID of the request whose answer this one got.
    pub repeats: Option<RequestId>,
}

impl End {
    /// Whether the client has an answer, be it one that was given before.
    pub fn is_answer(&self) -> bool {
        matches!(self.outcome, OK | "joined" | "replayed")
    }

    /// The end of a request that was refused before it was let in.
    pub fn refused(error: &GateError) -> Self {
        Self {
            outcome: error.code(),
            param: error.body().param,
            status: Some(error.status().as_u16()),
            ..Self::default()
        }
    }
}

/// What was handed to the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    pub bytes: u64,
    /// Pieces of a stream; a whole answer is one.
    pub pieces: u64,
}

/// How the choices of an answer ended: how many by each reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finishes([u32; REASONS.len()]);

const REASONS: [FinishReason; 5] = [
    FinishReason::Stop,
    FinishReason::Length,
    FinishReason::ToolCalls,
    FinishReason::ContentFilter,
    FinishReason::FunctionCall,
];

impl Finishes {
    pub fn add(&mut self, reason: FinishReason) {
        self.0[reason as usize] += 1;
    }

    /// Choices that ended.
    pub fn total(&self) -> usize {
        self.0.iter().sum::<u32>() as usize
    }

    /// The reasons that there were, and how many choices ended for each.
    pub fn iter(&self) -> impl Iterator<Item = (FinishReason, u32)> {
        REASONS
            .into_iter()
            .zip(self.0)
            .filter(|(_, choices)| *choices > 0)
    }
}

impl Story {
    /// The story of a request that has just arrived.
    pub fn begin(id: RequestId, client: IpAddr, caller: Option<SpanContext>) -> Arc<Self> {
        Arc::new(Self {
            id,
            client,
            arrived: Instant::now(),
            caller: caller.map(Box::new),
            pages: Mutex::default(),
        })
    }

    /// Writes down who asks.
    pub fn asked_by(&self, key: &Arc<WarmKey>) {
        self.pages().key = Some(Arc::clone(key));
    }

    /// Who asks, where there are limits to tell of.
    pub fn limited_key(&self) -> Option<Arc<WarmKey>> {
        self.pages().key.as_ref().filter(|key| key.is_limited()).cloned()
    }

    /// Writes down for which model.
    pub fn asks_for(&self, model: &Arc<Model>) {
        self.pages().model = Some(Arc::clone(model));
    }

    /// Writes down in which form.
    pub fn wants_stream(&self, stream: bool) {
        self.pages().stream = stream;
    }

    /// Writes down how it ends now. The first end holds.
    pub fn ends(&self, end: End) {
        self.ends_after(self.since_arrival(), end);
    }

    /// Writes down how it ended, so long after its arrival. The first end holds.
    pub fn ends_after(&self, now: Duration, mut end: End) {
        keep_small(&mut end.notes);
        let mut pages = self.pages();
        if pages.end.is_none() {
            let answered = end.outcome == OK;
            pages.end = Some(end);
            pages.took = now;
            pages.close_attempts(now, answered);
            pages.count_answer(self.arrived);
        }
    }

    /// Reads what is known so far.
    pub fn read<T>(&self, read: impl FnOnce(&Pages) -> T) -> T {
        read(&self.pages())
    }

    /// About how many bytes it takes, with what only it holds.
    fn size(&self) -> usize {
        let pages = self.pages();
        let end = pages.end.as_ref().map_or(0, |end| {
            let notes = end.notes.iter().map(|note| note.name().len()).sum::<usize>();
            notes + end.notes.capacity() * size_of::<Note>()
        });
        size_of::<Self>()
            + 2 * self.id.as_str().len()
            + end
            + pages.considered.capacity() * size_of::<Considered>()
            + pages.attempts.capacity() * size_of::<Attempt>()
    }

    fn since_arrival(&self) -> Duration {
        self.arrived.elapsed()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Whether there is place for one more of so many entries.
    fn has_place(&mut self, taken: usize) -> bool {
        let has_place = taken < ENTRIES;
        self.left_out += u32::from(!has_place);
        has_place
    }
}

/// A client decides how many of its parameters are left out, and what they are called.
fn keep_small(notes: &mut Vec<Note>) {
    let mut bytes = 0;
    notes.truncate(ENTRIES);
    notes.retain(|note| {
        bytes += note.name().len();
        bytes <= NOTES_BYTES
    });
}

#[cfg(test)]
mod tests;
