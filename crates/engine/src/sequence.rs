//! One request on the engine thread, from its prompt to the last token.

use crate::conversation;
use tracing::warn;

use crate::form::{Form, FormError};
use crate::forward::{KvCache, Sizes, Slice};
use crate::generation::{Fault, FinishReason, Finished, Step};
use crate::load::Language;
use crate::logprobs::{self, TokenLogprob};
use crate::prefixes::Prefixes;
use crate::prompt::Turn;
use crate::queue::Job;
use crate::sample::Sampler;
use crate::schedule::shares::Wants;
use crate::stop::{Passed, StopTexts};
use crate::tokenizer::TextStream;

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
    /// What the model reads next: the prompt, later what was written last.
    unread: Vec<u32>,
    /// How many of `unread` it has read.
    done: usize,
    sampler: Sampler,
    text: TextStream,
    stops: StopTexts,
    form: Option<Form>,
    told: Told,
    prompt_tokens: usize,
    /// Tokens of the prompt that need not be read.
    cached_tokens: usize,
    completion_tokens: usize,
    /// Most tokens of the answer.
    limit: usize,
    /// Steps since it was last served.
    passed_over: usize,
}

/// Probabilities on their way to the client: a token's are told with the text that it is part of.
#[derive(Default)]
struct Told {
    /// With the place in the answer's bytes where each token begins.
    waiting: Vec<(usize, TokenLogprob)>,
    /// Bytes of tokens, and of text that was told.
    written: usize,
    told: usize,
}

impl Told {
    /// Takes out those of tokens that begin before this place of the answer.
    fn logprobs(&mut self, before: usize) -> Vec<TokenLogprob> {
        let count = self.waiting.partition_point(|(start, _)| *start < before);
        self.waiting.drain(..count).map(|(_, logprob)| logprob).collect()
    }
}

