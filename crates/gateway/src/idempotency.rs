//! A client's own retry: requests of one API key with the same `Idempotency-Key` get one answer, made once.
//!
//! The first of them is carried in a task of its own, which records its answer on a [`Tape`]; all who ask, the
//! first one included, read the tape. So an answer goes on while anybody reads it, and for a moment longer,
//! since a client whose connection broke may be on its way back; then it ends as it does for any client that
//! leaves. What would be read on without one ([`crate::abandoned`]) may be joined as long as it is. A finished answer stays for a while, in memory alone. With a Redis that holds for all gates together
//! ([`elsewhere`]).
//!
//! What failed and may go better the next time is forgotten at its end, so that a retry tries anew; what was
//! paid for and would come again is kept ([`GateError::would_come_again`]).
//! Requests without the header never come here.

mod elsewhere;
mod replays;
mod tape;
mod waited_for;

use std::{
    future::pending,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use sha2::{Digest, Sha256};
use tokio::time::sleep;
use tollgate_chat::sse::write::event as write_event;
use tollgate_ledger::Holder;

use elsewhere::Claim;
pub use elsewhere::ReplaysElsewhere;
pub use replays::Replays;
use replays::{Claimed, Recording};
use tape::{Cut, Head, Reader, Tape};

use crate::{
    abandoned::Departure,
    admit::Admission,
    body::{Body, Response, whole},
    error::GateError,
    gate::Gate,
    request_id::RequestId,
    route::Pin,
    story::{End, Story},
};

/// The outcome of a request that got an answer which had ended.
const REPLAYED: &str = "replayed";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Our ID of the request whose answer this is.
pub const X_TOLLGATE_REPLAYED: HeaderName = HeaderName::from_static("x-tollgate-replayed");
/// Longest key that a client may send; others that read this header allow as much.
const KEY_BYTES: usize = 255;
/// How long no provider may be asked while a request goes on: between two attempts, and while an answer is counted.
const PAUSE: Duration = Duration::from_secs(2);

/// Bounds of what is kept for retries, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencySettings {
    /// Bytes of all answers together.
    pub size: usize,
    /// Bytes of one answer.
    pub answer: usize,
    /// How long a finished answer is kept.
    pub ttl: Duration,
    /// How long an answer goes on that nobody reads.
    pub linger: Duration,
}

/// What a client calls a request that it may send again. Nobody else's request has that name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    holder: Holder,
    text: Box<[u8]>,
}

impl Name {
    /// The name in these headers, where there is one. Fails where it cannot be one.
    pub fn of(headers: &HeaderMap, holder: Holder) -> Result<Option<Self>, GateError> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let text = value.as_bytes();
        let is_sane = (1..=KEY_BYTES).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
        if !is_sane || values.next().is_some() {
            return Err(GateError::IdempotencyKey { limit: KEY_BYTES });
        }
        Ok(Some(Self {
            holder,
            text: text.into(),
        }))
    }
}

/// What tells two requests apart: their bodies, and the channels that they ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub fn of(body: &[u8], pin: &Pin) -> Self {
        let mut hash = Sha256::new();
        for name in pin.asked() {
            hash.update(name);
            hash.update([0]);
        }
        hash.update(body);
        Self(hash.finalize().into())
    }
}

/// Whether an answer is to be kept; its settlement tells.
#[derive(Default)]
pub struct Fate {
    keeps: OnceLock<bool>,
    /// Where its calls are left; nowhere, where every provider stops billing.
    departure: OnceLock<Arc<Departure>>,
    /// Of the request, until it is settled or goes on without a client.
    admission: Mutex<Option<Admission>>,
}

impl Fate {
    /// The client has, or is about to have, the whole answer.
    pub fn answered(&self) {
        let _ = self.keeps.set(true);
    }

    pub fn failed(&self, error: &GateError) {
        let _ = self.keeps.set(error.would_come_again());
    }

    pub fn departs_by(&self, departure: &Arc<Departure>) {
        let _ = self.departure.set(Arc::clone(departure));
    }

    pub fn admits(&self, admission: Admission) {
        *self.admission() = Some(admission);
    }

