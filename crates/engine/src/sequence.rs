//! One request on the engine thread, from its prompt to the last token.

use crate::conversation;
use crate::forward::{KvCache, Llama};
use crate::generation::{Fault, FinishReason, Finished, Step};
use crate::load::Language;
use crate::prompt::{Sampling, Turn};
use crate::queue::Job;
use crate::sample::Sampler;
use crate::stop::{Passed, StopTexts};
use crate::tokenizer::TextStream;

/// Prompt tokens read in one step: about a fifth of a second on one core.
const SLICE: usize = 64;

/// Tokens kept free for an answer without a limit, when the prompt fills the window.
const ANSWER_ROOM: usize = 1_024;

/// What a step leads to.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    Again,
    Ended,
}

pub(crate) struct Sequence {
    job: Job,
    cache: KvCache,
    state: State,
    sampler: Sampler,
    text: TextStream,
    stops: StopTexts,
    prompt_tokens: usize,
    completion_tokens: usize,
    /// Most tokens of the answer.
    limit: usize,
}

enum State {
    Reading { prompt: Vec<u32>, done: usize },
    Writing { last: u32 },
}

impl Sequence {
    /// Encodes the prompt and tells the client that its request has started.
    pub(crate) fn start(mut job: Job, language: &Language, llama: &Llama) -> Result<Self, Fault> {
        let window = llama.sizes.window;
        let Sampling { max_tokens, .. } = job.prompt.sampling;
        let wanted = max_tokens.map_or(usize::MAX, |tokens| tokens as usize);
        let answer_room = wanted.min(ANSWER_ROOM).clamp(1, window / 4);
        let turns: Vec<Turn> = std::mem::take(&mut job.prompt.turns);
        let encoded = conversation::encode(language, &turns, window - answer_room)?;
        let sequence = Self {
            cache: llama.new_cache(),
            sampler: Sampler::new(&job.prompt.sampling),
            text: TextStream::default(),
            stops: StopTexts::new(std::mem::take(&mut job.prompt.sampling.stop)),
            prompt_tokens: encoded.tokens.len(),
            completion_tokens: 0,
            limit: wanted.min(window - encoded.tokens.len()),
            state: State::Reading {
                prompt: encoded.tokens,
                done: 0,
            },
            job,
        };
        sequence.tell(Ok(Step::Started {
            prompt_tokens: sequence.prompt_tokens as u32,
            truncated: encoded.truncated,
        }));
        Ok(sequence)
    }

    /// Most tokens that it will ever hold in its cache.
    pub(crate) fn tokens_at_most(&self) -> usize {
        self.prompt_tokens + self.limit
    }

    pub(crate) fn is_reading(&self) -> bool {
        matches!(self.state, State::Reading { .. })
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.job.steps.is_closed()
    }

    pub(crate) fn fail(self, fault: Fault) {
        self.tell(Err(fault));
    }

    /// Reads a slice of the prompt, or writes a token.
    pub(crate) fn step(&mut self, language: &Language, llama: &Llama) -> Result<Next, Fault> {
        let state = match &mut self.state {
            State::Reading { prompt, done } => {
                let slice = &prompt[*done..prompt.len().min(*done + SLICE)];
                let state = llama.read(slice, &mut self.cache);
                *done += slice.len();
                if *done < prompt.len() {
                    return Ok(Next::Again);
                }
                if self.limit == 0 {
                    return Ok(self.finish(FinishReason::Length));
                }
                state
            }
            State::Writing { last } => llama.read(&[*last], &mut self.cache),
        };
        let token = self.sampler.choose(llama.scores(&state))?;
        if language.tokenizer.is_control(token) {
            return Ok(self.finish(FinishReason::Stop));
        }
        self.completion_tokens += 1;
        self.state = State::Writing { last: token };
        let text = self.text.push(language.tokenizer.bytes(token));
        match self.stops.push(&text) {
            Passed::Text(text) => self.tell_text(text),
            Passed::Stopped { text, stop } => {
                self.tell_text(text);
                return Ok(self.end(FinishReason::Stop, Some(stop)));
            }
        }
        if self.completion_tokens == self.limit {
            return Ok(self.finish(FinishReason::Length));
        }
        Ok(Next::Again)
    }

    /// Frees what was held back, then ends.
    fn finish(&mut self, reason: FinishReason) -> Next {
        match self.stops.push(self.text.end()) {
            Passed::Text(text) => {
                let waited = self.stops.end();
                self.tell_text(text + &waited);
                self.end(reason, None)
            }
            Passed::Stopped { text, stop } => {
                self.tell_text(text);
                self.end(FinishReason::Stop, Some(stop))
            }
        }
    }

    fn end(&self, reason: FinishReason, matched_stop: Option<String>) -> Next {
        self.tell(Ok(Step::Done(Finished {
            reason,
            matched_stop,
            prompt_tokens: self.prompt_tokens as u32,
            completion_tokens: self.completion_tokens as u32,
        })));
        Next::Ended
    }

    fn tell_text(&self, text: String) {
        if !text.is_empty() {
            self.tell(Ok(Step::Text(text)));
        }
    }

    fn tell(&self, step: Result<Step, Fault>) {
        // Who has gone is noticed before the next step.
        let _ = self.job.steps.send(step);
    }
}