impl Sequence {
    /// Encodes the prompt and tells the client that its request has started.
    pub(crate) fn start(mut job: Job, language: &Language, sizes: &Sizes) -> Result<Self, Fault> {
        let window = sizes.window;
        let sampling = &mut job.prompt.sampling;
        let wanted = sampling.max_tokens.map_or(usize::MAX, |tokens| tokens as usize);
        let answer_room = wanted.min(ANSWER_ROOM).clamp(1, window / 4);
        let stops = StopTexts::new(std::mem::take(&mut sampling.stop), sampling.stop_until.take());
        let sampler = Sampler::new(sampling);
        let turns: Vec<Turn> = std::mem::take(&mut job.prompt.turns);
        let encoded = conversation::encode(language, &turns, window - answer_room)?;
        let sequence = Self {
            cache: KvCache::new(sizes),
            sampler,
            text: TextStream::default(),
            stops,
            form: job.prompt.form.take(),
            told: Told::default(),
            prompt_tokens: encoded.tokens.len(),
            cached_tokens: 0,
            completion_tokens: 0,
            limit: wanted.min(window - encoded.tokens.len()),
            unread: encoded.tokens,
            done: 0,
            passed_over: 0,
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

    /// What it waits for.
    pub(crate) fn wants(&self) -> Wants {
        let left = self.unread.len() - self.done;
        Wants {
            is_reading: self.cache.len() < self.prompt_tokens,
            left,
            work_left: left + self.limit - self.completion_tokens,
            passed_over: self.passed_over,
            written: self.completion_tokens,
        }
    }

    /// Takes note of how many tokens a step reads of it.
    pub(crate) fn served(&mut self, count: usize) {
        self.passed_over = match count {
            0 => self.passed_over + 1,
            _ => 0,
        };
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.job.steps.is_closed()
    }

    pub(crate) fn fail(self, fault: Fault) {
        self.tell(Err(fault));
    }

    /// Skips what is remembered of the prompt's beginning, while nothing of it is read.
    pub(crate) fn recall(&mut self, prefixes: &mut Prefixes) {
        if self.done == 0
            && self.cache.len() == 0
            && let Some(cache) = prefixes.find(&self.unread)
        {
            self.done = cache.len();
            self.cached_tokens = cache.len();
            self.cache = cache;
        }
    }

    /// Its next tokens for the model, at most `count`. They count as read.
    pub(crate) fn slice(&mut self, count: usize) -> Slice<'_> {
        let from = self.done;
        self.done = self.unread.len().min(from + count);
        Slice {
            tokens: &self.unread[from..self.done],
            cache: &mut self.cache,
        }
    }

    /// Whether everything is read, so that the next token can be chosen.
    pub(crate) fn may_choose(&self) -> bool {
        self.done == self.unread.len()
    }

    /// Remembers the prompt, once it was read.
    pub(crate) fn remember(&self, prefixes: &mut Prefixes) {
        if self.completion_tokens == 0 {
            prefixes.keep(&self.unread, &self.cache);
        }
    }

    /// Writes the next token by its scores, and after it those that can only come next.
    pub(crate) fn choose(&mut self, language: &Language, scores: Vec<f32>) -> Result<Next, Fault> {
        if self.limit == 0 {
            return Ok(self.finish(FinishReason::Length));
        }
        let top = self.job.prompt.sampling.logprobs;
        let own_view = top.map(|_| scores.clone());
        let token = match &mut self.form {
            None => self.sampler.choose(scores, None)?,
            Some(form) => {
                let allowed = match form.allowed() {
                    Ok(allowed) => allowed,
                    Err(problem) => return Ok(self.lose_form(&problem)),
                };
                let ends = language.tokenizer.first_control();
                let may_end = ends.is_some_and(|end| allowed.token(end));
                let is_allowed = |token| match language.tokenizer.is_control(token) {
                    true => may_end,
                    false => allowed.token(token),
                };
                self.sampler.choose(scores, Some(&is_allowed))?
            }
        };
        if language.tokenizer.is_control(token) {
            return Ok(self.finish(FinishReason::Stop));
        }
        if let (Some(top), Some(scores)) = (top, own_view) {
            let logprob = logprobs::of_token(&scores, token, top, &language.tokenizer);
            self.told.waiting.push((self.told.written, logprob));
        }
        self.unread.clear();
        self.done = 0;
        let mut tokens = vec![token];
        let mut is_over = false;
        if let Some(form) = &mut self.form {
            if let Err(problem) = form.take(token) {
                return Ok(self.lose_form(&problem));
            }
            // Whoever wants probabilities wants one for every token.
            if top.is_none() {
                tokens.extend(form.take_forced());
            }
            is_over = form.is_over();
        }
        let last = tokens.len() - 1;
        for (index, token) in tokens.into_iter().enumerate() {
            if let Next::Ended = self.write(language, token, is_over && index == last) {
                return Ok(Next::Ended);
            }
        }
        Ok(Next::Again)
    }

    /// Ends an answer whose form takes too much to be followed: it stays as incomplete as one that is too
    /// long.
    fn lose_form(&mut self, problem: &FormError) -> Next {
        warn!(%problem, "the form of an answer cannot be followed any further");
        self.finish(FinishReason::Length)
    }

    /// Adds a token to the answer; `completes`: nothing can come after it.
    fn write(&mut self, language: &Language, token: u32, completes: bool) -> Next {
        self.completion_tokens += 1;
        self.sampler.occurred(token);
        self.unread.push(token);
        let bytes = language.tokenizer.bytes(token);
        self.told.written += bytes.len();
        let text = self.text.push(bytes);
        match self.stops.push(&text) {
            Passed::Text(text) => self.tell_text(text),
            Passed::Stopped { text, stop } => {
                self.tell_text(text);
                return self.end(FinishReason::Stop, Some(stop));
            }
        }
        if completes {
            return self.finish(FinishReason::Stop);
        }
        if self.completion_tokens == self.limit {
            return self.finish(FinishReason::Length);
        }
        Next::Again
    }

    /// Frees what was held back, then ends.
    fn finish(&mut self, reason: FinishReason) -> Next {
        let last = match self.stops.push(self.text.end()) {
            Passed::Text(text) => {
                self.tell_text(text);
                self.stops.end()
            }
            stopped => stopped,
        };
        match last {
            Passed::Text(text) => {
                self.tell_text(text);
                self.tell_last_logprobs();
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
            cached_tokens: self.cached_tokens as u32,
            completion_tokens: self.completion_tokens as u32,
        })));
        Next::Ended
    }

    fn tell_text(&mut self, text: String) {
        if text.is_empty() {
            return;
        }
        self.told.told += text.len();
        let logprobs = self.told.logprobs(self.told.told);
        self.tell(Ok(Step::Text { text, logprobs }));
    }

    /// Tells the probabilities that still wait for text.
    fn tell_last_logprobs(&mut self) {
        let logprobs = self.told.logprobs(usize::MAX);
        if !logprobs.is_empty() {
            let text = String::new();
            self.tell(Ok(Step::Text { text, logprobs }));
        }
    }

    fn tell(&self, step: Result<Step, Fault>) {
        // Who has gone is noticed before the next step.
        let _ = self.job.steps.send(step);
    }
}
