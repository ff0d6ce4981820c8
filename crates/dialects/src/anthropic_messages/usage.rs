//! Anthropic's token counts in OpenAI's meaning.
//!
//! Its `input_tokens` leave out what was read from and written to the cache, and its totals leave out
//! what a compaction took, which only `iterations` tell.

use tollgate_chat::{
    event::EventKind,
    object::{Object, items},
    usage::Usage,
};

use crate::service_tier::AnsweringTier;

/// No count beyond this is believed: no model has such a context.
const COUNT_LIMIT: f64 = 1e12;
/// Most iterations that are added up.
const ITERATIONS_LIMIT: usize = 1_000;

/// What an answer has counted so far. A stream tells its counts twice, at its start and at its end:
/// they are cumulative, so the later ones count, zeros too; what is absent or null stays as it was.
#[derive(Debug, Default)]
pub struct Counts {
    told: bool,
    /// Whether anything was told since the opening said what there was.
    news: bool,
    own: Tokens,
    /// All steps of the answer together, where the provider lists them.
    iterations: Option<Tokens>,
    thinking: u64,
    /// The prompt as the gate counts it, for a host that does not.
    estimated_prompt: u64,
    tier: AnsweringTier,
    /// The tier that was named, until it is told.
    tier_news: Option<EventKind>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tokens {
    input: u64,
    output: u64,
    cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
}

impl Counts {
    pub fn new(estimated_prompt: u64) -> Self {
        Self {
            estimated_prompt,
            ..Self::default()
        }
    }

    /// What an answer that opens says of its counts.
    pub fn opening(&mut self) -> Option<EventKind> {
        self.news = false;
        self.usage().map(EventKind::Usage)
    }

    /// What an answer that has ended says of its counts. No prompt has no tokens at all: then it was not
    /// counted. Nothing, where only its opening was counted: said once more, that would be of the whole answer.
    pub fn events(&self) -> impl Iterator<Item = EventKind> {
        let told = self.usage().filter(|_| self.news);
        let lacks_prompt = told.is_some_and(|usage| usage.prompt == 0) && self.estimated_prompt > 0;
        let usage = told.map(|usage| Usage {
            prompt: if lacks_prompt {
                self.estimated_prompt
            } else {
                usage.prompt
            },
            ..usage
        });
        let usage = usage.map(EventKind::Usage).into_iter();
        usage.chain(lacks_prompt.then_some(EventKind::UsageEstimated))
    }

    /// The tier of service, where a `usage` object has named one since this was asked.
    pub fn take_tier(&mut self) -> Option<EventKind> {
        self.tier_news.take()
    }

    /// Takes a `usage` object over what was told before.
    pub fn take(&mut self, usage: &Object<'_>) {
        self.tier_news = self.tier.heard(usage, "service_tier").or(self.tier_news.take());
        self.news |= self.own.take(usage);
        if let Some(details) = inner(usage, "output_tokens_details") {
            lay(&mut self.thinking, count(&details, "thinking_tokens"));
        }
        let iterations = usage.present("iterations").map(items);
        self.told |= self.news;
        let Some(Ok(iterations)) = iterations else { return };
        let iterations = iterations.into_iter().take(ITERATIONS_LIMIT);
        let steps = iterations.filter_map(|step| Object::parse(step).ok());
        self.iterations = steps.map(|step| Tokens::of(&step)).reduce(Tokens::plus);
        self.news |= self.iterations.is_some();
        self.told |= self.news;
    }

    /// The counts; `None` where nothing was told.
    pub fn usage(&self) -> Option<Usage> {
        if !self.told {
            return None;
        }
        let tokens = self.iterations.unwrap_or(self.own);
        let cache_write_1h = tokens.cache_write_1h.min(tokens.cache_write);
        Some(Usage {
            prompt: tokens
                .input
                .saturating_add(tokens.cache_read)
                .saturating_add(tokens.cache_write),
            completion: tokens.output,
            cached: tokens.cache_read,
            cache_write: tokens.cache_write,
            cache_write_1h,
            reasoning: self.thinking.min(tokens.output),
            ..Usage::default()
        })
    }
}

/// What a whole answer counts, whatever else it says.
pub(crate) fn in_answer(answer: &Object<'_>) -> Option<Usage> {
    let mut counts = Counts::new(0);
    counts.take(&inner(answer, "usage")?);
    counts.usage()
}

impl Tokens {
    fn of(usage: &Object<'_>) -> Self {
        let mut tokens = Self::default();
        tokens.take(usage);
        tokens
    }

    /// Returns whether anything was told.
    fn take(&mut self, usage: &Object<'_>) -> bool {
        let output = count(usage, "output_tokens");
        lay(&mut self.output, output);
        let input = count(usage, "input_tokens");
        let cache_read = count(usage, "cache_read_input_tokens");
        let split = inner(usage, "cache_creation");
        let part = |name| split.as_ref().and_then(|split| count(split, name));
        let hour = part("ephemeral_1h_input_tokens");
        let minutes = part("ephemeral_5m_input_tokens");
        let both = hour.zip(minutes).map(|(hour, minutes)| hour + minutes);
        let cache_write = count(usage, "cache_creation_input_tokens").or(both);
        let told = [output, input, cache_read, cache_write, hour]
            .iter()
            .any(Option::is_some);
        // A prompt of nothing at all was never sent: such zeros only fill their fields.
        let any = |count: Option<u64>| count.is_some_and(|count| count > 0);
        if input == Some(0) && !any(cache_read) && !any(cache_write) {
            return told;
        }
        lay(&mut self.input, input);
        lay(&mut self.cache_read, cache_read);
        lay(&mut self.cache_write, cache_write);
        lay(&mut self.cache_write_1h, hour);
        told
    }

    fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
        }
    }
}

fn lay(held: &mut u64, told: Option<u64>) {
    if let Some(told) = told {
        *held = told;
    }
}

fn inner<'a>(object: &Object<'a>, name: &str) -> Option<Object<'a>> {
    Object::parse(object.present(name)?).ok()
}

/// A count, whatever number it is spelt as; negative ones count as zero.
fn count(object: &Object<'_>, name: &str) -> Option<u64> {
    let value: f64 = object.read(name)?;
    Some(value.clamp(0.0, COUNT_LIMIT) as u64)
}
