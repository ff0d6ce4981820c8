//! A stream from its first byte: held back until real output comes, then handed over.

use std::{sync::Arc, time::Duration};

use http::{Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tollgate_chat::event::{Event, Wire};
use tollgate_dialects::{Presentation, StreamDecoder};

use super::send::root_cause;
use crate::{channel::Server, error::Failure, gate::Gate, sandbox::EmbeddedStream};

/// Most that is held back of a stream that has not said anything yet.
const HELD_EVENTS: usize = 64;
const HELD_BYTES: usize = 256 * 1024;

/// A stream whose first output has come.
pub struct OpenStream {
    /// Events that were read and not yet taken.
    held: Vec<Event>,
    source: Source,
}

enum Source {
    Provider(Box<ProviderStream>),
    Embedded(Box<EmbeddedStream>),
    Failed(Failure),
    Ended,
}

struct ProviderStream {
    /// Keeps the channel's connections while the stream runs.
    _channel: Arc<crate::channel::Channel>,
    body: Incoming,
    decoder: StreamDecoder,
    idle: Duration,
    last_byte: Instant,
    /// What ended the stream, while events from before it wait.
    failed: Option<Failure>,
}

impl OpenStream {
    /// The embedded model's stream: what it has said so far, and what follows.
    pub fn embedded(held: Vec<Event>, rest: Option<EmbeddedStream>) -> Self {
        Self {
            held,
            source: rest.map_or(Source::Ended, |stream| Source::Embedded(Box::new(stream))),
        }
    }

    /// A stream that has nothing but this failure.
    pub fn failed(failure: Failure) -> Self {
        Self {
            held: Vec::new(),
            source: Source::Failed(failure),
        }
    }

    /// The next events; `None` at the end of a complete answer. After a failure nothing comes.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<Event>, Failure>> {
        if !self.held.is_empty() {
            return Some(Ok(std::mem::take(&mut self.held)));
        }
        let (events, ended) = match &mut self.source {
            Source::Ended => return None,
            Source::Failed(_) => {
                return match std::mem::replace(&mut self.source, Source::Ended) {
                    Source::Failed(failure) => Some(Err(failure)),
                    _ => None,
                };
            }
            Source::Provider(stream) => stream.read().await,
            Source::Embedded(stream) => stream.read().await,
        };
        if ended {
            self.source = Source::Ended;
        }
        match events {
            Ok(events) if events.is_empty() && ended => None,
            other => Some(other),
        }
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
            let frame = match timeout_at(self.last_byte + self.idle, self.body.frame()).await {
                // A host that has said everything may leave the connection open.
                Err(_) => return self.end(events, Some(Failure::IdleTimeout { limit: self.idle })),
                Ok(None) => return self.end(events, None),
                // A host that has said everything may close as it likes.
                Ok(Some(Err(error))) => return self.end(events, Some(Failure::Broken(root_cause(&error)))),
                Ok(Some(Ok(frame))) => frame,
            };
            self.last_byte = Instant::now();
            let Ok(data) = frame.into_data() else { continue };
            if let Err(fault) = self.decoder.read(data, &mut events) {
                return self.fail(events, Failure::Fault(fault));
            }
            if self.decoder.is_complete() {
                return self.end(events, None);
            }
            if !events.is_empty() {
                return (Ok(events), false);
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
            Ok(()) => (Ok(events), true),
            Err(fault) => self.fail(events, broken.unwrap_or(Failure::Fault(fault))),
        }
    }

    fn fail(&mut self, events: Vec<Event>, failure: Failure) -> (Result<Vec<Event>, Failure>, bool) {
        if events.is_empty() {
            return (Err(failure), true);
        }
        self.failed = Some(failure);
        (Ok(events), false)
    }
}

/// Reads until the first real output, or the end of an answer without any.
pub async fn open(
    gate: &Gate,
    server: &Server,
    response: Response<Incoming>,
    decoder: StreamDecoder,
    presentation: &Presentation,
) -> Result<OpenStream, Failure> {
    let settings = &server.channel.settings;
    if !is_event_stream(&response) {
        return not_a_stream(gate, server, response, presentation).await;
    }
    let mut stream = ProviderStream {
        _channel: Arc::clone(&server.channel),
        body: response.into_body(),
        decoder,
        idle: settings.idle_timeout,
        last_byte: Instant::now(),
        failed: None,
    };
    let mut held = Vec::new();
    loop {
        let (events, ended) = stream.read().await;
        held.extend(events?);
        // The client has seen nothing yet, so another channel may still answer as a whole.
        if let Some(failure) = stream.failed.take() {
            return Err(failure);
        }
        let source = match ended {
            true => Source::Ended,
            false if commits(&held) => Source::Provider(Box::new(stream)),
            false => continue,
        };
        return Ok(OpenStream { held, source });
    }
}

/// Whether these events can no longer be taken back: there is output among them, or too many.
fn commits(held: &[Event]) -> bool {
    let bytes = |event: &Event| match &event.wire {
        Wire::Chunk(chunk) => chunk.len(),
        Wire::Unwritten | Wire::Covered => 0,
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

/// A stream was asked for and something else came: an error with status 200, a proxy's page, or a
/// whole answer, which is streamed in the provider's stead.
async fn not_a_stream(
    gate: &Gate,
    server: &Server,
    response: Response<Incoming>,
    presentation: &Presentation,
) -> Result<OpenStream, Failure> {
    let idle = server.channel.settings.idle_timeout;
    let mut memory = gate.buffered.hold();
    let body = super::send::read_whole(
        response.into_body(),
        gate.settings.answer_limit,
        idle,
        &mut memory,
    )
    .await?;
    let dialect = server.dialect;
    let held = dialect
        .decode_answer(&body, &server.serving.quirks, presentation)
        .and_then(|answer| dialect.events_of_answer(&answer))
        .map_err(Failure::Fault)?;
    Ok(OpenStream {
        held,
        source: Source::Ended,
    })
}
