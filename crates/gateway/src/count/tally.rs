//! What is known of the tokens of one request, while it goes on and at its end.
//!
//! What the provider says counts, the last of it, where an answer can have as many tokens at all. Where an answer ended
//! before it was counted, or nobody counts it, the gate does: until [`Tally::count`] was called, from bytes. A count
//! that came while the answer went on is added to what was said after it, also in an answer that came to its end without
//! another.
//! A stream's text is kept only since its last count, and its prompt only until somebody has counted it.

use bytes::Bytes;
use tollgate_catalog::{
    contract::{ToolChoice, ValidRequest, estimated_tokens},
    model::Model,
};
use tollgate_chat::{
    answer::Answer,
    event::{EventKind, Written},
    usage::{CountedBy, Usage},
};

use super::{
    Counted, Counting, Texts,
    belief::{Belief, leaves_out},
    heard::{Heard, together},
    text::{Output, PROMPT_KEPT, Said, said_bytes},
};
use crate::{
    abandoned::{How, Read},
    buffered::Held,
};

/// Tokens of an image, a video or a file that is read: of an image of a megapixel, the larger of what OpenAI (765) and
/// Anthropic (1,334) say.
pub const MEDIUM: u64 = 1_334;
/// Bytes of a request up to which it is copied: a smaller one would keep the whole of what its connection read.
const COPIED: usize = 64 * 1024;

/// About how many tokens the prompt has: its text by bytes, and [`MEDIUM`] for each part that is none.
pub fn about(request: &ValidRequest) -> u64 {
    request.estimated_prompt_tokens().saturating_add(media(request))
}

/// About how many of them are of images, videos and files.
pub fn media(request: &ValidRequest) -> u64 {
    MEDIUM.saturating_mul(u64::from(request.traits.media))
}

/// About how many tokens its provider puts before its tools.
pub fn before_tools(request: &ValidRequest) -> u64 {
    AsksForTools::of(request).before_tools(&request.model)
}

/// Whether a request offers tools, and whether one has to be called.
#[derive(Debug, Clone, Copy)]
enum AsksForTools {
    No,
    Offers,
    Forces,
}

impl AsksForTools {
    fn of(request: &ValidRequest) -> Self {
        match request.tool_choice {
            _ if request.tools == 0 => Self::No,
            ToolChoice::Required | ToolChoice::Named(_) => Self::Forces,
            // Where none may be called the model reads of them all the same.
            ToolChoice::Auto | ToolChoice::None => Self::Offers,
        }
    }

    fn before_tools(self, model: &Model) -> u64 {
        match self {
            Self::No => 0,
            Self::Offers => model.tool_tokens.offered,
            Self::Forces => model.tool_tokens.forced,
        }
    }
}

/// The tokens of one request.
#[derive(Debug)]
pub struct Tally {
    /// Of the prompt's text, by its bytes, and of what lies around each message.
    about: u64,
    frames: u64,
    media: u64,
    asks: AsksForTools,
    /// What the provider that answers puts before its tools.
    before_tools: u64,
    /// The request, of a stream that nobody has counted yet.
    request: Option<KeptRequest>,
    said: Said,
    /// Bytes of what the client asked, and how many choices.
    bytes: u64,
    choices: u32,
    /// How often a provider reads the prompt for that.
    readings: u64,
    /// The most tokens that the choices can have together.
    most_output: u64,
    /// Tokens of the model that answers for one of tiktoken's.
    factor: f64,
    belief: Belief,
    told: Option<Usage>,
    /// Whether a part of it is an estimate, as its prompt.
    is_estimated: bool,
    /// What of its completion had been said when it was told; the rest of it is said twice.
    told_of: u64,
    /// What stands in where nothing was told and nothing could be counted.
    instead: Option<Usage>,
    counted: Option<Counted>,
    /// Whether the answer has begun, and whether it has come to its end.
    begun: bool,
    whole: bool,
    /// Whether its provider broke off behind that end, before it had counted.
    cut_off: bool,
    unbelieved: Option<Usage>,
    /// The last count, where it left something out that it may yet get.
    wanting: Option<Usage>,
}

#[derive(Debug)]
struct KeptRequest {
    bytes: Bytes,
    _held: Held,
}

impl Tally {
    pub fn of(request: &ValidRequest, counting: &Counting) -> Self {
        let body = request.request.body();
        let bytes = body.len() as u64;
        let mut held = counting.hold();
        // Whoever waits for a whole answer has the request still.
        let is_kept = request.stream && body.len() <= PROMPT_KEPT && held.grow(body.len()).is_ok();
        let kept = is_kept.then(|| KeptRequest {
            bytes: match body.len() <= COPIED {
                true => Bytes::copy_from_slice(body),
                false => body.clone(),
            },
            _held: held,
        });
        Self {
            about: request.estimated_prompt_tokens(),
            frames: 4 * u64::from(request.traits.count),
            media: media(request),
            asks: AsksForTools::of(request),
            before_tools: before_tools(request),
            request: kept,
            said: Said::new(counting.hold()),
            bytes,
            choices: request.n,
            readings: 1,
            most_output: u64::MAX,
            factor: request.model.token_factor,
            belief: Belief::of(&request.model, bytes, request.n),
            told: None,
            is_estimated: false,
            told_of: 0,
            instead: None,
            counted: None,
            begun: false,
            whole: false,
            cut_off: false,
            unbelieved: None,
            wanting: None,
        }
    }

