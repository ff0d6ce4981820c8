//! What an answer costs: prices per million tokens by class, and the arithmetic of one charge.
//!
//! A price is a list of rows, each complete in itself, with the conditions under which it holds
//! (length of the prompt, service tier, hour and weekday, dates). The last row whose conditions all
//! hold decides for the whole call. Where none holds the cost is unknown, which is never zero.
//! Not here: who pays, and when (`ledger`).

use std::{fmt, sync::Arc};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use tollgate_chat::{service_tier::ServiceTier, usage::Usage};

use crate::money::Money;

/// Tokens of one class above which an answer is a fault and not a charge; below it every product
/// with a rate is exact in 96 bits.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// The price of one model at one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    rows: Vec<PriceRow>,
    /// The rates of each row in one line, for the books.
    versions: Vec<Arc<str>>,
}

/// Rates, and when they hold.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRow {
    pub when: Conditions,
    pub rates: Rates,
}

/// Conditions of a row; all have to hold. The default holds always, at the standard service tier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// The prompt, cached tokens included, has more tokens than this. 0: any prompt.
    pub above_prompt_tokens: u64,
    /// The request was served at this tier. `None`: the standard one, and no other.
    pub service_tier: Option<Arc<str>>,
    /// Spans of the day in UTC; empty: the whole day.
    pub hours_utc: Vec<HourSpan>,
    /// Days of the week in UTC, 1 Monday to 7 Sunday; empty: all.
    pub weekdays: Vec<u8>,
    /// First day (UTC) on which the row holds.
    pub from: Option<Date>,
    /// Last day (UTC) on which the row holds.
    pub until: Option<Date>,
}

/// A span of the day, in minutes after midnight: `start` is in it, `end` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourSpan {
    pub start: u16,
    pub end: u16,
}

/// Dollars per million tokens of each class. A class without a figure of its own costs what the
/// class around it costs: cached, written and spoken input like `input`; reasoning, images and spoken output
/// like `output`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    pub input: PerMillion,
    pub output: PerMillion,
    pub cached_input: Option<PerMillion>,
    pub cache_write_5m: Option<PerMillion>,
    pub cache_write_1h: Option<PerMillion>,
    pub reasoning: Option<PerMillion>,
    pub audio_input: Option<PerMillion>,
    pub image_output: Option<PerMillion>,
    pub audio_output: Option<PerMillion>,
}

/// Dollars per million tokens: not negative, below a million, at most nine decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerMillion(Decimal);

/// What one answer used up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent<'a> {
    pub usage: Usage,
    /// As the answer names it. `None`, and a word for it, is the standard tier.
    pub service_tier: Option<&'a str>,
}

/// Tokens of one class, and the rate that was chosen for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub class: TokenClass,
    pub tokens: u64,
    pub rate: PerMillion,
}

/// Tokens that have a rate of their own; no token is in two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    Input,
    CachedInput,
    CacheWrite5m,
    CacheWrite1h,
    AudioInput,
    Output,
    Reasoning,
    ImageOutput,
    AudioOutput,
}

/// Why an answer's cost cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CostUnknown {
    #[error("the catalogue has no price for this service tier, day and length of prompt")]
    NoRow,
    #[error("a count of {tokens} tokens is beyond what one answer can hold")]
    TooManyTokens { tokens: u64 },
}

impl Price {
    /// A price of these rows, in the order in which a later one overrides an earlier.
    pub fn new(rows: Vec<PriceRow>) -> Self {
        let versions = rows.iter().map(|row| row.rates.to_string().into()).collect();
        Self { rows, versions }
    }

    /// A price that depends on nothing.
    pub fn flat(rates: Rates) -> Self {
        Self::new(vec![PriceRow {
            when: Conditions::default(),
            rates,
        }])
    }

    pub fn rows(&self) -> &[PriceRow] {
        &self.rows
    }

    /// The rows that can decide about a request of this moment, whatever its tier and the length of its prompt.
    pub fn rows_at(&self, at: Timestamp) -> impl Iterator<Item = &PriceRow> {
        let moment = Moment::of(at);
        let mut deciding: Vec<&PriceRow> = Vec::with_capacity(self.rows.len());
        for row in self.rows.iter().rev().filter(|row| row.when.holds_at(&moment)) {
            let is_overridden = deciding.iter().any(|later| {
                later.when.service_tier == row.when.service_tier
                    && later.when.above_prompt_tokens <= row.when.above_prompt_tokens
            });
            if !is_overridden {
                deciding.push(row);
            }
        }
        deciding.into_iter()
    }

    /// The exact cost of an answer that was served at `at`, rounded up once to a nano-dollar.
    pub fn cost(&self, spent: &Spent<'_>, at: Timestamp) -> Result<Money, CostUnknown> {
        let dollars = self.exact_cost(spent, at)?;
        Money::from_dollars_rounded_up(dollars).ok_or_else(|| too_many(spent))
    }

