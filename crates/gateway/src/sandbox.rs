//! Answers with the embedded model, under the contract of the model that was named.
//!
//! The answer is real: its text is sampled and its tokens are counted. Where the request wants a form,
//! such as JSON by a schema or a call, the answer has it. A model that thinks gets its reasoning from a
//! first, short turn of the same model.

mod calls;
mod choice;
mod logprobs;
mod parameters;
mod prompt;
mod stream;
mod wanted;

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tollgate_catalog::{
    channel::ChannelName,
    contract::{ResponseFormatAsked, ValidRequest},
    thinking::Thinking,
};
use tollgate_chat::{assemble::Assembler, event::EventKind, usage::Usage};
use tollgate_dialects::{Fault, FaultKind, Note, Presentation};
use tollgate_engine::{Effort, Engine, Form, LoadError, Presence, Prompt, Refused, Turn, aside};
use tracing::error;

use self::{
    stream::Asked,
    wanted::{Function, NoForm, Wanted},
};
pub use stream::EmbeddedStream;

use crate::{
    attempt::{Attempted, OpenStream, Outcome, caller::Caller},
    channel::Served,
    error::{Failure, GateError},
    gate::Gate,
    request_id::RequestId,
    story::Story,
};

/// Where requests are made ready. A costly schema keeps a core busy for a second or so, and no other than
/// costly ones wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Quick,
    Costly,
}

static QUICK: Semaphore = Semaphore::const_new(2);
static COSTLY: Semaphore = Semaphore::const_new(1);

/// Costly requests that are made ready or wait for it; one more is refused.
static COSTLY_AND_WAITING: Semaphore = Semaphore::const_new(16);

/// A place in a lane.
struct Place {
    _lane: SemaphorePermit<'static>,
    _waiting: Option<SemaphorePermit<'static>>,
}

impl Lane {
    /// Waits for a place. Fails where too many wait.
    ///
    /// Cancel safety: who does not wait any more does not stand in the way.
    async fn place(self) -> Result<Place, GateError> {
        let (lane, waiting) = match self {
            Self::Quick => (&QUICK, None),
            Self::Costly => {
                let waiting = COSTLY_AND_WAITING.try_acquire();
                (&COSTLY, Some(waiting.map_err(|_| GateError::SandboxBusy)?))
            }
        };
        let lane = lane.acquire().await;
        Ok(Place {
            _lane: lane.map_err(|_| GateError::SandboxFailed)?,
            _waiting: waiting,
        })
    }

    fn steps(self) -> u64 {
        match self {
            Self::Quick => Effort::LITTLE,
            Self::Costly => Effort::MOST,
        }
    }
}

/// Name of the channel in the client's header, and `system_fingerprint` of every answer.
pub const SANDBOX: &str = "sandbox";

/// Answers one request. Fails with a 400 for what the embedded model cannot do, and with a 503 where it
/// is missing, damaged or too busy.
pub async fn answer(
    gate: &Gate,
    caller: &Caller,
    request: &ValidRequest,
    presentation: &Presentation,
    story: &Arc<Story>,
) -> Result<Attempted, GateError> {
    let served = Arc::new(Served::new(
        ChannelName::new(SANDBOX),
        None,
        request.model.id.clone(),
    ));
    let pen = story.attempt_embedded(&served);
    let answered = write(gate, caller, request, presentation, &story.id).await;
    match &answered {
        Ok(_) => pen.answered(),
        Err(error) => pen.refused(error),
    }
    answered
}

async fn write(
    gate: &Gate,
    caller: &Caller,
    request: &ValidRequest,
    presentation: &Presentation,
    id: &RequestId,
) -> Result<Attempted, GateError> {
    let engine = gate.engine.as_ref().ok_or(GateError::SandboxMissing)?;
    let mut notes = parameters::notes(request).map_err(GateError::Unsupported)?;
    let (functions, wanted, lane) = read(request).await?;
    let written = prompt::write(request, &functions, &wanted);
    let sampling = prompt::sampling(request, &wanted);
    notes.extend(written.notes);
    let (calls, text) = (wanted.calls, wanted.text);
    let (turns, form) = make_ready(engine, request, lane, written.turns, wanted, &mut notes, id).await?;
    caller.accept(&notes).map_err(GateError::Unsupported)?;
    let asked = Asked {
        prompt: Prompt {
            turns,
            sampling,
            form,
        },
        n: request.n,
        thinks: thinks(request),
        calls,
        text,
    };
    let mut stream = EmbeddedStream::start(engine, asked, id).map_err(|reason| refused(reason, id))?;
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
        channel: ChannelName::new(SANDBOX),
        notes,
        outcome,
    })
}

/// What is wrong with the embedded model's file, and what helps; `None` where it is there and whole as far as is known.
pub fn lacks(gate: &Gate) -> Option<&'static str> {
    let presence = gate.engine.as_ref().and_then(|engine| engine.presence().ok());
    match presence {
        Some(Presence::Present { .. }) => None,
        Some(Presence::Damaged { .. }) => Some("the embedded model is damaged: run `tollgate models pull`"),
        _ => Some("the embedded model is not installed: run `tollgate models pull`"),
    }
}

