//! What one line says of a key.

use std::{collections::BTreeSet, num::NonZeroU32, str::FromStr};

use jiff::{Timestamp, tz::TimeZone};
use tollgate_catalog::money::Money;
use tollgate_ledger::{
    Account, AllowedModels, AllowedNetworks, Budget, KeyHash, KeyPrefix, KeySettings, KeyText, PerMinute,
    Period, Reserve, api_key::ChannelNames, day::Day,
};
use tollgate_store::{ImportedKey, NewKey, NewText};

use crate::{
    cli::value::{self, Lifted, or_all, or_none},
    config::Config,
};

/// The fields that there are.
pub const FIELDS: [&str; 18] = [
    "name",
    "key",
    "sha256",
    "account",
    "balance",
    "models",
    "channels",
    "not_channels",
    "allow_ip",
    "expires",
    "enabled",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
    "budget",
    "budget_per",
    "reserve",
    "strict_parameters",
];

/// A field's name and its value; one without a value is left out.
pub type Fields = Vec<(String, String)>;

/// A line that is right by itself.
pub struct Line {
    pub key: ImportedKey,
}

impl Line {
    /// Reads a line's fields. Fails with everything that is wrong with it.
    pub fn read(fields: Fields, config: &Config, now: Timestamp) -> Result<Self, Vec<String>> {
        let mut reading = Reading {
            fields,
            problems: Vec::new(),
        };
        reading.check_names();
        let name = reading.take(
            "name",
            "1 to 100 characters without white space around them",
            |text| value::name(text).ok(),
        );
        if name.is_none() && !reading.problems.iter().any(|problem| problem.contains("`name`")) {
            reading.problems.push("`name` is missing".to_owned());
        }
        let text = reading.text();
        let account = reading.take("account", "a name", |text| value::name(text).ok());
        let mut settings = KeySettings::of_account(account.unwrap_or_else(|| Account::DEFAULT.to_owned()));
        reading.set(&mut settings);
        reading.check_models(&settings.models, config);
        let balance = reading.parse::<Money>("balance", "dollars such as 25.00");
        match (name, text) {
            (Some(name), Some(text)) if reading.problems.is_empty() => Ok(Self {
                key: ImportedKey {
                    key: NewKey {
                        name,
                        text,
                        created: now,
                        settings,
                    },
                    balance,
                },
            }),
            _ => Err(reading.problems),
        }
    }
}

/// A line on its way, and what was wrong so far. No value is ever repeated.
struct Reading {
    fields: Fields,
    problems: Vec<String>,
}

impl Reading {
    fn check_names(&mut self) {
        let mut seen = BTreeSet::new();
        for (name, _) in &self.fields {
            if !seen.insert(name) {
                self.problems.push(format!("`{name}` is there twice"));
            }
        }
        let unknown = self.fields.iter().filter(|(name, _)| !FIELDS.contains(&&**name));
        self.problems.extend(unknown.map(|(name, _)| unknown_field(name)));
    }

    fn take<T>(&mut self, name: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let (_, text) = self.fields.iter().find(|(field, _)| field == name)?;
        let value = read(text);
        if value.is_none() {
            self.problems.push(format!("`{name}` is not {expected}"));
        }
        value
    }

    fn parse<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        self.take(name, expected, |text| text.parse().ok())
    }

    /// The key's text, or what another gate kept of it.
    fn text(&mut self) -> Option<NewText> {
        let of_text = self.take("key", "20 to 512 letters, digits and signs", |text| {
            let text: KeyText = text.parse().ok()?;
            Some(NewText {
                hash: text.hash(),
                prefix: text.prefix(),
            })
        });
        let of_hash = self.take("sha256", "64 hexadecimal digits", |text| {
            let hash = KeyHash::from_hex(text)?;
            Some(NewText {
                hash,
                prefix: KeyPrefix::of_hash(&hash),
            })
        });
        let has = |name: &str| self.fields.iter().any(|(field, _)| field == name);
        if has("key") == has("sha256") {
            let problem = "either `key` or `sha256` has to be there, and not both";
            self.problems.push(problem.to_owned());
        }
        of_text.or(of_hash)
    }

    fn set(&mut self, settings: &mut KeySettings) {
        let names = "names of channels with commas between them";
        let models = self.take("models", "IDs with commas between them", |text| or_all(text).ok());
        settings.models = models.and_then(|Lifted(models)| models).unwrap_or_default();
        let only = self.take("channels", names, |text| or_all::<ChannelNames>(text).ok());
        settings.channels.only = only.and_then(|Lifted(only)| only);
        let not = self.take("not_channels", names, |text| or_none::<ChannelNames>(text).ok());
        settings.channels.not = not.and_then(|Lifted(not)| not);
        settings.networks = self
            .parse::<AllowedNetworks>("allow_ip", "networks such as 10.0.0.0/8 with commas between them")
            .unwrap_or_default();
        settings.expires = self.take(
            "expires",
            "a moment such as 2027-01-31T00:00:00Z, with its Z, or a day",
            moment,
        );
        let truth = "true or false";
        settings.enabled = self.parse("enabled", truth).unwrap_or(true);
        settings.strict_parameters = self.parse("strict_parameters", truth).unwrap_or(false);
        settings.reserve = self
            .parse::<Reserve>("reserve", "expected or full")
            .unwrap_or_default();
        let count = "a whole number from 1 on";
        let limits = &mut settings.limits;
        limits.requests_per_minute = self.parse::<PerMinute>("requests_per_minute", count);
        limits.tokens_per_minute = self.parse::<PerMinute>("tokens_per_minute", count);
        limits.concurrency = self.parse::<NonZeroU32>("concurrency", count);
        let amount = self.take("budget", "more than 0 dollars, such as 25.00", |text| {
            text.parse::<Money>().ok().filter(|amount| *amount > Money::ZERO)
        });
        let per = self.parse::<Period>("budget_per", "total, day or month");
        if per.is_some() && amount.is_none() {
            self.problems
                .push("`budget_per` is there without a `budget`".to_owned());
        }
        limits.budget = amount.map(|amount| Budget {
            amount,
            per: per.unwrap_or_default(),
        });
    }

    fn check_models(&mut self, models: &AllowedModels, config: &Config) {
        let named = models.named().unwrap_or_default().iter().enumerate();
        for (place, _) in named.filter(|(_, model)| !config.has_model(model)) {
            let problem = format!(
                "number {} of `models` is neither in the catalogue nor at a channel: tollgate models list",
                place + 1
            );
            self.problems.push(problem);
        }
    }
}

pub fn unknown_field(name: &str) -> String {
    // A line that slipped has a secret where a name should be.
    let is_name = name.len() <= 32
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    match is_name {
        true => format!("unknown field `{name}`; there are {}", FIELDS.join(", ")),
        false => format!("a field that is not known; there are {}", FIELDS.join(", ")),
    }
}

/// A moment, or the first one of a day in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let of_day = |Day(day): Day| day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(|| of_day(text.parse().ok()?))
}
