//! A stream from its first byte: held back until real output comes, then handed over.

use std::{pin::pin, sync::Arc, time::Duration};

use http::{Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{Event, EventKind, Wire};
use tollgate_dialects::{Dialect, Presentation, StreamDecoder, UnaskedStream, Undo};

use super::{
    fan_out::MergedStream,
    outcome::treatment,
    pace::{Attention, Pace},
    private,
    reasoning::Keeper,
    send::root_cause,
};
use crate::{
    abandoned::{Deadline, How, Parting, Read},
    buffered::Held,
    channel::Server,
    error::Failure,
    gate::Gate,
    health::{ModelHealth, Place, ProbeStart, Witness},
    sandbox::EmbeddedStream,
    story::Followed,
};

/// Most that is held back of a stream that has not said anything yet.
const HELD_EVENTS: usize = 64;
const HELD_BYTES: usize = 256 * 1024;

/// A stream whose first output has come.
pub struct OpenStream {
    /// Events that were read and not yet taken.
    held: Vec<Event>,
    source: Source,
    /// The share of the memory of an answer that came whole.
    _memory: Option<Held>,
    watch: Option<Box<Watch>>,
    /// Where it is left when the client goes; `None`: it is cancelled.
    parting: Option<Arc<Parting>>,
    /// What its provider counts, until somebody has it who is given the answer.
    followed: Option<Box<Followed>>,
}

/// Who wants to know how a stream ends.
pub struct Watch {
    pub channel: Arc<crate::channel::Channel>,
    pub model: Arc<ModelHealth>,
    /// When the stream's attempt began, where it was a probe.
    pub probe: Option<ProbeStart>,
    /// Where its calls have none of their own.
    pub _place: Option<Place>,
    pub witness: Witness,
}

impl Watch {
    /// The stream broke: for the request nothing can be done any more, and for those to come as much as for one that
    /// failed before its output.
    fn failed(&self, failure: &Failure) {
        let treatment = treatment(failure);
        let witness = treatment.blame.perhaps(|| self.witness);
        let health = &self.channel.health;
        health.stream_broke(treatment.sign, self.probe, witness);
        if let Some((scope, rest)) = treatment.rest {
            health.rest(scope, &self.model, rest, witness);
        }
    }

    fn ended(&self) {
        self.channel.health.stream_ended();
    }
}

enum Source {
    Provider(Box<ProviderStream>),
    Merged(Box<MergedStream>),
    Embedded(Box<EmbeddedStream>),
    Failed(Failure),
    Ended,
}

struct ProviderStream {
    /// Keeps the channel's connections too while the stream runs.
    channel: Arc<crate::channel::Channel>,
    body: Incoming,
    decoder: StreamDecoder,
    idle: Duration,
    last_byte: Instant,
    /// How long it may say nothing while it shows that it is there.
    patience: Duration,
    last_event: Instant,
    pace: Option<Pace>,
    /// When it is waited for, where it is read together with others.
    attention: Option<Arc<Attention>>,
    /// What ended the stream, while events from before it wait.
    failed: Option<Failure>,
    ending: Ending,
    /// Of the call, where it has one of its own.
    _place: Option<Arc<Place>>,
}

/// Keeps what the provider wants back with the next turn, before the client can send that turn: it may do
/// so as soon as it has seen a finish, so everything from the first one on waits for the end of the stream.
struct Ending {
    keeper: Option<Keeper>,
    held: Vec<Event>,
}

impl Ending {
    /// Holds back what belongs to the end.
    fn hold(&mut self, events: &mut Vec<Event>) {
        if self.keeper.is_none() {
            return;
        }
        if !self.held.is_empty() {
            self.held.append(events);
            if self.held.len() > HELD_EVENTS {
                // Another choice goes on for long: its output must not wait.
                events.append(&mut self.held);
            }
            return;
        }
        let finish = |event: &Event| matches!(event.kind, EventKind::Finish(_));
        let Some(mut first) = events.iter().position(finish) else {
            return;
        };
        // The chunk that says it may come with an earlier event.
        while first > 0 && events[first].wire == Wire::Covered {
            first -= 1;
        }
        self.held = events.split_off(first);
    }

    /// The end is there: gives back what was held, before `events`.
    fn release(&mut self, events: Vec<Event>) -> Vec<Event> {
        if self.held.is_empty() {
            return events;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend(events);
        all
    }
}

impl OpenStream {
    /// The embedded model's stream: what it has said so far, and what follows.
    pub fn embedded(held: Vec<Event>, rest: Option<EmbeddedStream>) -> Self {
        Self {
            held,
            source: rest.map_or(Source::Ended, |stream| Source::Embedded(Box::new(stream))),
            _memory: None,
            watch: None,
            parting: None,
            followed: None,
        }
    }

    /// Several streams as one.
    pub fn merged(stream: MergedStream, parting: Option<Arc<Parting>>) -> Self {
        Self {
            held: Vec::new(),
            source: Source::Merged(Box::new(stream)),
            _memory: None,
            watch: None,
            parting,
            followed: None,
        }
    }

    /// A stream that has nothing but this failure.
    pub fn failed(failure: Failure) -> Self {
        Self {
            held: Vec::new(),
            source: Source::Failed(failure),
            _memory: None,
            watch: None,
            parting: None,
            followed: None,
        }
    }

    /// The next events; `None` at the end of a complete answer. After a failure nothing comes.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<Event>, Failure>> {
        if !self.held.is_empty() {
            return Some(Ok(std::mem::take(&mut self.held)));
        }
        self.read().await
    }

    /// As [`Self::next`], of what has not been read yet.
    async fn read(&mut self) -> Option<Result<Vec<Event>, Failure>> {
        let (events, ended) = match &mut self.source {
            Source::Ended => return None,
            Source::Failed(_) => {
                return match std::mem::replace(&mut self.source, Source::Ended) {
                    Source::Failed(failure) => Some(Err(failure)),
                    _ => None,
                };
            }
            Source::Provider(stream) => stream.read().await,
            Source::Merged(stream) => stream.read().await,
            Source::Embedded(stream) => stream.read().await,
        };
        if ended {
            self.source = Source::Ended;
        }
        if let Some(followed) = &mut self.followed {
            match &events {
                Ok(events) => followed.hear(events),
                Err(failure) => followed.failed(failure),
            }
        }
        if let Some(watch) = self.watch.take_if(|_| ended || events.is_err()) {
            match &events {
                Ok(_) => watch.ended(),
                Err(failure) => watch.failed(failure),
            }
        }
        match events {
            Ok(events) if events.is_empty() && ended => None,
            other => Some(other),
        }
    }

    /// Reads on until `then`, as much as may be held back. What comes meanwhile is there at the next read.
    pub async fn read_ahead(&mut self, then: impl Future) -> Result<(), Failure> {
        let mut then = pin!(then);
        let mut bytes: usize = self.held.iter().map(weight).sum();
        while bytes <= HELD_BYTES {
            let events = tokio::select! {
                biased;
                _ = &mut then => return Ok(()),
                events = self.read() => events,
            };
            let Some(events) = events else { break };
            let events = events?;
            bytes += events.iter().map(weight).sum::<usize>();
            self.held.extend(events);
        }
        then.await;
        Ok(())
    }

    /// Its call comes to nothing, unless it is handed on.
    pub fn followed_by(mut self, followed: Followed) -> Self {
        self.followed = Some(Box::new(followed));
        self
    }

    /// Somebody is given the answer, and has its count.
    pub fn handed_on(&mut self) {
        if let Some(followed) = self.followed.take() {
            followed.handed_on();
        }
    }

    /// Reads to the end, for what the provider counts.
    pub async fn read_on(mut self, deadline: Deadline) -> Read {
        self.parting = None;
        if let Source::Merged(stream) = &mut self.source {
            stream.begin_no_more();
        }
        let (mut usage, mut service_tier, mut bytes, mut said) = (None, None, 0, 0);
        let (mut is_estimated, mut cut_off) = (false, false);
        let how = loop {
            match timeout_at(deadline.until, self.next()).await {
                Err(_) => break How::Slow,
                Ok(None) => break How::Complete,
                Ok(Some(Err(_))) => break How::Failed,
                Ok(Some(Ok(events))) => {
                    for event in &events {
                        bytes += weight(event);
                        match &event.kind {
                            EventKind::Usage(counted) => {
                                usage = Some(*counted);
                                // One without tokens is none of what was said.
                                if counted.completion > 0 {
                                    said = 0;
                                }
                            }
                            EventKind::UsageEstimated => is_estimated = true,
                            EventKind::UsageCutOff => cut_off = true,
                            EventKind::Text { text, .. }
                            | EventKind::Refusal { text, .. }
                            | EventKind::Reasoning { text, .. }
                            | EventKind::ToolCall { arguments: text, .. } => said += text.len() as u64,
                            EventKind::ServiceTier(tier) => service_tier = Some(tier.clone()),
                            _ => {}
                        }
                    }
                }
            }
            if bytes > deadline.bytes {
                break How::Large;
            }
        };
        Read {
            usage,
            is_estimated,
            cut_off,
            said,
            service_tier,
            how,
        }
    }

    /// From now on the channel hears how it ends, and has one place less until then.
    pub fn watched_by(&mut self, watch: Watch) {
        match self.source {
            Source::Ended => watch.ended(),
            _ => self.watch = Some(Box::new(watch)),
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let Some(parting) = self.parting.take().filter(|parting| parting.is_now()) else {
            return;
        };
        let source = std::mem::replace(&mut self.source, Source::Ended);
        let nothing_is_left = match source {
            Source::Ended => self.held.is_empty(),
            Source::Failed(_) => true,
            Source::Provider(_) | Source::Merged(_) | Source::Embedded(_) => false,
        };
        if nothing_is_left {
            return;
        }
        let rest = Self {
            held: std::mem::take(&mut self.held),
            source,
            _memory: self._memory.take(),
            watch: self.watch.take(),
            parting: None,
            followed: self.followed.take(),
        };
        parting.leave(Box::pin(rest.read_on(parting.deadline())));
    }
}

/// About how many bytes an event stands for.
fn weight(event: &Event) -> usize {
    const LEAST: usize = 64;
    let text = match &event.kind {
        EventKind::Text { text, .. }
        | EventKind::Refusal { text, .. }
        | EventKind::Reasoning { text, .. }
        | EventKind::ToolCall { arguments: text, .. } => text.len(),
        EventKind::State { state, .. } => state.json.len(),
        _ => 0,
    };
    match &event.wire {
        Wire::Chunk(chunk) => chunk.len(),
        Wire::Unwritten | Wire::Covered => LEAST + text,
    }
}

impl ProviderStream {
    /// Reads until there are events. The flag says that nothing comes after them. A failure waits
    /// until the events before it have been taken, however the bytes were cut.
    async fn read(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        if let Some(failure) = self.failed.take() {
            return (Err(failure), true);
        }
        let mut events = Vec::new();
        loop {
            let silent = self.last_byte + self.idle;
            let (from, until) = match &self.pace {
                None => (self.last_byte, silent),
                Some(pace) => {
                    let from = Instant::now();
                    (from, silent.min(from + pace.left()))
                }
            };
            let attention = self.attention.as_ref();
            let missed = || attention.map_or(Duration::ZERO, |attention| attention.missed());
            let missed_before = missed();
            let frame = timeout_at(until, self.body.frame()).await;
            if let Some(pace) = &mut self.pace
                && let Err(slow) = pace.waited(from.elapsed().saturating_sub(missed() - missed_before))
            {
                return self.end(events, Some(slow));
            }
            let frame = match frame {
                Err(_) if until < silent => continue,
                // A host that has said everything may leave the connection open.
                Err(_) => return self.end(events, Some(Failure::IdleTimeout { limit: self.idle })),
                Ok(None) => return self.end(events, None),
                // A host that has said everything may close as it likes.
                Ok(Some(Err(error))) => return self.end(events, Some(Failure::Broken(root_cause(&error)))),
                Ok(Some(Ok(frame))) => frame,
            };
            self.last_byte = Instant::now();
            let Ok(data) = frame.into_data() else { continue };
            if let Some(pace) = &mut self.pace {
                pace.came(&data);
            }
            let read = self.decoder.read(data, &mut events);
            if let Some(pace) = &mut self.pace {
                pace.said(&events);
            }
            if let Err(fault) = read {
                let failure = private::failed(&self.channel.settings, fault);
                return self.fail(events, failure);
            }
            if self.decoder.is_complete() {
                return self.end(events, None);
            }
            self.ending.hold(&mut events);
            if !events.is_empty() {
                self.last_event = self.last_byte;
                return (Ok(events), false);
            }
            if self.last_event.elapsed() > self.patience {
                let limit = self.patience;
                return self.end(events, Some(Failure::IdleTimeout { limit }));
            }
        }
    }

    /// The end of the bytes. Where the answer is not whole, `broken` says why, else the decoder.
    fn end(
        &mut self,
        mut events: Vec<Event>,
        broken: Option<Failure>,
    ) -> (Result<Vec<Event>, Failure>, bool) {
        match self.decoder.end(&mut events) {
            Ok(()) => {
                if let Some(keeper) = &self.ending.keeper {
                    keeper.keep(self.decoder.take_turns());
                }
                (Ok(self.ending.release(events)), true)
            }
            Err(fault) => {
                let failure = broken.unwrap_or_else(|| private::failed(&self.channel.settings, fault));
                self.fail(events, failure)
            }
        }
    }

    fn fail(&mut self, events: Vec<Event>, failure: Failure) -> (Result<Vec<Event>, Failure>, bool) {
        let events = self.ending.release(events);
        if events.is_empty() {
            return (Err(failure), true);
        }
        self.failed = Some(failure);
        (Ok(events), false)
    }
}

/// What reads an answer.
pub struct Reading<'a> {
    pub dialect: Dialect,
    pub quirks: &'a Quirks,
    pub presentation: &'a Presentation,
    pub undo: Undo,
    pub keeper: Option<&'a Keeper>,
    pub parting: Option<&'a Arc<Parting>>,
    pub place: Option<&'a Arc<Place>>,
    pub attention: Option<&'a Arc<Attention>>,
    pub followed: &'a mut Followed,
}

/// Reads until the first real output, or the end of an answer without any.
pub async fn open(
    gate: &Gate,
    server: &Server,
    response: Response<Incoming>,
    reading: Reading<'_>,
) -> Result<OpenStream, Failure> {
    if !is_event_stream(&response) {
        return tell_whole(gate, server, response, reading).await;
    }
    let decoder = reading.dialect.stream_decoder(
        reading.quirks,
        reading.presentation.clone(),
        reading.undo,
        gate.settings.answer_limit,
    );
    let mut stream = ProviderStream {
        channel: Arc::clone(&server.channel),
        body: response.into_body(),
        decoder,
        idle: server.timeouts.idle,
        last_byte: Instant::now(),
        patience: gate.settings.request_deadline,
        last_event: Instant::now(),
        pace: server.channel.settings.speed_floor.map(Pace::new),
        attention: reading.attention.cloned(),
        failed: None,
        ending: Ending {
            keeper: reading.keeper.cloned(),
            held: Vec::new(),
        },
        _place: reading.place.cloned(),
    };
    let mut held = Vec::new();
    loop {
        let (events, ended) = stream.read().await;
        let events = events?;
        reading.followed.hear(&events);
        held.extend(events);
        // The client has seen nothing yet, so another channel may still answer as a whole.
        if let Some(failure) = stream.failed.take() {
            return Err(failure);
        }
        let source = match ended {
            true => Source::Ended,
            false if commits(&held) => Source::Provider(Box::new(stream)),
            false => continue,
        };
        return Ok(OpenStream {
            held,
            source,
            _memory: None,
            watch: None,
            parting: reading.parting.cloned(),
            followed: None,
        });
    }
}

/// Whether these events can no longer be taken back: there is output among them, or too many.
fn commits(held: &[Event]) -> bool {
    let bytes = |event: &Event| match (&event.wire, &event.kind) {
        (Wire::Chunk(chunk), _) => chunk.len(),
        (_, EventKind::State { state, .. }) => state.json.len(),
        (Wire::Unwritten | Wire::Covered, _) => 0,
    };
    held.iter().any(|event| event.kind.is_content())
        || held.len() > HELD_EVENTS
        || held.iter().map(bytes).sum::<usize>() > HELD_BYTES
}

fn is_event_stream(response: &Response<Incoming>) -> bool {
    // Without a content type the host is given the benefit of the doubt.
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|content_type| {
            let essence = content_type.as_bytes().to_ascii_lowercase();
            !(essence.starts_with(b"application/json") || essence.starts_with(b"text/html"))
        })
}

