//! One choice of an answer: the embedded model's steps as events.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tollgate_chat::event::{Event, EventKind, Finish, FinishReason};
use tollgate_engine::{
    Engine, Fault, Finished, Generation, Prompt, Refused, Role, Sampling, Step, TokenLogprob, Turn,
};

use super::{
    calls::{CallReader, Told, Where},
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
    /// Those of them that were remembered.
    pub cached: u32,
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
    /// Whether there may be text beside them.
    text: bool,
    /// Probabilities that wait for the text which they belong to.
    logprobs: Waiting,
    /// Calls begun so far.
    calls: u32,
    /// Tells the calls of this answer from those of others.
    call_id: String,
    counts: Counts,
    truncated: bool,
}

/// Probabilities of tokens, by where in the answer's bytes each begins.
#[derive(Default)]
struct Waiting {
    tokens: VecDeque<(usize, TokenLogprob)>,
    /// Bytes of tokens that were told, and of text that was said.
    told: usize,
    said: usize,
}

impl Waiting {
    fn add(&mut self, logprobs: Vec<TokenLogprob>) {
        for logprob in logprobs {
            let begins = self.told;
            self.told += logprob.token.bytes.len();
            self.tokens.push_back((begins, logprob));
        }
    }

    /// Those of tokens that begin in this text, which is said now.
    fn of(&mut self, text: &str) -> Vec<TokenLogprob> {
        self.said += text.len();
        let count = self.tokens.partition_point(|(begins, _)| *begins < self.said);
        self.tokens.drain(..count).map(|(_, logprob)| logprob).collect()
    }
}

/// What a choice did next.
pub enum Did {
    Said(Vec<Event>),
    Ended(Vec<Event>, Counts),
}

impl Choice {
    /// Queues the first generation. `thinks`: with reasoning first; `calls`: where there may be calls, and what
    /// their IDs are made of; `text`: there may be text.
    pub fn start(
        engine: &Arc<Engine>,
        number: u32,
        mut prompt: Prompt,
        thinks: bool,
        calls: Option<(Where, String)>,
        text: bool,
    ) -> Result<Self, Refused> {
        let sampling = &mut prompt.sampling;
        // Each choice its own seed, or all would say the same.
        sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(u64::from(number)));
        let limit = sampling.max_tokens.unwrap_or(u32::MAX);
        let reasoning_limit = (limit / 2).min(REASONING_LIMIT);
        let (first, text_prompt) = if thinks && reasoning_limit > 0 {
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
            reader: calls.as_ref().map(|(place, _)| CallReader::new(*place)),
            text,
            logprobs: Waiting::default(),
            calls: 0,
            call_id: calls.map(|(_, id)| id).unwrap_or_default(),
            counts: Counts::default(),
            truncated: false,
        })
    }

    /// Its place among the choices.
    pub fn number(&self) -> u32 {
        self.number
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
            Step::Text { text, logprobs } => Ok(Did::Said(self.text(text, logprobs))),
            Step::Done(finished) => match self.text_prompt.take() {
                Some(mut prompt) => {
                    // The text may use all that the thoughts left.
                    let limit = &mut prompt.sampling.max_tokens;
                    *limit = limit.map(|limit| limit.saturating_sub(finished.completion_tokens));
                    self.counts.reasoning = finished.completion_tokens;
                    self.counts.completion = finished.completion_tokens;
                    self.generation = self.engine.go_on(prompt).map_err(ChoiceFailed::Refused)?;
                    Ok(Did::Said(Vec::new()))
                }
                None => Ok(self.finish(finished)),
            },
        }
    }

    fn text(&mut self, text: String, logprobs: Vec<TokenLogprob>) -> Vec<Event> {
        let choice = self.number;
        if self.text_prompt.is_some() {
            return vec![Event::new(EventKind::Reasoning { choice, text })];
        }
        self.logprobs.add(logprobs);
        let Some(reader) = &mut self.reader else {
            return self.say(text);
        };
        let mut events = Vec::new();
        for told in reader.take(&text) {
            match told {
                Told::Text(text) => events.extend(self.say(text)),
                told => events.push(Event::new(self.told(told))),
            }
        }
        events
    }

    /// A piece of text with the probabilities of its tokens. Calls have none: their tokens are no content.
    fn say(&mut self, text: String) -> Vec<Event> {
        if !self.text {
            return Vec::new();
        }
        let choice = self.number;
        let logprobs = match self.reader.is_none() && text.is_empty() {
            // What never became text.
            true => self
                .logprobs
                .tokens
                .drain(..)
                .map(|(_, logprob)| logprob)
                .collect(),
            false => self.logprobs.of(&text),
        };
        let mut events = Vec::new();
        if !text.is_empty() {
            events.push(Event::new(EventKind::Text { choice, text }));
        }
        if !logprobs.is_empty() {
            let json = logprobs::json(&logprobs);
            events.push(Event::new(EventKind::Logprobs { choice, json }));
        }
        events
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
        // What the limit cut off was to become a call.
        let is_text = finished.reason == tollgate_engine::FinishReason::Stop;
        let mut events = Vec::new();
        if is_text && !rest.is_empty() {
            events = self.say(rest);
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
        self.counts.cached = finished.cached_tokens;
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