/// What the request offers to call, the form that it wants, and where that is made. A hostile schema takes a
/// while to read.
async fn read(request: &ValidRequest) -> Result<(Vec<Function>, Wanted, Lane), GateError> {
    if request.tools == 0 && request.response_format == ResponseFormatAsked::Text {
        let wanted = Wanted::of(request, &[], &Effort::default()).map_err(GateError::Unsupported)?;
        return Ok((Vec::new(), wanted, Lane::Quick));
    }
    for lane in [Lane::Quick, Lane::Costly] {
        if let Some((functions, wanted)) = read_in(lane, request).await? {
            return Ok((functions, wanted, lane));
        }
    }
    Err(GateError::SandboxFailed)
}

/// Reads by the steps of a lane; `None`: they were not enough, and another lane has more.
async fn read_in(lane: Lane, request: &ValidRequest) -> Result<Option<(Vec<Function>, Wanted)>, GateError> {
    let place = lane.place().await?;
    let request = request.clone();
    // What is not waited for any more is given up, and until then it keeps its place.
    let (waits, waited_for) = tokio::sync::oneshot::channel::<std::convert::Infallible>();
    let reading = aside(move || {
        let _place = place;
        let effort = Effort::new(lane.steps(), || !waits.is_closed());
        let functions = wanted::functions(&request);
        match Wanted::of(&request, &functions, &effort) {
            Ok(wanted) => Ok(Some((functions, wanted))),
            Err(_) if effort.is_spent() && lane == Lane::Quick => Ok(None),
            Err(problem) => Err(GateError::Unsupported(problem)),
        }
    });
    let read = reading.map_err(|error| no_thread(&error))?.await;
    drop(waited_for);
    read.unwrap_or(Err(GateError::SandboxFailed))
}

/// Does what needs the model's vocabulary and may take a while: makes the form, and counts a prompt that
/// may be too long for the model that was named.
async fn make_ready(
    engine: &Arc<Engine>,
    request: &ValidRequest,
    lane: Lane,
    turns: Vec<Turn>,
    wanted: Wanted,
    notes: &mut Vec<Note>,
    id: &RequestId,
) -> Result<(Vec<Turn>, Option<Form>), GateError> {
    let bytes: usize = turns.iter().map(|turn| turn.text.len()).sum();
    // A token is at least a byte, so most prompts need no counting.
    let limit = request.model.context.filter(|limit| bytes as u64 > *limit);
    let biases = prompt::biases(request);
    if limit.is_none() && wanted.grammar.is_none() && biases.is_empty() {
        return Ok((turns, None));
    }
    if let Presence::Missing { .. } | Presence::Damaged { .. } = presence(engine, id)? {
        // Starting says what is wrong with it.
        return Ok((turns, None));
    }
    let place = lane.place().await?;
    let engine = Arc::clone(engine);
    // What is not waited for any more is given up, and until then it keeps its place.
    let (waits, waited_for) = tokio::sync::oneshot::channel::<std::convert::Infallible>();
    let ready = aside(move || {
        let _place = place;
        let is_wanted = || !waits.is_closed();
        if let Some(limit) = limit {
            let most = usize::try_from(limit).unwrap_or(usize::MAX);
            let tokens = engine
                .count_tokens(&turns, most, is_wanted)
                .map_err(NoForm::Engine)?;
            if tokens.is_none() {
                return Ok(None);
            }
        }
        let vocabulary = match biases.is_empty() {
            true => 0,
            false => engine.vocabulary().map_err(NoForm::Engine)?,
        };
        let is_known =
            |bias: &Option<(u32, f32)>| bias.is_some_and(|(token, _)| (token as usize) < vocabulary);
        let biases_known = biases.iter().all(is_known);
        let form = wanted.form(&engine, is_wanted)?;
        Ok(Some((turns, form, biases_known)))
    });
    let readied = ready.map_err(|error| no_thread(&error))?.await;
    drop(waited_for);
    let (turns, form, biases_known) = match readied {
        Ok(Ok(Some(readied))) => readied,
        Ok(Ok(None)) => {
            let message = format!(
                "the messages have more tokens than the context of {}, which is {}",
                request.model.id,
                limit.unwrap_or_default(),
            );
            return Err(GateError::ContextLength {
                fault: Fault::new(FaultKind::ContextLength, message),
            });
        }
        Ok(Err(NoForm::Unsupported(problem))) => return Err(GateError::Unsupported(problem)),
        Ok(Err(NoForm::Engine(fault))) => return Err(of_engine(fault, id)),
        Err(_) => return Err(GateError::SandboxFailed),
    };
    if !biases_known {
        notes.push(Note::Omitted("logit_bias".to_owned()));
    }
    Ok((turns, form))
}

fn no_thread(error: &std::io::Error) -> GateError {
    error!(%error, "no thread for what the embedded model needs");
    GateError::SandboxFailed
}

fn presence(engine: &Engine, id: &RequestId) -> Result<Presence, GateError> {
    engine.presence().map_err(|error| {
        error!(request_id = id.as_str(), %error, "embedded model cannot be looked for");
        GateError::SandboxBroken
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
