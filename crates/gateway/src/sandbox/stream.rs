//! The embedded model's steps as events.

use std::sync::Arc;

use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::{
    event::{Event, EventKind, Finish, FinishReason, Start},
    usage::Usage,
};
use tollgate_engine::{Engine, Finished, Generation, Prompt, Refused, Role, Sampling, Step, Turn};

use super::SANDBOX;
use crate::{error::Failure, request_id::RequestId};

/// Most tokens of an answer where the client sets no limit: a small model may never stop by itself.
const OUTPUT_LIMIT: u32 = 1_024;
/// Most tokens of reasoning.
const REASONING_LIMIT: u32 = 48;
/// Where the client says nothing. The pages' own default of 1 suits models a thousand times as large; at
/// that this one rambles.
const TEMPERATURE: f32 = 0.2;
const TOP_P: f32 = 0.9;
const THINK_FIRST: &str = "Think about the last message in two short sentences. Say what it asks for and how to answer it. Do not answer it.";

/// An answer under way: reasoning first where the model thinks, then the text.
pub struct EmbeddedStream {
    engine: Arc<Engine>,
    generation: Generation,
    /// The prompt of the text, while the reasoning is being generated.
    text_prompt: Option<Prompt>,
    reasoning_tokens: u32,
    truncated: bool,
    announced: bool,
    /// For the log.
    id: RequestId,
}

impl EmbeddedStream {
    /// Queues the first generation. Fails where the engine takes none.
    pub fn start(
        engine: &Arc<Engine>,
        request: &ValidRequest,
        turns: Vec<Turn>,
        thinks: bool,
        id: &RequestId,
    ) -> Result<Self, Refused> {
        let mut sampling = sampling(request);
        let limit = sampling.max_tokens.unwrap_or(OUTPUT_LIMIT);
        let reasoning_limit = (limit / 2).min(REASONING_LIMIT);
        let (first, text_prompt) = if thinks && reasoning_limit > 0 {
            sampling.max_tokens = Some(limit - reasoning_limit);
            let thought = Prompt {
                turns: thinking_turns(&turns),
                sampling: Sampling {
                    max_tokens: Some(reasoning_limit),
                    stop: Vec::new(),
                    ..sampling.clone()
                },
            };
            (thought, Some(Prompt { turns, sampling }))
        } else {
            (Prompt { turns, sampling }, None)
        };
        Ok(Self {
            generation: engine.generate(first)?,
            engine: Arc::clone(engine),
            text_prompt,
            reasoning_tokens: 0,
            truncated: false,
            announced: false,
            id: id.clone(),
        })
    }

    /// Whether the prompt lost its middle; known once there are events.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Waits for the next events. The flag says that nothing comes after them.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub async fn read(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        let step = match self.generation.next().await {
            None => return (Ok(Vec::new()), true),
            Some(Err(fault)) => return (Err(Failure::Sandbox(super::of_engine(fault, &self.id))), true),
            Some(Ok(step)) => step,
        };
        match step {
            Step::Started { truncated, .. } => {
                self.truncated |= truncated;
                (Ok(self.announce()), false)
            }
            Step::Text(text) => {
                let kind = match self.text_prompt {
                    Some(_) => EventKind::Reasoning { choice: 0, text },
                    None => EventKind::Text { choice: 0, text },
                };
                (Ok(vec![Event::new(kind)]), false)
            }
            Step::Done(finished) => match self.text_prompt.take() {
                Some(prompt) => {
                    self.reasoning_tokens = finished.completion_tokens;
                    match self.engine.generate(prompt) {
                        Ok(generation) => {
                            self.generation = generation;
                            (Ok(Vec::new()), false)
                        }
                        Err(refused) => (Err(Failure::Sandbox(super::refused(refused, &self.id))), true),
                    }
                }
                None => (Ok(self.finish(finished)), true),
            },
        }
    }

    /// Says once who answers.
    fn announce(&mut self) -> Vec<Event> {
        if std::mem::replace(&mut self.announced, true) {
            return Vec::new();
        }
        vec![Event::new(EventKind::Start(Start {
            id: None,
            created: None,
            system_fingerprint: Some(SANDBOX.to_owned()),
        }))]
    }

    fn finish(&self, finished: Finished) -> Vec<Event> {
        let reason = match finished.reason {
            tollgate_engine::FinishReason::Stop => FinishReason::Stop,
            tollgate_engine::FinishReason::Length => FinishReason::Length,
        };
        let usage = Usage {
            prompt: finished.prompt_tokens.into(),
            completion: (finished.completion_tokens + self.reasoning_tokens).into(),
            reasoning: self.reasoning_tokens.into(),
            ..Usage::default()
        };
        let finish = Finish {
            choice: 0,
            reason,
            matched_stop: finished.matched_stop,
            provider_reason: None,
        };
        vec![
            Event::new(EventKind::Finish(finish)),
            Event::new(EventKind::Usage(usage)),
        ]
    }
}

fn sampling(request: &ValidRequest) -> Sampling {
    let number = |value: Option<f64>, otherwise: f32| value.map_or(otherwise, |value| value as f32);
    let limit = request
        .max_tokens
        .map(|limit| u32::try_from(limit).unwrap_or(u32::MAX));
    // A documented default such as 65,536 is no wish for an answer of that length.
    let sent = ["max_tokens", "max_completion_tokens"]
        .into_iter()
        .any(|name| request.request.get(name).is_some());
    Sampling {
        temperature: number(request.temperature, TEMPERATURE),
        top_p: number(request.top_p, TOP_P),
        frequency_penalty: number(request.frequency_penalty, 0.0),
        presence_penalty: number(request.presence_penalty, 0.0),
        seed: request.seed.map(|seed| seed as u64),
        max_tokens: limit.filter(|_| sent).or(Some(OUTPUT_LIMIT)),
        stop: request.stop.clone(),
    }
}

/// The conversation with the wish to think first.
fn thinking_turns(turns: &[Turn]) -> Vec<Turn> {
    let mut turns = turns.to_vec();
    turns.push(Turn {
        role: Role::User,
        text: THINK_FIRST.to_owned(),
    });
    turns
}
