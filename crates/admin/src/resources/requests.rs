//! One request: its story, as the gate that is asked remembers it, and its record in the books.

use axum::response::Response;
use serde::Serialize;
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;
use tollgate_gateway::ToldStory;
use tollgate_ledger::RequestId;
use tollgate_store::StoredUsage;
use utoipa::ToSchema;

use super::{ErrorShown, ok};
use crate::{error::AdminError, query::Name, roles::Reader};

/// What is known of a request.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestShown {
    request_id: String,
    /// What `tollgate explain` tells; null: another gate served it, or it is not kept any more.
    #[schema(value_type = Option<Object>)]
    story: Option<ToldStory>,
    /// Null: it was refused before anything could be booked, is still under way, or was removed.
    record: Option<RecordShown>,
}

/// A request's record in the books. Amounts are dollars; null: there was no price.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageRecord)]
pub(crate) struct RecordShown {
    /// The gate that served it, by its name in the books.
    gate: String,
    /// Below zero: an account that was lost when the database was restored; nobody is charged but by `settled_entry`.
    account_id: i64,
    /// Below zero: likewise a key.
    key_id: i64,
    started: String,
    duration_ms: u64,
    first_output_ms: Option<u64>,
    model: String,
    served_model: String,
    provider: String,
    channel: String,
    /// The tier that answered; null: the standard one.
    service_tier: Option<String>,
    stream: bool,
    outcome: String,
    prompt_tokens: u64,
    cached_tokens: u64,
    cache_write_tokens: u64,
    cache_write_1h_tokens: u64,
    prompt_audio_tokens: u64,
    /// Those of them that are among the cached ones.
    cached_audio_tokens: u64,
    completion_tokens: u64,
    reasoning_tokens: u64,
    completion_image_tokens: u64,
    completion_audio_tokens: u64,
    /// Whether the gate counted the tokens.
    estimated: bool,
    /// The rates that it was charged by, after how many times that the account paid, where that was not once; where there
    /// were several, with the tokens of each.
    #[schema(example = "times=1.2 in=3 out=15")]
    price_version: Option<String>,
    held: String,
    charge: Option<String>,
    cost: Option<String>,
    lost_cost: String,
    /// The entry of the ledger by which an account was charged for it in the stead of one that is not in this database.
    settled_entry: Option<i64>,
}

impl From<StoredUsage> for RecordShown {
    fn from(stored: StoredUsage) -> Self {
        let StoredUsage {
            gate,
            record,
            settled_entry,
        } = stored;
        let Usage {
            prompt,
            completion,
            cached,
            cache_write,
            cache_write_1h,
            reasoning,
            prompt_audio,
            cached_audio,
            completion_image,
            completion_audio,
            ..
        } = record.usage;
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let dollars = |amount: Option<Money>| amount.map(|amount| amount.to_string());
        Self {
            gate,
            account_id: record.account.get(),
            key_id: record.key.get(),
            started: record.started.to_string(),
            duration_ms: millis(record.duration),
            first_output_ms: record.first_output.map(millis),
            model: record.model.into_owned(),
            served_model: record.served_model.into_owned(),
            provider: record.provider.into_owned(),
            channel: record.channel.into_owned(),
            service_tier: record.service_tier.map(|tier| tier.into_owned()),
            stream: record.stream,
            outcome: record.outcome.into_owned(),
            prompt_tokens: prompt,
            cached_tokens: cached,
            cache_write_tokens: cache_write,
            cache_write_1h_tokens: cache_write_1h,
            prompt_audio_tokens: prompt_audio,
            cached_audio_tokens: cached_audio,
            completion_tokens: completion,
            reasoning_tokens: reasoning,
            completion_image_tokens: completion_image,
            completion_audio_tokens: completion_audio,
            estimated: record.estimated,
            price_version: record.price_version.map(|version| version.into_owned()),
            held: record.held.to_string(),
            charge: dollars(record.charge),
            cost: dollars(record.cost),
            lost_cost: record.lost_cost.to_string(),
            settled_entry,
        }
    }
}

/// Explain one request, by the ID in its answer's `x-tollgate-request-id`.
#[utoipa::path(get, path = "/requests/{id}", tag = "requests", operation_id = "get_request",
    params(("id" = String, Path)),
    responses((status = 200, body = RequestShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, Name(id): Name) -> Result<Response, AdminError> {
    let story = reader.shared.gate.told_story(&id);
    let record = match id.parse::<RequestId>() {
        Ok(request) => reader.store().usage_record(request).await?,
        Err(_) => None,
    };
    if story.is_none() && record.is_none() {
        return Err(AdminError::NotFound {
            what: "request",
            name: id,
        });
    }
    Ok(ok(&RequestShown {
        request_id: id,
        story,
        record: record.map(RecordShown::from),
    }))
}