    /// The cost in dollars before it is rounded.
    pub fn exact_cost(&self, spent: &Spent<'_>, at: Timestamp) -> Result<Decimal, CostUnknown> {
        let lines = self.lines(spent, at)?;
        let per_million: Decimal = lines
            .iter()
            .map(|line| Decimal::from(line.tokens) * line.rate.0)
            .sum();
        Ok(per_million / Decimal::from(1_000_000))
    }

    /// What the cost is the sum of, classes without a token included.
    pub fn lines(&self, spent: &Spent<'_>, at: Timestamp) -> Result<[Line; 9], CostUnknown> {
        self.rates(spent, at)
            .ok_or(CostUnknown::NoRow)?
            .lines(&spent.usage)
    }

    /// The rates that hold.
    pub fn rates(&self, spent: &Spent<'_>, at: Timestamp) -> Option<&Rates> {
        let place = self.place(spent.usage.prompt, spent.service_tier, at)?;
        self.rows.get(place).map(|row| &row.rates)
    }

    /// The rates that hold, in one line such as `in=3 cached=0.3 out=15`: what a bill is traced back to when prices
    /// have long changed.
    pub fn version(&self, spent: &Spent<'_>, at: Timestamp) -> Option<&Arc<str>> {
        let place = self.place(spent.usage.prompt, spent.service_tier, at)?;
        self.versions.get(place)
    }

    /// Whether the tier has a price of its own, or needs none.
    pub fn has_price(&self, spent: &Spent<'_>, at: Timestamp) -> bool {
        self.place(spent.usage.prompt, spent.service_tier, at).is_some()
    }

    /// Whether spoken output has a figure of its own wherever a row can decide at `at`. It costs several times what
    /// text does, so what lacks one says nothing of it.
    pub fn tells_audio_output(&self, at: Timestamp) -> bool {
        self.rows_at(at).all(|row| row.rates.audio_output.is_some())
    }

    /// Whether it says at `at` what an answer costs, at the standard service tier.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.place(0, None, at).is_some()
    }

    /// Whether it says what any prompt costs at the standard service tier at some hour of this day (UTC), where the days
    /// of the week allow it.
    pub fn holds_within(&self, day: Date) -> bool {
        self.rows.iter().any(|row| {
            let when = &row.when;
            when.above_prompt_tokens == 0 && when.service_tier.is_none() && when.holds_within(day)
        })
    }

    fn place(&self, prompt_tokens: u64, service_tier: Option<&str>, at: Timestamp) -> Option<usize> {
        let tier = service_tier.filter(|tier| !ServiceTier::is_standard(tier));
        let moment = Moment::of(at);
        self.rows.iter().rposition(|row| {
            let when = &row.when;
            (when.above_prompt_tokens == 0 || prompt_tokens > when.above_prompt_tokens)
                && when.service_tier.as_deref() == tier
                && when.holds_at(&moment)
        })
    }
}

/// A moment as conditions speak of it, in UTC.
struct Moment {
    date: Date,
    minute: u16,
    weekday: u8,
}

impl Moment {
    fn of(at: Timestamp) -> Self {
        let at = TimeZone::UTC.to_datetime(at);
        Self {
            date: at.date(),
            minute: at.hour() as u16 * 60 + at.minute() as u16,
            weekday: at.weekday().to_monday_one_offset() as u8,
        }
    }
}

impl Conditions {
    /// Whether those that speak of time hold.
    fn holds_at(&self, moment: &Moment) -> bool {
        (self.weekdays.is_empty() || self.weekdays.contains(&moment.weekday))
            && (self.hours_utc.is_empty() || self.hours_utc.iter().any(|span| span.contains(moment.minute)))
            && self.holds_within(moment.date)
    }

    /// Whether the first day has come, and the last is not past.
    fn holds_within(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
    }
}

fn too_many(spent: &Spent<'_>) -> CostUnknown {
    CostUnknown::TooManyTokens {
        tokens: spent.usage.prompt.max(spent.usage.completion),
    }
}