    /// All of it, for whoever goes on. Nothing that can be counted is left.
    pub fn hand_over(&mut self) -> Self {
        let said = self.said.hand_over();
        Self {
            request: self.request.take(),
            said,
            ..*self
        }
    }

    /// Tokens of the prompt, as the gate estimates them.
    pub fn about(&self) -> u64 {
        self.about + self.media + self.before_tools
    }

    /// Another model answers than was asked for.
    pub fn answered_by(&mut self, model: &Model) {
        self.factor = model.token_factor;
        self.before_tools = self.asks.before_tools(model);
        self.belief = Belief::of(model, self.bytes, self.choices);
    }

    /// The prompt goes out so many times.
    pub fn is_read(&mut self, times: u64) {
        self.readings = times.max(1);
    }

    /// How often a provider reads the prompt.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// The choices have so many tokens at most, thoughts included. What the gate counts is no more: a tokenizer that is
    /// not the model's own may see more tokens in a text than the model could write.
    pub fn has_at_most(&mut self, tokens: u64) {
        self.most_output = tokens;
    }

    /// Takes what a stream says.
    pub fn hear(&mut self, event: &EventKind) {
        self.begun = true;
        match event {
            EventKind::Usage(usage) => self.tell(*usage),
            EventKind::UsageEstimated => self.is_estimated = true,
            EventKind::UsageCutOff => self.cut_off = true,
            written => {
                let Written {
                    thought,
                    said,
                    called,
                } = written.written();
                self.said.think(thought);
                self.said.say(called);
                self.said.say(said);
            }
        }
    }

    /// Takes a whole answer, and what a provider has counted of it.
    pub fn answered(&mut self, answer: &Answer) {
        (self.begun, self.whole) = (true, true);
        let bytes = answer.json.len() as u64;
        self.instead = Some(match answer.counted_by {
            CountedBy::Gate => answer.usage,
            CountedBy::Provider | CountedBy::ProviderButThePrompt => Usage {
                prompt: self.prompt(),
                completion: estimated_tokens(bytes),
                ..Usage::default()
            },
        });
        if answer.counted_by == CountedBy::Gate {
            return;
        }
        // An answer may have nothing to count, and few have to be read for that.
        let says_something = answer.usage.completion == 0 && said_bytes(&answer.json) > 0;
        self.tell_of(answer.usage, bytes, says_something);
        self.is_estimated = answer.counted_by == CountedBy::ProviderButThePrompt;
    }

    /// Takes what was read of an answer whose client has gone.
    pub fn read_on(&mut self, read: &Read) {
        let Some(heard) = &read.heard else { return };
        self.begun |= heard.tells();
        if let Some(usage) = heard.usage {
            let bytes = self.said.bytes() + heard.since();
            self.tell_of(usage, bytes, bytes > 0 || self.told_of > 0);
            if self.told == Some(usage) {
                self.told_of = self.told_of.max(heard.counted_of());
            }
        }
        self.said.say_unkept(heard.since());
        self.is_estimated |= heard.is_estimated;
        self.cut_off |= heard.cut_off;
        // Where it did not come to its end, what was said after the last count is counted too.
        self.whole |= read.how == How::Complete;
    }

    /// Takes what had come of the calls of a stream whose client saw nothing of it.
    pub fn began(&mut self, calls: &[Heard]) {
        self.begun = true;
        if calls.iter().any(Heard::is_counted) {
            let about = self.about();
            let (usage, is_estimated) = together(calls.iter().map(|call| call.so_far(about, false)));
            self.tell_of(usage, 0, false);
            self.is_estimated |= is_estimated;
        }
        if self.told.is_none() {
            self.said.say_unkept(calls.iter().map(Heard::since).sum());
        }
    }

    /// Whether the client was given some of an answer, or there is a count of what it was not given.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The answer is whole.
    pub fn end(&mut self) {
        self.whole = true;
    }

    fn tell(&mut self, usage: Usage) {
        let bytes = self.said.bytes();
        self.tell_of(usage, bytes, bytes > 0 || self.told_of > 0);
    }

