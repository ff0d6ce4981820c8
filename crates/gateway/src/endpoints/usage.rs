//! `GET /v1/usage`: what a key has used, what it may still spend, and its account's balance.
//!
//! Sums come from the database, and what was used in the last second may be missing in them; what is left of budget
//! and credit is as the gate counts it now.

use http::{HeaderMap, StatusCode};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde::Serialize;
use tollgate_catalog::money::Money;
use tollgate_ledger::{
    Period,
    day::Day,
    limits::{Funds, funds::Standing},
};
use tollgate_store::{UsageBy, UsageFilter, UsageGroup, UsageOf};

use super::json;
use crate::{authenticate::authenticate, body::Response, error::GateError, gate::Gate, story::Story};

/// Days that are told where the client names none.
const DAYS: i64 = 30;
/// Sums that are told at most.
const ROWS_MAX: u32 = 10_000;

/// Takes `from` and `until` (days, both included) and `by` (`day`, `model`, with a comma between them).
pub async fn usage(
    gate: &Gate,
    headers: &HeaderMap,
    query: Option<&str>,
    story: &Story,
) -> Result<Response, GateError> {
    let key = authenticate(gate, headers, story.client).await?;
    story.asked_by(&key);
    let now = Timestamp::now();
    let today = gate.settings.time_zone.to_datetime(now).date();
    let asked = Asked::read(query.unwrap_or_default(), today)?;
    let filter = UsageFilter {
        of: UsageOf::Key(key.key.id),
        from: Some(asked.from),
        until: Some(asked.until),
        ..UsageFilter::default()
    };
    let groups = gate.store.usage(&filter, asked.by, ROWS_MAX + 1).await?;
    let [of_key, of_account] = key.funds();
    let told = Told {
        object: "usage",
        key: &key.key.name,
        account: &key.key.settings.account,
        budget: Budget::of(&of_key, now),
        account_budget: Budget::of(&of_account, now),
        balance: of_account
            .credit_standing(now)
            .map(|standing| standing.left().to_string()),
        time_zone: gate.settings.time_zone.iana_name().unwrap_or("UTC"),
        from: asked.from.to_string(),
        until: asked.until.to_string(),
        data: groups.iter().take(ROWS_MAX as usize).map(Row::of).collect(),
        truncated: groups.len() > ROWS_MAX as usize,
    };
    let body = serde_json::to_string(&told).expect("numbers and text always serialise");
    Ok(json(StatusCode::OK, body))
}

/// What the query asks for.
struct Asked {
    from: Date,
    until: Date,
    by: UsageBy,
}

impl Asked {
    fn read(query: &str, today: Date) -> Result<Self, GateError> {
        let mut asked = Self {
            from: today.saturating_sub((DAYS - 1).days()),
            until: today,
            by: UsageBy {
                day: true,
                model: true,
                ..UsageBy::default()
            },
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "from" => asked.from = day("from", &value)?,
                "until" => asked.until = day("until", &value)?,
                "by" => asked.by = by(&value)?,
                _ => {
                    return Err(GateError::Query {
                        param: name.into_owned(),
                        problem: "is not known here; there are `from`, `until` and `by`",
                    });
                }
            }
        }
        Ok(asked)
    }
}

fn day(param: &str, text: &str) -> Result<Date, GateError> {
    let Day(day) = text.parse().map_err(|_| GateError::Query {
        param: param.to_owned(),
        problem: "must be a day such as 2026-11-01",
    })?;
    Ok(day)
}

fn by(text: &str) -> Result<UsageBy, GateError> {
    let mut by = UsageBy::default();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        match word {
            "day" => by.day = true,
            "model" => by.model = true,
            _ => {
                return Err(GateError::Query {
                    param: "by".to_owned(),
                    problem: "must be `day`, `model`, both with a comma between them, or empty",
                });
            }
        }
    }
    Ok(by)
}

/// Amounts are in dollars.
#[derive(Serialize)]
struct Told<'a> {
    object: &'static str,
    key: &'a str,
    account: &'a str,
    /// Null: there is none.
    budget: Option<Budget>,
    account_budget: Option<Budget>,
    /// What is left of the account's credit; null: it is not bounded.
    balance: Option<String>,
    time_zone: &'a str,
    from: String,
    until: String,
    data: Vec<Row<'a>>,
    /// Whether there is more than is told.
    truncated: bool,
}

#[derive(Serialize)]
struct Budget {
    amount: String,
    per: &'static str,
    spent: String,
    /// By requests under way.
    held: String,
    left: String,
}

impl Budget {
    fn of(funds: &Funds<'_>, now: Timestamp) -> Option<Self> {
        let (per, standing): (Period, Standing) = funds.budget_standing(now)?;
        Some(Self {
            amount: standing.most.to_string(),
            per: per.as_str(),
            spent: standing.spent.to_string(),
            held: standing.held().to_string(),
            left: standing.left().to_string(),
        })
    }
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    requests: u64,
    failed_requests: u64,
    prompt_tokens: u64,
    cached_tokens: u64,
    cache_write_tokens: u64,
    cache_write_1h_tokens: u64,
    prompt_audio_tokens: u64,
    cached_audio_tokens: u64,
    completion_tokens: u64,
    reasoning_tokens: u64,
    completion_image_tokens: u64,
    completion_audio_tokens: u64,
    charge: String,
}

impl<'a> Row<'a> {
    fn of(group: &'a UsageGroup) -> Self {
        let sums = &group.sums;
        let charge: Money = sums.charge;
        Self {
            day: group.day.map(|day| day.to_string()),
            model: group.model.as_deref(),
            requests: sums.requests,
            failed_requests: sums.failed,
            prompt_tokens: sums.usage.prompt,
            cached_tokens: sums.usage.cached,
            cache_write_tokens: sums.usage.cache_write,
            cache_write_1h_tokens: sums.usage.cache_write_1h,
            prompt_audio_tokens: sums.usage.prompt_audio,
            cached_audio_tokens: sums.usage.cached_audio,
            completion_tokens: sums.usage.completion,
            reasoning_tokens: sums.usage.reasoning,
            completion_image_tokens: sums.usage.completion_image,
            completion_audio_tokens: sums.usage.completion_audio,
            charge: charge.to_string(),
        }
    }
}
