//! The body of a streamed answer: pulled by the client's connection, without a task of its own.
//!
//! When the client goes away the body is dropped, and with it the provider's connection, unless the provider
//! bills on ([`crate::abandoned`]).

use std::{collections::BTreeSet, pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::stream::unfold;
use http_body::Frame;
use tokio::time::{Instant, timeout_at};
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::{
    chunk::{AnswerShape, ChunkWriter, Head},
    event::{Event, EventKind, Unshown, Wire},
    service_tier::ServiceTier,
    sse::write::{DONE, KEEP_ALIVE, event as write_event},
    usage::Usage,
};

use super::Came;
use crate::{
    abandoned::Leaving,
    attempt::{Attempted, OpenStream, Outcome, Unanswered, outcome, shape_of},
    body::Body,
    buffered::Held,
    count::tally::Tally,
    error::{Failure, GateError},
    settle::Settlement,
    story::Finishes,
};

/// Bytes from which a piece of a stream counts against the gate's memory; smaller ones are many and gone
/// at once, and an image is large and waits for a slow client.
const COUNTED_FROM: usize = 64 * 1024;

/// The attempts, still under way.
pub type Attempting = Pin<Box<dyn Future<Output = Result<Attempted, Unanswered>> + Send>>;

/// Turns events into the bytes of the stream.
pub struct Writer {
    chunks: Option<ChunkWriter>,
    head: Head,
    shape: AnswerShape,
    include_usage: bool,
    /// Until the settlement has it.
    service_tier: Option<ServiceTier>,
    /// Choices that were asked for, and those that have ended.
    choices: u32,
    ended: Finishes,
    unshown: BTreeSet<Unshown>,
}

impl Writer {
    pub fn new(request: &ValidRequest, head: Head) -> Self {
        Self {
            chunks: None,
            head,
            shape: shape_of(request),
            include_usage: request.include_usage,
            service_tier: None,
            choices: request.n,
            ended: Finishes::default(),
            unshown: BTreeSet::new(),
        }
    }

    fn write(&mut self, events: Vec<Event>, tally: &mut Tally, out: &mut BytesMut) {
        let mut events = events.into_iter().peekable();
        while let Some(Event { kind, wire }) = events.next() {
            tally.hear(&kind);
            match &kind {
                EventKind::Start(start) if self.chunks.is_none() => self.head.adopt(start),
                EventKind::ServiceTier(tier) => self.service_tier = Some(tier.clone()),
                EventKind::Finish(finish) => self.ended.add(finish.reason),
                EventKind::Unshown { kind, .. } => {
                    self.unshown.insert(*kind);
                }
                EventKind::Start(_)
                | EventKind::Usage(_)
                | EventKind::UsageEstimated
                | EventKind::UsageCutOff
                | EventKind::Text { .. }
                | EventKind::Refusal { .. }
                | EventKind::Reasoning { .. }
                | EventKind::ToolCall { .. }
                | EventKind::Image { .. }
                | EventKind::Logprobs { .. }
                | EventKind::Citation { .. }
                | EventKind::Other { .. }
                | EventKind::State { .. }
                | EventKind::BlockEnd { .. } => {}
            }
            if self.choices > 1 {
                self.announce(&kind, &wire, out);
            }
            if matches!((&kind, &wire), (EventKind::Start(_), Wire::Chunk(_))) && self.choices == 1 {
                self.chunks().open_choice(0);
            }
            // A ready chunk has said the role of every choice in it.
            if let Some(choice) = kind.choice().filter(|_| wire != Wire::Unwritten) {
                self.chunks().open_choice(choice);
            }
            match wire {
                Wire::Covered => {}
                Wire::Chunk(json) => {
                    let changed = match self.choices {
                        1 => None,
                        _ => self.chunks().without_repeated_roles(&json),
                    };
                    match changed {
                        Some(json) => write_event(out, json.as_bytes()),
                        None => write_event(out, &json),
                    }
                }
                Wire::Unwritten => {
                    let logprobs = events.next_if(|next| belongs_to(next, &kind));
                    let logprobs = logprobs.as_ref().and_then(|event| match &event.kind {
                        EventKind::Logprobs { json, .. } => Some(json.as_str()),
                        _ => None,
                    });
                    if let Some(json) = self.chunks().write_with(&kind, logprobs) {
                        write_event(out, json.as_bytes());
                    }
                }
            }
        }
    }

    /// Where one of several choices speaks before earlier ones, has those say their role first.
    fn announce(&mut self, kind: &EventKind, wire: &Wire, out: &mut BytesMut) {
        let count = self.choices;
        let speaking = match wire {
            Wire::Covered => return,
            Wire::Chunk(json) => self.chunks().newly_in(json, count),
            Wire::Unwritten => kind.choice().into_iter().collect(),
        };
        for choice in speaking {
            for chunk in self.chunks().announce_before(choice) {
                write_event(out, chunk.as_bytes());
            }
            if *wire != Wire::Unwritten {
                self.chunks().open_choice(choice);
            }
        }
    }

    /// The end of a complete answer.
    fn finish(&mut self, usage: &Usage, out: &mut BytesMut) {
        if self.include_usage {
            let shape = self.shape.usage.clone();
            let json = self.chunks().usage(usage, &shape);
            write_event(out, json.as_bytes());
        }
        out.extend_from_slice(DONE);
    }

    /// From the first chunk on, every chunk says the same of the whole answer.
    fn chunks(&mut self) -> &mut ChunkWriter {
        self.chunks
            .get_or_insert_with(|| ChunkWriter::new(self.head.clone(), self.include_usage))
    }
}

/// Whether an event says the log probabilities of a text, which then go into the text's chunk.
fn belongs_to(event: &Event, text: &EventKind) -> bool {
    match (&event.kind, text) {
        (EventKind::Logprobs { choice, .. }, EventKind::Text { choice: of_text, .. }) => {
            choice == of_text && event.wire == Wire::Unwritten
        }
        _ => false,
    }
}

struct Streaming {
    // When the client goes these fall in this order: that it goes, the provider's call, the settlement.
    _leaving: Leaving,
    source: Source,
    settlement: Settlement,
    writer: Writer,
    keep_alive: Duration,
    /// The share of the last piece, until the next one is asked for.
    memory: Held,
}

enum Source {
    Attempting(Attempting),
    Open(OpenStream),
}

/// The body of a stream that has begun.
pub fn body(
    writer: Writer,
    (leaving, settlement): (Leaving, Settlement),
    keep_alive: Duration,
    memory: Held,
    outcome: Outcome,
) -> Body {
    let streaming = Box::new(Streaming {
        _leaving: leaving,
        source: Source::Open(opened(outcome)),
        settlement,
        writer,
        keep_alive,
        memory,
    });
    Body::Stream(Box::pin(unfold(Some(streaming), next_frame)))
}

/// The body of a stream for which channels are still being tried.
pub fn body_while_attempting(
    writer: Writer,
    (leaving, settlement): (Leaving, Settlement),
    keep_alive: Duration,
    memory: Held,
    attempting: Attempting,
) -> Body {
    let streaming = Box::new(Streaming {
        _leaving: leaving,
        source: Source::Attempting(attempting),
        settlement,
        writer,
        keep_alive,
        memory,
    });
    Body::Stream(Box::pin(futures_util::StreamExt::chain(
        futures_util::stream::once(async { Ok(Frame::data(Bytes::from_static(KEEP_ALIVE))) }),
        unfold(Some(streaming), next_frame),
    )))
}

type Item = Result<Frame<Bytes>, std::convert::Infallible>;

/// Boxed, since it is handed over with each frame.
async fn next_frame(streaming: Option<Box<Streaming>>) -> Option<(Item, Option<Box<Streaming>>)> {
    let (bytes, rest) = streaming?.next().await;
    Some((Ok(Frame::data(bytes)), rest))
}

impl Streaming {
    /// The next bytes, and what follows them.
    async fn next(mut self: Box<Self>) -> (Bytes, Option<Box<Self>>) {
        let due = Instant::now() + self.keep_alive;
        let mut out = BytesMut::new();
        self.memory.shrink();
        loop {
            let gate = self.settlement.gate();
            match &mut self.source {
                Source::Attempting(attempting) => match gate.cut_off.or(timeout_at(due, attempting)).await {
                    None => return (self.fail(GateError::ShutDown, out), None),
                    Some(Err(_)) => return (Bytes::from_static(KEEP_ALIVE), Some(self)),
                    Some(Ok(Err(Unanswered { error, notes }))) => {
                        self.settlement.note(notes);
                        return (self.fail(error, out), None);
                    }
                    Some(Ok(Ok(attempted))) => {
                        self.settlement
                            .answered_by(&attempted.channel, attempted.model.as_ref());
                        self.settlement.note(attempted.notes);
                        self.source = Source::Open(opened(attempted.outcome));
                    }
                },
                Source::Open(stream) => match gate.cut_off.or(timeout_at(due, stream.next())).await {
                    None => return (self.fail(GateError::ShutDown, out), None),
                    Some(Err(_)) => return (Bytes::from_static(KEEP_ALIVE), Some(self)),
                    Some(Ok(Some(Ok(events)))) => {
                        self.writer.write(events, self.settlement.tally(), &mut out);
                        if let Some(tier) = self.writer.service_tier.take() {
                            self.settlement.served_at(tier);
                        }
                        if out.len() >= COUNTED_FROM && self.memory.grow_to(out.len()).is_err() {
                            return (self.broken(Failure::MemoryFull, BytesMut::new()), None);
                        }
                        if !out.is_empty() {
                            self.settlement.sends(out.len());
                            return (out.freeze(), Some(self));
                        }
                    }
                    Some(Ok(Some(Err(failure)))) => return (self.broken(failure, out), None),
                    Some(Ok(None)) => return (self.complete(out).await, None),
                },
            }
        }
    }

    async fn complete(mut self: Box<Self>, mut out: BytesMut) -> Bytes {
        self.settlement.tally().end();
        self.settlement.count().await;
        let (usage, uncounted) = self.settlement.tally().usage().unwrap_or_default();
        self.writer.finish(&usage, &mut out);
        let came = Came {
            choices: self.writer.ended.total(),
            uncounted,
            unshown: &self.writer.unshown,
        };
        self.settlement.note(came.notes(self.writer.choices));
        self.settlement.finished(self.writer.ended);
        self.settlement.sends(out.len());
        self.settlement.complete();
        out.freeze()
    }

    fn broken(self: Box<Self>, failure: Failure, out: BytesMut) -> Bytes {
        self.settlement.broke(&failure);
        self.fail(outcome::error_of(failure), out)
    }

    /// An error object ends the stream; there is no `[DONE]`, which would look like success.
    fn fail(self: Box<Self>, error: GateError, mut out: BytesMut) -> Bytes {
        write_event(&mut out, error.body().to_json().as_bytes());
        let Self {
            _leaving,
            source,
            mut settlement,
            writer,
            ..
        } = *self;
        // What was under way is known when it has fallen.
        drop(source);
        settlement.finished(writer.ended);
        settlement.sends(out.len());
        settlement.fail(&error);
        out.freeze()
    }
}

/// The stream of an attempt. A whole answer cannot come back for a request that asked for a stream.
fn opened(outcome: Outcome) -> OpenStream {
    match outcome {
        Outcome::Stream(stream) => stream,
        Outcome::Whole { .. } => OpenStream::failed(Failure::Broken(
            "a whole answer where a stream was due".to_owned(),
        )),
    }
}
