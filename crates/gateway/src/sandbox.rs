//! Answers with the embedded model, under the contract of the model that was named.
//!
//! The answer is real: its text is sampled and its tokens are counted. What needs constrained
//! decoding is refused by name. A model that thinks gets its reasoning from a first, short turn of
//! the same model.

mod prompt;
mod stream;

use tokio::task::spawn_blocking;
use tollgate_catalog::{
    contract::{ResponseFormatAsked, ToolChoice, ValidRequest},
    thinking::Thinking,
};
use tollgate_chat::{assemble::Assembler, event::EventKind, usage::Usage};
use tollgate_dialects::{Fault, FaultKind, Note, Presentation, Unsupported};
use tollgate_engine::{LoadError, Presence, Refused, Turn};
use tracing::error;

pub use stream::EmbeddedStream;

use crate::{
    attempt::{Attempted, OpenStream, Outcome},
    error::{Failure, GateError},
    gate::Gate,
    request_id::RequestId,
};

/// Name of the channel in the client's header, and `system_fingerprint` of every answer.
pub const SANDBOX: &str = "sandbox";

/// Answers one request. Fails with a 400 for what the embedded model cannot do yet, and with a 503
/// where it is missing, damaged or too busy.
pub async fn answer(
    gate: &Gate,
    request: &ValidRequest,
    presentation: &Presentation,
    id: &RequestId,
) -> Result<Attempted, GateError> {
    let engine = gate.engine.as_ref().ok_or(GateError::SandboxMissing)?;
    check(request).map_err(GateError::Unsupported)?;
    let written = prompt::write(request);
    check_context(gate, request, &written.turns).await?;
    let mut notes = written.notes;
    let thinks = thinks(request);
    let mut stream = EmbeddedStream::start(engine, request, written.turns, thinks, id)
        .map_err(|reason| refused(reason, id))?;
    let mut opened = Vec::new();
    let mut ended = false;
    while !ended
        && !opened
            .iter()
            .any(|event: &tollgate_chat::event::Event| event.kind.is_content())
    {
        let (events, last) = stream.read().await;
        opened.extend(events.map_err(failed)?);
        ended = last;
    }
    if stream.is_truncated() {
        notes.push(Note::Truncated("messages".to_owned()));
    }
    let mut open = OpenStream::embedded(opened, (!ended).then_some(stream));
    let outcome = if request.stream {
        Outcome::Stream(open)
    } else {
        let mut head = presentation.head.clone();
        let mut assembler = Assembler::default();
        while let Some(events) = open.next().await {
            for event in events.map_err(failed)? {
                if let EventKind::Start(start) = &event.kind {
                    head.adopt(start);
                }
                assembler.take(event.kind);
            }
        }
        Outcome::Whole {
            answer: assembler.finish(&head, &presentation.shape, Usage::default()),
            held: gate.buffered.hold(),
        }
    };
    Ok(Attempted {
        model: None,
        channel: SANDBOX.to_owned(),
        notes,
        outcome,
    })
}

/// Whether the embedded model is installed.
pub fn is_present(gate: &Gate) -> bool {
    let presence = gate.engine.as_ref().and_then(|engine| engine.presence().ok());
    matches!(presence, Some(Presence::Present { .. }))
}

/// What needs constrained decoding, or more than one answer.
fn check(request: &ValidRequest) -> Result<(), Unsupported> {
    let refuse = |param: &str, what: &str| {
        let problem = format!(
            "the embedded model does not take {what} yet; leave `{param}` out, or configure a channel"
        );
        Err(Unsupported::new(param, problem))
    };
    let sends = |name: &str| {
        request
            .request
            .get(name)
            .filter(|value| !matches!(*value, "false" | "{}"))
    };
    match request.response_format {
        ResponseFormatAsked::Text => {}
        ResponseFormatAsked::JsonObject => return refuse("response_format", "response_format `json_object`"),
        ResponseFormatAsked::JsonSchema => return refuse("response_format", "response_format `json_schema`"),
    }
    match request.tool_choice {
        ToolChoice::Auto | ToolChoice::None => {}
        ToolChoice::Required => return refuse("tool_choice", "tool_choice `required`"),
        ToolChoice::Named(_) => return refuse("tool_choice", "a named tool_choice"),
    }
    if request.n > 1 {
        return refuse("n", "more than one choice");
    }
    for name in ["logprobs", "logit_bias", "functions", "function_call"] {
        if sends(name).is_some() {
            return refuse(name, &format!("`{name}`"));
        }
    }
    if request.traits.provider_file.is_some() {
        return refuse("messages", "references into a provider's storage");
    }
    Ok(())
}

/// The named model's own context limit holds, although the embedded model's window is smaller.
async fn check_context(gate: &Gate, request: &ValidRequest, turns: &[Turn]) -> Result<(), GateError> {
    let Some(limit) = request.model.context else {
        return Ok(());
    };
    let bytes: usize = turns.iter().map(|turn| turn.text.len()).sum();
    // A token is at least a byte, so most prompts need no counting.
    let Some(engine) = gate.engine.clone().filter(|_| bytes as u64 > limit) else {
        return Ok(());
    };
    let turns = turns.to_vec();
    let counted = spawn_blocking(move || engine.count_tokens(&turns)).await;
    let Ok(Ok(tokens)) = counted else {
        return Err(GateError::SandboxFailed);
    };
    if tokens as u64 <= limit {
        return Ok(());
    }
    let message = format!(
        "the messages have {tokens} tokens; the context of {} is {limit} tokens",
        request.model.id
    );
    Err(GateError::ContextLength {
        fault: Fault::new(FaultKind::ContextLength, message),
    })
}

/// Whether the answer gets reasoning: asked for, or the named model's way when nothing is said.
fn thinks(request: &ValidRequest) -> bool {
    match request.thinking {
        Thinking::On { .. } => true,
        Thinking::Off => false,
        Thinking::Unset => {
            let serving = request.model.servings.first();
            request.model.contract.shows_reasoning
                && serving.is_some_and(|serving| serving.quirks.thinks_by_default)
        }
    }
}

fn refused(reason: Refused, id: &RequestId) -> GateError {
    match reason {
        Refused::Model(LoadError::Missing { .. }) => GateError::SandboxMissing,
        Refused::Model(problem) => {
            error!(request_id = id.as_str(), error = %problem, "embedded model cannot be loaded");
            GateError::SandboxBroken
        }
        Refused::Full { .. } => GateError::SandboxBusy,
        Refused::Stopped => GateError::SandboxFailed,
    }
}

fn failed(failure: Failure) -> GateError {
    match failure {
        Failure::Sandbox(error) => error,
        _ => GateError::SandboxFailed,
    }
}

/// The client's view of a fault of the engine.
fn of_engine(fault: tollgate_engine::Fault, id: &RequestId) -> GateError {
    match fault {
        tollgate_engine::Fault::Load(problem) => refused(Refused::Model(problem), id),
        fault => {
            error!(request_id = id.as_str(), error = %fault, "embedded model failed");
            GateError::SandboxFailed
        }
    }
}