    /// Takes a provider's count of what it said in so many bytes, or more.
    fn tell_of(&mut self, usage: Usage, bytes: u64, says_something: bool) {
        let before = self.told.map_or(0, |told| told.completion);
        if !self.belief.allows(&usage, bytes.saturating_add(before)) {
            self.unbelieved = Some(usage);
            return;
        }
        // A later one may be whole: some providers fill it in while the answer goes on.
        self.wanting = leaves_out(&usage, says_something).then_some(usage);
        if self.wanting.is_some() {
            return;
        }
        // A count that came before the first word is of the prompt, and of how the answer opens.
        self.told_of = match self.told_of == 0 && self.said.bytes() == 0 {
            true => 0,
            false => usage.completion,
        };
        self.told = Some(usage);
        self.is_estimated = false;
        self.said.clear();
        if usage.prompt > 0 {
            self.request = None;
        }
    }

    /// Whether there is something to count before the request is settled.
    pub fn lacks(&self) -> bool {
        self.begun && self.counted.is_none() && self.is_counted_here()
    }

    /// What there is to count of a stream.
    pub fn texts(&self) -> Texts {
        let [reasoning, said] = [&self.said.reasoning, &self.said.said].map(|kept| kept.parts().0.to_owned());
        Texts {
            request: self.request.as_ref().map(|request| request.bytes.clone()),
            output: Output::Said { reasoning, said },
        }
    }

    /// Takes what was counted of [`Self::texts`], or of a whole answer and its request.
    pub fn count(&mut self, counted: Counted) {
        self.counted = Some(counted);
        self.request = None;
    }

    /// The count that holds, and whether it is an estimate; `None` where no answer began.
    pub fn usage(&self) -> Option<(Usage, bool)> {
        let (usage, is_estimated) = self.any_usage()?;
        if !is_estimated {
            return Some((usage, false));
        }
        let completion = usage.completion.min(self.most_output);
        let usage = Usage {
            completion,
            reasoning: usage.reasoning.min(completion),
            ..usage
        };
        Some((usage, true))
    }

    fn any_usage(&self) -> Option<(Usage, bool)> {
        match self.told {
            _ if !self.begun => None,
            Some(told) if !self.is_counted_here() => Some((told, self.is_estimated)),
            Some(told) => {
                let (reasoning, said) = self.output();
                let usage = Usage {
                    completion: told.completion.max(self.told_of + reasoning + said),
                    reasoning: told.reasoning + reasoning,
                    ..told
                };
                Some((usage, true))
            }
            None if self.counted.is_none() && self.instead.is_some() => Some((self.instead?, true)),
            None => {
                let (reasoning, said) = self.output();
                let usage = Usage {
                    prompt: self.prompt(),
                    completion: reasoning + said,
                    reasoning,
                    ..Usage::default()
                };
                Some((usage, true))
            }
        }
    }

    /// Whether one of its attempts may have had so many tokens.
    pub fn believes(&self, usage: &Usage) -> bool {
        self.belief.allows(usage, 0) && !leaves_out(usage, false)
    }

    /// A provider's count that no answer can have.
    pub fn unbelieved(&self) -> Option<Usage> {
        let wanting = self
            .wanting
            .or(self.told.filter(|_| self.leaves_out_what_came_after()));
        self.unbelieved.or(wanting.filter(|_| self.whole))
    }

    /// Whether more was said after the last count than it can be of: it came with the opening, and none did at the end.
    /// What came with a count, or was held back until its end, may be behind it here, so twice its tokens are.
    fn leaves_out_what_came_after(&self) -> bool {
        let since = estimated_tokens(self.said.bytes());
        self.told
            .is_some_and(|told| since > told.completion.saturating_mul(2))
    }

    /// Whether what a provider told is not all.
    fn is_counted_here(&self) -> bool {
        let is_behind =
            !self.whole || self.cut_off || self.wanting.is_some() || self.leaves_out_what_came_after();
        self.told.is_none() || is_behind && self.said.bytes() > 0
    }

    fn prompt(&self) -> u64 {
        let counted = self.counted.and_then(|counted| counted.prompt);
        let text = counted.map_or(self.about, |tokens| self.of_model(tokens) + self.frames);
        // No text has more tokens than bytes.
        (text.min(self.bytes) + self.media + self.before_tools) * self.readings
    }

    /// What was thought and said since the last count, in tokens.
    fn output(&self) -> (u64, u64) {
        let of = |kept: &super::text::Kept, counted: Option<u64>| {
            let (text, beyond) = kept.parts();
            let tokens = counted.map(|tokens| self.of_model(tokens));
            tokens.unwrap_or_else(|| estimated_tokens(text.len() as u64)) + estimated_tokens(beyond)
        };
        let counted = self.counted;
        (
            of(&self.said.reasoning, counted.map(|counted| counted.reasoning)),
            of(&self.said.said, counted.map(|counted| counted.said)),
        )
    }

    /// What tiktoken counted, in tokens of the model that answered.
    fn of_model(&self, tokens: u64) -> u64 {
        (tokens as f64 * self.factor).ceil() as u64
    }
}

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