    /// Takes the request's place among those under way, where it has it still.
    pub fn take_admission(&self) -> Option<Admission> {
        self.admission().take()
    }

    fn admission(&self) -> std::sync::MutexGuard<'_, Option<Admission>> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer whose end nobody told broke off.
    fn is_worth_keeping(&self) -> bool {
        self.keeps.get().copied().unwrap_or(false)
    }
}

/// Answers a request that may come again: by `carry` where it is the first of its name, else with what that one
/// gets. What is `asked` has to be the same each time; `stream`: it is to be streamed. `story` is that of this request, and
/// of its answer where it is the first.
///
/// Cancel safety: dropping it, or the answer, leaves the request to those who still read it.
pub async fn once<F>(
    gate: &Arc<Gate>,
    name: Name,
    (asked, stream): (Fingerprint, bool),
    story: &Arc<Story>,
    carry: impl FnOnce(Arc<Fate>) -> F + Send + 'static,
) -> Result<Response, GateError>
where
    F: Future<Output = Result<Response, GateError>> + Send + 'static,
{
    let may_be_made_elsewhere = gate.replays_elsewhere.is_some() && !gate.replays.knows(&name);
    if !stream || !may_be_made_elsewhere {
        return answer_once(gate, name, asked, story, carry).await;
    }
    let (of_gate, of_story) = (Arc::clone(gate), Arc::clone(story));
    let answering = async move { answer_once(&of_gate, name, asked, &of_story, carry).await };
    waited_for::answer(gate, story, Box::pin(answering)).await
}

async fn answer_once<F>(
    gate: &Arc<Gate>,
    name: Name,
    asked: Fingerprint,
    story: &Arc<Story>,
    carry: impl FnOnce(Arc<Fate>) -> F + Send + 'static,
) -> Result<Response, GateError>
where
    F: Future<Output = Result<Response, GateError>> + Send + 'static,
{
    let claim = match &gate.replays_elsewhere {
        Some(elsewhere) if !gate.replays.knows(&name) => {
            let claiming = elsewhere.claim(
                &name,
                asked,
                &story.id,
                &gate.buffered,
                || gate.replays.knows(&name),
                gate.settings.request_deadline,
            );
            match claiming.await? {
                elsewhere::Claimed::Mine(claim) => Some(claim),
                elsewhere::Claimed::Alone => None,
                elsewhere::Claimed::Answered { response, of } => {
                    return Ok(repeated(gate, story, response, of, REPLAYED));
                }
            }
        }
        _ => None,
    };
    let (reader, of) = match Replays::claim(&gate.replays, name, asked, &story.id)? {
        Claimed::First { recording, reader } => {
            let under_way = gate.replays.carries();
            let fate = Arc::new(Fate::default());
            let carried = carry(Arc::clone(&fate));
            let recorded = record(
                Arc::clone(gate),
                Arc::clone(story),
                recording,
                carried,
                fate,
                claim,
            );
            tokio::spawn(async move {
                recorded.await;
                // Only now: a shutdown waits for it.
                drop(under_way);
            });
            (reader, None)
        }
        Claimed::Repeat { reader, of, running } => {
            let outcome = if running { "joined" } else { REPLAYED };
            (reader, Some((of, outcome)))
        }
    };
    let response = respond(reader).await?;
    Ok(match of {
        None => response,
        Some((of, outcome)) => repeated(gate, story, response, of, outcome),
    })
}

/// The answer of an earlier request, counted and written down as such.
fn repeated(
    gate: &Gate,
    story: &Arc<Story>,
    mut response: Response,
    of: RequestId,
    outcome: &'static str,
) -> Response {
    gate.metrics.request_repeated(outcome);
    if let Ok(of) = HeaderValue::from_str(of.as_str()) {
        response.headers_mut().insert(X_TOLLGATE_REPLAYED, of);
    }
    story.ends(End {
        outcome,
        status: Some(response.status().as_u16()),
        repeats: Some(of),
        ..End::default()
    });
    story.log_repeat();
    gate.ended(story, Instant::now());
    response
}

