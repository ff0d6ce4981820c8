//! One choice of an answer: the embedded model's steps as events.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use tollgate_chat::event::{Event, EventKind, Finish, FinishReason};
use tollgate_engine::{Engine, Fault, Finished, Generation, Prompt, Refused, Role, Sampling, Step, Turn};

use super::{
    calls::{CallReader, Told},
    logprobs,
};

/// Most tokens of reasoning.
const REASONING_LIMIT: u32 = 48;
const THINK_FIRST: &str = "Think about the last message in two short sentences. Say what it asks for and how to answer it. Do not answer it.";

/// Tokens of a choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of the messages; the same for all choices.
    pub prompt: u32,
    /// Written, reasoning included.
    pub completion: u32,
    pub reasoning: u32,
}

/// A choice under way: reasoning first where the model thinks, then text or calls.
pub struct Choice {
    number: u32,
    engine: Arc<Engine>,
    generation: Generation,
    /// The prompt of the text, while the reasoning is being generated.
    text_prompt: Option<Prompt>,
    /// Reads calls, where there may be some.
    reader: Option<CallReader>,
    /// Calls begun so far.
    calls: u32,
    /// Tells the calls of this answer from those of others.
    call_id: String,
    counts: Counts,
    truncated: bool,
}

/// What a choice did next.
pub enum Did {
    Said(Vec<Event>),
    Ended(Vec<Event>, Counts),
}

impl Choice {
    /// Queues the first generation. `thinks`: with reasoning first; `calls`: there may be calls, and what
    /// their IDs are made of.
    pub fn start(
        engine: &Arc<Engine>,
        number: u32,
        mut prompt: Prompt,
        thinks: bool,
        calls: Option<String>,
    ) -> Result<Self, Refused> {
        let sampling = &mut prompt.sampling;
        // Each choice its own seed, or all would say the same.
        sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(u64::from(number)));
        let limit = sampling.max_tokens.unwrap_or(u32::MAX);
        let reasoning_limit = (limit / 2).min(REASONING_LIMIT);
        let (first, text_prompt) = if thinks && reasoning_limit > 0 {
            sampling.max_tokens = Some(limit - reasoning_limit);
            let thought = Prompt {
                turns: thinking_turns(&prompt.turns),
                sampling: Sampling {
                    max_tokens: Some(reasoning_limit),
                    logprobs: None,
                    stop: Vec::new(),
                    ..sampling.clone()
                },
                form: None,
            };
            (thought, Some(prompt))
        } else {
            (prompt, None)
        };
        Ok(Self {
            number,
            generation: engine.generate(first)?,
            engine: Arc::clone(engine),
            text_prompt,
            reader: calls.is_some().then(CallReader::new),
            calls: 0,
            call_id: calls.unwrap_or_default(),
            counts: Counts::default(),
            truncated: false,
        })
    }

    /// Whether the prompt lost its middle; known once something was said.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The next thing; what is said may be nothing. Not to be asked after the end.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Did, ChoiceFailed>> {
        let Some(step) = ready!(self.generation.poll_next(context)) else {
            return Poll::Ready(Err(ChoiceFailed::Fault(Fault::Stopped)));
        };
        let step = step.map_err(ChoiceFailed::Fault)?;
        Poll::Ready(self.take(step))
    }

    fn take(&mut self, step: Step) -> Result<Did, ChoiceFailed> {
        match step {
            Step::Started {
                truncated,
                prompt_tokens,
            } => {
                self.truncated |= truncated;
                if self.text_prompt.is_none() {
                    self.counts.prompt = prompt_tokens;
                }
                Ok(Did::Said(Vec::new()))
            }
            Step::Text(text) => Ok(Did::Said(self.text(text))),
            Step::Logprobs(tokens) => {
                // Calls have none: their tokens are no content.
                let in_text = self.reader.as_ref().is_none_or(CallReader::is_in_text);
                let event = EventKind::Logprobs {
                    choice: self.number,
                    json: logprobs::json(&tokens),
                };
                Ok(Did::Said(
                    in_text.then(|| Event::new(event)).into_iter().collect(),
                ))
            }
            Step::Done(finished) => match self.text_prompt.take() {
                Some(prompt) => {
                    self.counts.reasoning = finished.completion_tokens;
                    self.counts.completion = finished.completion_tokens;
                    self.generation = self.engine.generate(prompt).map_err(ChoiceFailed::Refused)?;
                    Ok(Did::Said(Vec::new()))
                }
                None => Ok(self.finish(finished)),
            },
        }
    }

    fn text(&mut self, text: String) -> Vec<Event> {
        let choice = self.number;
        if self.text_prompt.is_some() {
            return vec![Event::new(EventKind::Reasoning { choice, text })];
        }
        let Some(reader) = &mut self.reader else {
            return vec![Event::new(EventKind::Text { choice, text })];
        };
        let told = reader.take(&text);
        told.into_iter().map(|told| Event::new(self.told(told))).collect()
    }

    fn told(&mut self, told: Told) -> EventKind {
        let choice = self.number;
        match told {
            Told::Text(text) => EventKind::Text { choice, text },
            Told::Name(name) => {
                self.calls += 1;
                let index = self.calls - 1;
                EventKind::ToolCall {
                    choice,
                    index,
                    id: Some(format!("call_{}_{choice}_{index}", self.call_id)),
                    name: Some(name),
                    arguments: String::new(),
                }
            }
            Told::Arguments(arguments) => EventKind::ToolCall {
                choice,
                index: self.calls.saturating_sub(1),
                id: None,
                name: None,
                arguments,
            },
        }
    }

    fn finish(&mut self, finished: Finished) -> Did {
        let rest = self.reader.as_mut().map(CallReader::end).unwrap_or_default();
        let mut events = Vec::new();
        if !rest.is_empty() {
            let kind = EventKind::Text {
                choice: self.number,
                text: rest,
            };
            events.push(Event::new(kind));
        }
        let reason = match finished.reason {
            tollgate_engine::FinishReason::Length => FinishReason::Length,
            tollgate_engine::FinishReason::Stop if self.calls > 0 => FinishReason::ToolCalls,
            tollgate_engine::FinishReason::Stop => FinishReason::Stop,
        };
        events.push(Event::new(EventKind::Finish(Finish {
            choice: self.number,
            reason,
            matched_stop: finished.matched_stop,
            provider_reason: None,
        })));
        self.counts.completion += finished.completion_tokens;
        Did::Ended(events, self.counts)
    }
}

/// Why a choice has no end.
pub enum ChoiceFailed {
    Fault(Fault),
    Refused(Refused),
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