/// A whole answer where the client wants a stream, told as one: the model has no streams, or the provider
/// sent something else than it was asked for (which may be an error with status 200, or a proxy's page).
pub async fn tell_whole(
    gate: &Gate,
    server: &Server,
    response: Response<Incoming>,
    reading: Reading<'_>,
) -> Result<OpenStream, Failure> {
    let idle = server.timeouts.idle;
    let mut memory = gate.buffered.hold();
    let body = super::send::read_whole(
        response.into_body(),
        gate.settings.answer_limit,
        idle,
        &mut memory,
        UnaskedStream::new(
            reading.dialect,
            reading.quirks,
            reading.presentation,
            &reading.undo,
        ),
    )
    .await?;
    let decoded =
        (reading.dialect).decode_as_stream(&body, reading.quirks, reading.presentation, &reading.undo);
    let (held, turns) = decoded.map_err(|fault| {
        reading.followed.counted(reading.dialect.counted_in(&body));
        private::failed(&server.channel.settings, fault)
    })?;
    if let Some(keeper) = reading.keeper {
        keeper.keep(turns);
    }
    reading.followed.hear(&held);
    Ok(OpenStream {
        held,
        source: Source::Ended,
        _memory: Some(memory),
        watch: None,
        parting: None,
        followed: None,
    })
}