/// Carries the request and records its answer, as long as anybody wants it.
async fn record(
    gate: Arc<Gate>,
    story: Arc<Story>,
    mut recording: Recording,
    carried: impl Future<Output = Result<Response, GateError>>,
    fate: Arc<Fate>,
    claim: Option<Claim>,
) {
    let tape = recording.tape();
    let recorded = async {
        let response = carried.await.unwrap_or_else(|error| {
            gate.refused(&story, &error, true);
            error.into_response()
        });
        recording.write(response).await;
    };
    let claimed = async {
        match &claim {
            Some(claim) => claim.renew().await,
            None => pending().await,
        }
    };
    let ttl = gate.replays.settings().ttl;
    tokio::select! {
        biased;
        () = gate.cut_off.wakes_in(recorded) => {
            let keep = fate.is_worth_keeping();
            let answer = claim.as_ref().filter(|_| keep).map(|_| elsewhere::written(&tape));
            recording.end(keep);
            if let Some(claim) = claim {
                claim.end(answer, ttl).await;
            }
        }
        () = given_up(&gate, &tape, &fate, claim.as_ref()) => {
            drop(recording);
            if let Some(claim) = claim {
                claim.end(None, ttl).await;
            }
        }
        () = claimed => {}
    }
}

/// Waits until nobody wants the answer any more. One that is paid for to its end, read or not, waits for its client
/// as long as it would be read on without one, and within the same bounds: the client would pay for another.
async fn given_up(gate: &Arc<Gate>, tape: &Tape, fate: &Fate, claim: Option<&Claim>) {
    tape.deserted(|| absence(gate, tape, fate, claim)).await;
}

/// How long nobody has to read an answer until it ends. Who waits for it at another gate is there, and seen once the
/// linger is over.
async fn absence(gate: &Arc<Gate>, tape: &Tape, fate: &Fate, claim: Option<&Claim>) {
    loop {
        sleep(gate.replays.settings().linger).await;
        if !is_awaited_elsewhere(claim).await {
            goes_on_alone(gate, tape, fate).await;
            if !is_awaited_elsewhere(claim).await {
                return;
            }
        }
        sleep(elsewhere::LOOK_EVERY).await;
    }
}

async fn is_awaited_elsewhere(claim: Option<&Claim>) -> bool {
    match claim {
        Some(claim) => claim.is_awaited().await,
        None => false,
    }
}

/// Waits for as long as the answer goes on whose client is taken for gone: not at all, unless it is paid for anyway. The
/// request's place is free then.
async fn goes_on_alone(gate: &Arc<Gate>, tape: &Tape, fate: &Fate) {
    let linger = gate.replays.settings().linger;
    let Some(departure) = fate.departure.get() else {
        return;
    };
    if !departure.goes_on(gate) {
        return;
    }
    if fate.take_admission().is_some() {
        gate.metrics.request_left();
    }
    tokio::select! {
        () = departure.has_gone_on(linger.max(PAUSE)) => {}
        () = tape.grows_by(departure.most_bytes()) => {}
        () = gate.abandoned.closes() => {}
    }
}

/// The answer on the tape, as it comes.
async fn respond(mut reader: Reader) -> Result<Response, GateError> {
    let head = reader
        .head()
        .await
        .map_err(|Cut| GateError::ProviderFailed { retry_after: None })?;
    let Head {
        status,
        headers,
        is_whole,
    } = head;
    let body = match is_whole {
        true => whole(reader.all().await.map_err(|Cut| GateError::StreamCut)?),
        false => Body::Stream(Box::pin(unfold(Some(reader), next_frame))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

async fn next_frame(
    reader: Option<Reader>,
) -> Option<(Result<Frame<Bytes>, std::convert::Infallible>, Option<Reader>)> {
    let mut reader = reader?;
    match reader.next().await {
        Some(Ok(piece)) => Some((Ok(Frame::data(piece)), Some(reader))),
        None => None,
        Some(Err(Cut)) => {
            let mut last = bytes::BytesMut::new();
            write_event(&mut last, GateError::StreamCut.body().to_json().as_bytes());
            Some((Ok(Frame::data(last.freeze())), None))
        }
    }
}

#[cfg(test)]
mod tests;
