//! What the books have of a request that no gate remembers: its usage record.

use serde::Serialize;
use tollgate_admin::usage_sums::called;
use tollgate_catalog::money::Money;
use tollgate_store::{Store, StoredUsage};

use super::milliseconds;
use crate::error::CliError;

/// A request as its usage record has it. Amounts are in dollars.
#[derive(Debug, Serialize)]
pub struct Recorded {
    /// Always `books`: a request that the gate remembers has a story, with more in it.
    source: &'static str,
    request_id: String,
    /// The gate that served it.
    gate: String,
    /// RFC 3339, in UTC.
    arrived: String,
    /// Null where the key is no longer there; so is the account.
    key: Option<String>,
    account: Option<String>,
    /// The number of a key that is not in this database, which was restored from an older copy, and of such an account.
    missing_key: Option<u64>,
    missing_account: Option<u64>,
    model: String,
    stream: bool,
    outcome: String,
    /// Null where no channel answered.
    channel: Option<String>,
    provider: Option<String>,
    /// What the provider calls the model.
    provider_model: Option<String>,
    /// Null: the standard one.
    service_tier: Option<String>,
    usage: RecordedUsage,
    /// Whether the gate counted the tokens.
    estimated: bool,
    held: String,
    /// Null: the price was not known; so is the cost.
    charge: Option<String>,
    cost: Option<String>,
    lost_cost: String,
    /// Who was charged in the stead of an account that is missing, and the entry of the ledger that says so.
    settled_by: Option<String>,
    settled_entry: Option<i64>,
    /// In dollars per million tokens, as they were then, after how many `times` that the account paid, where that is not once.
    rates: Option<String>,
    first_output_ms: Option<u64>,
    duration_ms: u64,
}

#[derive(Debug, Serialize)]
struct RecordedUsage {
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
}

impl Recorded {
    /// What the database has of the request with this ID. `None`: nothing.
    pub async fn find(id: &str, store: &Store) -> Result<Option<Self>, CliError> {
        let Ok(request) = id.parse() else {
            return Ok(None);
        };
        let Some(stored) = store.usage_record(request).await? else {
            return Ok(None);
        };
        let StoredUsage {
            gate,
            record,
            settled_entry,
        } = stored;
        let settled_by = match settled_entry {
            Some(entry) => store.ledger_entries(entry.saturating_sub(1), 1).await?.pop(),
            None => None,
        };
        let keys = store.keys().await?;
        let key = keys.into_iter().find(|listed| listed.key.id == record.key);
        let accounts = store.accounts().await?;
        let account = accounts.into_iter().find(|account| account.id == record.account);
        let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let usage = record.usage;
        Ok(Some(Self {
            source: "books",
            request_id: id.to_owned(),
            gate,
            arrived: record.started.to_string(),
            key: key.map(|listed| listed.key.name),
            account: account.map(|account| account.name),
            missing_key: record.key.had_number(),
            missing_account: record.account.had_number(),
            model: record.model.to_string(),
            stream: record.stream,
            outcome: record.outcome.to_string(),
            channel: named(&record.channel),
            provider: named(&record.provider),
            provider_model: named(&record.served_model),
            service_tier: record.service_tier.as_deref().map(str::to_owned),
            usage: RecordedUsage {
                prompt_tokens: usage.prompt,
                cached_tokens: usage.cached,
                cache_write_tokens: usage.cache_write,
                cache_write_1h_tokens: usage.cache_write_1h,
                prompt_audio_tokens: usage.prompt_audio,
                cached_audio_tokens: usage.cached_audio,
                completion_tokens: usage.completion,
                reasoning_tokens: usage.reasoning,
                completion_image_tokens: usage.completion_image,
                completion_audio_tokens: usage.completion_audio,
            },
            estimated: record.estimated,
            held: record.held.to_string(),
            charge: record.charge.as_ref().map(Money::to_string),
            cost: record.cost.as_ref().map(Money::to_string),
            lost_cost: record.lost_cost.to_string(),
            settled_by: settled_by.map(|entry| entry.account),
            settled_entry,
            rates: record.price_version.as_deref().map(str::to_owned),
            first_output_ms: record.first_output.map(|span| span.as_millis() as u64),
            duration_ms: record.duration.as_millis() as u64,
        }))
    }

