//! Tries the channels of a route, one after the other, under one deadline.
//!
//! An attempt succeeds with a whole answer, or with a stream from which the first real output has
//! come; until then its failure is invisible and the next channel is tried.

mod headers;
mod opening;
pub mod outcome;
pub mod send;

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tollgate_catalog::contract::{ValidRequest, estimated_tokens};
use tollgate_chat::{
    answer::Answer,
    assemble::Assembler,
    chunk::{AnswerShape, Head},
    usage::Usage,
};
use tollgate_dialects::{Note, Presentation, ProviderRequest};
use tracing::warn;

pub use opening::OpenStream;

use crate::{
    buffered::Held,
    channel::Server,
    error::{AttemptFailure, Failure, GateError},
    gate::Gate,
    request_id::RequestId,
    route::Route,
    sandbox,
};

/// What came back, and from where.
pub struct Attempted {
    /// Name of the channel for the client's header and the log.
    pub channel: String,
    pub notes: Vec<Note>,
    pub outcome: Outcome,
}

/// An answer, whole or begun.
pub enum Outcome {
    Whole { answer: Answer, held: Held },
    Stream(OpenStream),
}

/// Tries the channels in their order until one answers. Fails with the error that says most to the
/// client: its own mistakes first, then what waiting may mend.
pub async fn attempt(
    gate: &Gate,
    request: &ValidRequest,
    route: &Route,
    head: &Head,
    id: &RequestId,
) -> Result<Attempted, GateError> {
    let limit = gate.settings.request_deadline;
    let deadline = Instant::now() + limit;
    let presentation = Presentation {
        head: head.clone(),
        shape: shape_of(request),
        include_usage: request.include_usage,
        estimated_prompt_tokens: request.estimated_prompt_tokens(),
    };
    let servers = match route {
        Route::Sandbox => {
            return timeout_at(deadline, sandbox::answer(gate, request, &presentation, id))
                .await
                .unwrap_or(Err(GateError::Deadline { limit }));
        }
        Route::Channels(servers) => servers,
    };
    let mut failures = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        let attempted = timeout_at(deadline, try_channel(gate, request, server, &presentation)).await;
        let failure = match attempted {
            Ok(Ok(attempted)) => return Ok(attempted),
            Ok(Err(failure)) => failure,
            Err(_) => return Err(GateError::Deadline { limit }),
        };
        let channel = &server.channel.settings.name;
        gate.metrics.attempt_failed(channel, outcome::label(&failure));
        warn!(
            request_id = id.as_str(),
            %channel,
            model = %request.model.id,
            attempt = number + 1,
            outcome = outcome::label(&failure),
            error = %outcome::for_log(&failure),
            "attempt failed"
        );
        let verdict = outcome::verdict(&failure);
        failures.push(AttemptFailure {
            channel: channel.clone(),
            failure,
        });
        if verdict == outcome::Verdict::GiveUp {
            break;
        }
    }
    Err(outcome::to_client(failures, servers, request))
}

pub fn shape_of(request: &ValidRequest) -> AnswerShape {
    request.model.contract.answer.clone()
}

async fn try_channel(
    gate: &Gate,
    request: &ValidRequest,
    server: &Server,
    presentation: &Presentation,
) -> Result<Attempted, Failure> {
    let settings = &server.channel.settings;
    let provider_request = server
        .dialect
        .encode(request, &server.serving, settings.provider_files)
        .map_err(Failure::Unsupported)?;
    let streamed = provider_request.streamed;
    let notes = provider_request.notes.clone();
    let outcome = if streamed {
        let stream = open_stream(gate, server, provider_request, presentation).await?;
        if request.stream {
            Outcome::Stream(stream)
        } else {
            fold(gate, stream, presentation).await?
        }
    } else {
        whole(gate, server, provider_request, presentation).await?
    };
    Ok(Attempted {
        channel: settings.name.to_string(),
        notes,
        outcome,
    })
}

async fn whole(
    gate: &Gate,
    server: &Server,
    request: ProviderRequest,
    presentation: &Presentation,
) -> Result<Outcome, Failure> {
    let response = send::send(server, request).await?;
    let idle = server.channel.settings.idle_timeout;
    let mut held = gate.buffered.hold();
    let body = send::read_whole(response.into_body(), gate.settings.answer_limit, idle, &mut held).await?;
    let answer = server
        .dialect
        .decode_answer(&body, &server.serving.quirks, presentation)
        .map_err(Failure::Fault)?;
    Ok(Outcome::Whole { answer, held })
}

async fn open_stream(
    gate: &Gate,
    server: &Server,
    request: ProviderRequest,
    presentation: &Presentation,
) -> Result<OpenStream, Failure> {
    let response = send::send(server, request).await?;
    let decoder = server.dialect.stream_decoder(
        &server.serving.quirks,
        presentation.clone(),
        gate.settings.answer_limit,
    );
    opening::open(gate, server, response, decoder, presentation).await
}

/// Reads a stream to its end and puts the whole answer together.
async fn fold(gate: &Gate, mut stream: OpenStream, presentation: &Presentation) -> Result<Outcome, Failure> {
    let limit = gate.settings.answer_limit;
    let mut held = gate.buffered.hold();
    let mut assembler = Assembler::default();
    let mut head = presentation.head.clone();
    while let Some(events) = stream.next().await {
        for event in events? {
            if let tollgate_chat::event::EventKind::Start(start) = &event.kind {
                adopt(&mut head, start);
            }
            assembler.take(event.kind);
        }
        if assembler.held() > limit {
            return Err(Failure::AnswerTooLarge { limit });
        }
        held.grow_to(assembler.held()).map_err(|_| Failure::MemoryFull)?;
    }
    let estimated = Usage {
        prompt: presentation.estimated_prompt_tokens,
        completion: estimated_tokens(assembler.held() as u64),
        ..Usage::default()
    };
    let answer = assembler.finish(&head, &presentation.shape, estimated);
    Ok(Outcome::Whole { answer, held })
}

/// Takes over what the provider says of the whole answer.
pub fn adopt(head: &mut Head, start: &tollgate_chat::event::Start) {
    if let Some(id) = &start.id {
        head.id.clone_from(id);
    }
    if let Some(created) = start.created {
        head.created = created;
    }
    if start.system_fingerprint.is_some() {
        head.system_fingerprint.clone_from(&start.system_fingerprint);
    }
}

/// The wait that a provider asks for is believed up to this.
pub const RETRY_AFTER_LIMIT: Duration = Duration::from_secs(3_600);