impl Rates {
    /// What the cost of these tokens is the sum of, classes without a token included.
    ///
    /// Classes lie inside their total (OpenAI's meaning); parts that exceed it are charged each at
    /// its own rate, and the rest counts as nothing.
    pub fn lines(&self, usage: &Usage) -> Result<[Line; 9], CostUnknown> {
        let cache_write_5m = usage.cache_write.saturating_sub(usage.cache_write_1h);
        let fresh_prompt = usage
            .prompt
            .saturating_sub(usage.cached)
            .saturating_sub(usage.cache_write);
        // What was cached of the audio is paid for as cached.
        let fresh_audio = usage.prompt_audio.saturating_sub(usage.cached_audio);
        let audio = match usage.cached.saturating_add(usage.cache_write) {
            0 => fresh_audio,
            _ => fresh_audio.min(fresh_prompt),
        };
        let plain_prompt = fresh_prompt.saturating_sub(audio);
        let plain_completion = usage
            .completion
            .saturating_sub(usage.reasoning)
            .saturating_sub(usage.completion_image)
            .saturating_sub(usage.completion_audio);
        let cache_write = self.cache_write_5m.unwrap_or(self.input);
        let line = |class, tokens, rate: Option<PerMillion>, otherwise| Line {
            class,
            tokens,
            rate: rate.unwrap_or(otherwise),
        };
        let lines = [
            line(TokenClass::Input, plain_prompt, None, self.input),
            line(
                TokenClass::CachedInput,
                usage.cached,
                self.cached_input,
                self.input,
            ),
            line(TokenClass::CacheWrite5m, cache_write_5m, None, cache_write),
            line(
                TokenClass::CacheWrite1h,
                usage.cache_write_1h,
                self.cache_write_1h,
                cache_write,
            ),
            line(TokenClass::AudioInput, audio, self.audio_input, self.input),
            line(TokenClass::Output, plain_completion, None, self.output),
            line(
                TokenClass::Reasoning,
                usage.reasoning,
                self.reasoning,
                self.output,
            ),
            line(
                TokenClass::ImageOutput,
                usage.completion_image,
                self.image_output,
                self.output,
            ),
            line(
                TokenClass::AudioOutput,
                usage.completion_audio,
                self.audio_output,
                self.output,
            ),
        ];
        match lines.iter().find(|line| line.tokens > MOST_TOKENS) {
            Some(line) => Err(CostUnknown::TooManyTokens { tokens: line.tokens }),
            None => Ok(lines),
        }
    }
}

impl TokenClass {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CachedInput => "cached_input",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::AudioInput => "audio_input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::ImageOutput => "image_output",
            Self::AudioOutput => "audio_output",
        }
    }

    /// Its name where rates stand in one line.
    pub fn figure(self) -> &'static str {
        match self {
            Self::Input => "in",
            Self::CachedInput => "cached",
            Self::CacheWrite5m => "write5m",
            Self::CacheWrite1h => "write1h",
            Self::AudioInput => "audio",
            Self::Output => "out",
            Self::Reasoning => "reasoning",
            Self::ImageOutput => "image",
            Self::AudioOutput => "audio_out",
        }
    }
}

impl fmt::Display for Rates {
    /// Dollars per million tokens, of the classes that have a figure of their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = [
            (TokenClass::Input, Some(self.input)),
            (TokenClass::CachedInput, self.cached_input),
            (TokenClass::CacheWrite5m, self.cache_write_5m),
            (TokenClass::CacheWrite1h, self.cache_write_1h),
            (TokenClass::AudioInput, self.audio_input),
            (TokenClass::Output, Some(self.output)),
            (TokenClass::Reasoning, self.reasoning),
            (TokenClass::ImageOutput, self.image_output),
            (TokenClass::AudioOutput, self.audio_output),
        ];
        let figures = figures
            .into_iter()
            .filter_map(|(class, rate)| Some((class, rate?)));
        for (place, (class, rate)) in figures.enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{}={}", class.figure(), rate.0.normalize())?;
        }
        Ok(())
    }
}

impl HourSpan {
    fn contains(self, minute: u16) -> bool {
        (self.start..self.end).contains(&minute)
    }

    /// Reads `"HH:MM-HH:MM"`, the end up to `24:00` and after the start.
    pub fn parse(text: &str) -> Option<Self> {
        let minutes = |clock: &str| -> Option<u16> {
            let (hours, minutes) = clock.split_once(':')?;
            if hours.len() != 2 || minutes.len() != 2 {
                return None;
            }
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
        };
        let (start, end) = text.split_once('-')?;
        let span = Self {
            start: minutes(start)?,
            end: minutes(end)?,
        };
        (span.start < span.end).then_some(span)
    }
}

impl<'de> Deserialize<'de> for HourSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is not a span of the day; write it like \"04:00-06:00\", one over midnight as two"
            ))
        })
    }
}

impl PerMillion {
    pub fn dollars(self) -> Decimal {
        self.0
    }
}

impl PerMillion {
    /// Reads an amount such as `0.25`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let dollars = Decimal::from_str_exact(text).map_err(|_| "is not an amount in dollars")?;
        if dollars < Decimal::ZERO {
            return Err("is negative, which no price can be");
        }
        if dollars >= Decimal::from(1_000_000) || dollars.scale() > 9 {
            return Err("is a million dollars or more, or has more than nine decimal places");
        }
        Ok(Self(dollars))
    }
}

impl<'de> Deserialize<'de> for PerMillion {
    /// From a string: a TOML number would already have lost its exactness.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;
        impl de::Visitor<'_> for Amount {
            type Value = PerMillion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in dollars as a string, such as \"0.25\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PerMillion, E> {
                PerMillion::parse(text).map_err(|problem| E::custom(format_args!("`{text}` {problem}")))
            }
        }
        deserializer.deserialize_str(Amount)
    }
}

#[cfg(test)]
mod tests;
