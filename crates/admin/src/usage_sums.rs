//! Sums of usage as they are shown: by the admin API and on the command line alike.

use serde::Serialize;
use tollgate_store::{UsageBy, UsageGroup};
use utoipa::ToSchema;

/// Sums, and what they are of. Amounts are dollars.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageRow {
    /// Null: not told apart by it; so are the others.
    pub day: Option<String>,
    pub account: Option<String>,
    pub key: Option<String>,
    /// Its number, which no other key has; names of revoked keys are free again. Below zero: of a key that is not in this
    /// database.
    pub key_id: Option<i64>,
    /// How its text begins.
    pub key_prefix: Option<String>,
    pub model: Option<String>,
    /// Empty: no channel answered.
    pub channel: Option<String>,
    pub requests: u64,
    /// Those that did not end with a whole answer.
    pub failed: u64,
    /// Those whose tokens were counted by the gate.
    pub estimated: u64,
    /// Those without a price.
    pub unpriced: u64,
    pub prompt_tokens: u64,
    pub cached_tokens: u64,
    pub cache_write_tokens: u64,
    pub cache_write_1h_tokens: u64,
    pub prompt_audio_tokens: u64,
    /// Those of them that are among the cached ones.
    pub cached_audio_tokens: u64,
    pub completion_tokens: u64,
    pub reasoning_tokens: u64,
    pub completion_image_tokens: u64,
    pub completion_audio_tokens: u64,
    /// What clients were charged.
    pub charge: String,
    /// What providers ask of the operator, lost attempts included.
    pub cost: String,
}

impl From<&UsageGroup> for UsageRow {
    fn from(group: &UsageGroup) -> Self {
        let sums = &group.sums;
        Self {
            day: group.day.map(|day| day.to_string()),
            account: group
                .account
                .as_ref()
                .map(|account| called(account.name.clone(), account.id.had_number())),
            key: group
                .key
                .as_ref()
                .map(|key| called(key.name.clone(), key.id.had_number())),
            key_id: group.key.as_ref().map(|key| key.id.get()),
            key_prefix: group.key.as_ref().and_then(|key| key.prefix.clone()),
            model: group.model.clone(),
            channel: group.channel.clone(),
            requests: sums.requests,
            failed: sums.failed,
            estimated: sums.estimated,
            unpriced: sums.unpriced,
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
            charge: sums.charge.to_string(),
            cost: sums.cost.to_string(),
        }
    }
}

/// What an account or a key is called where one without a name is not in this database, with the number that it had.
pub fn called(name: Option<String>, had_number: Option<u64>) -> String {
    match (name, had_number) {
        (Some(name), _) => name,
        (None, Some(number)) => format!("(not in this database: {number})"),
        (None, None) => "(gone)".to_owned(),
    }
}

/// Reads what to tell apart, such as `day,model`; `nothing` is for all in one sum.
pub fn by(text: &str) -> Result<UsageBy, NotBy> {
    let mut by = UsageBy::default();
    if text == "nothing" {
        return Ok(by);
    }
    for word in text.split(',') {
        let apart = match word {
            "day" => &mut by.day,
            "account" => &mut by.account,
            "key" => &mut by.key,
            "model" => &mut by.model,
            "channel" => &mut by.channel,
            _ => return Err(NotBy),
        };
        *apart = true;
    }
    Ok(by)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected day, account, key, model or channel, with commas between them")]
pub struct NotBy;