    /// As people read it.
    pub fn written(&self) -> String {
        let mut lines = vec![
            ("request", self.request_id.clone()),
            (
                "from",
                format!("the books of gate {}; no gate remembers more of it", self.gate),
            ),
            (
                "arrived",
                format!(
                    "{}, key {}, account {}",
                    self.arrived,
                    called(self.key.clone(), self.missing_key),
                    called(self.account.clone(), self.missing_account),
                ),
            ),
            (
                "asked",
                format!(
                    "{} for {}",
                    self.model,
                    if self.stream { "a stream" } else { "a whole answer" }
                ),
            ),
            ("outcome", self.outcome.clone()),
            ("answer", self.answer()),
            ("tokens", self.tokens()),
            ("bill", self.bill()),
        ];
        lines.retain(|(_, value)| !value.is_empty());
        let lines = lines.iter().map(|(name, value)| format!("{name:<13}{value}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn answer(&self) -> String {
        let mut parts = vec![match &self.channel {
            None => "from no channel".to_owned(),
            Some(channel) => format!("from {channel}"),
        }];
        if let (Some(provider), Some(model)) = (&self.provider, &self.provider_model) {
            parts.push(format!("{model} at {provider}"));
        }
        parts.extend(
            self.service_tier
                .as_ref()
                .map(|tier| format!("service tier {tier}")),
        );
        if let Some(first) = self.first_output_ms {
            parts.push(format!("first output after {}", milliseconds(first)));
        }
        parts.push(format!("all after {}", milliseconds(self.duration_ms)));
        parts.join(", ")
    }

    fn tokens(&self) -> String {
        let usage = &self.usage;
        let parts = [
            (usage.prompt_tokens, "prompt"),
            (usage.cached_tokens, "of them cached"),
            (usage.cache_write_tokens, "written to the cache"),
            (usage.cache_write_1h_tokens, "of those for an hour"),
            (usage.prompt_audio_tokens, "of audio"),
            (usage.cached_audio_tokens, "of audio from the cache"),
            (usage.completion_tokens, "completion"),
            (usage.reasoning_tokens, "of them reasoning"),
            (usage.completion_image_tokens, "of them of images"),
            (usage.completion_audio_tokens, "of them of audio"),
        ];
        let always = |class: &str| matches!(class, "prompt" | "completion");
        let shown = parts
            .into_iter()
            .filter(|(tokens, class)| *tokens > 0 || always(class));
        let mut shown: Vec<String> = shown.map(|(tokens, class)| format!("{tokens} {class}")).collect();
        if self.estimated {
            shown.push("counted here".to_owned());
        }
        shown.join(", ")
    }

    fn bill(&self) -> String {
        let mut parts = vec![match (&self.charge, &self.rates) {
            (Some(charge), Some(rates)) => format!("${charge} at {rates}"),
            (Some(charge), None) => format!("${charge}"),
            (None, _) => "no price was known, nothing was charged".to_owned(),
        }];
        match (&self.settled_by, self.settled_entry) {
            (Some(account), Some(entry)) => {
                parts.push(format!("charged to {account} by entry {entry} of the ledger"));
            }
            _ if self.missing_account.is_some() => parts.push("charged to nobody".to_owned()),
            _ => {}
        }
        if let Some(cost) = self
            .cost
            .as_ref()
            .filter(|cost| Some(*cost) != self.charge.as_ref())
        {
            parts.push(format!("${cost} to the operator"));
        }
        let none = Money::ZERO.to_string();
        if self.lost_cost != none {
            parts.push(format!(
                "about ${} for attempts that were left or broke",
                self.lost_cost
            ));
        }
        if self.held != none {
            parts.push(format!("${} were held", self.held));
        }
        parts.join(", ")
    }
}
