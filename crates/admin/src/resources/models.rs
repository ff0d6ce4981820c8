//! Models: what each takes, who serves it, and what it costs there.

use std::sync::Arc;

use axum::response::Response;
use serde::Serialize;
use tollgate_catalog::{
    model::Model,
    price::{Conditions, HourSpan, PerMillion, Price, PriceRow},
    serving::Serving,
};
use tollgate_gateway::Gate;
use utoipa::{IntoParams, ToSchema};

use super::{ErrorShown, ok};
use crate::{
    error::AdminError,
    field::Text,
    page::{Cursor, Limit, Page, PageQuery, after, limit},
    query::{Name, Query},
    roles::Reader,
};

/// A model.
#[derive(Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelShown {
    id: String,
    owner: String,
    contract: ContractShown,
    /// Tokens of prompt and answer together; null: not known.
    context: Option<u64>,
    max_output: Option<u64>,
    /// Kinds of content that it reads.
    reads: Vec<&'static str>,
    /// The channels in use that serve it, in the order of their priority.
    channels: Vec<ServedShown>,
    /// Who serves it by the catalogue, the preferred one first.
    providers: Vec<ServedShown>,
}

/// What a request to a model may hold, in short; `/openapi.json` of the data plane has all of it.
#[derive(Serialize, ToSchema)]
#[schema(as = ContractSummary)]
pub(crate) struct ContractShown {
    name: String,
    title: String,
    parameters: Vec<String>,
    required: Vec<String>,
}

/// A model at a provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Serving)]
pub(crate) struct ServedShown {
    /// Null: this is the catalogue's, and no channel's.
    channel: Option<String>,
    provider: String,
    /// What the provider calls it.
    provider_model: String,
    dialect: String,
    /// Empty: no price is known. The last row whose conditions all hold decides.
    prices: Vec<PriceShown>,
    /// The day on which the provider ends it, where it has named one.
    retires: Option<String>,
    /// Where the figures come from.
    source: String,
}

/// Dollars per million tokens, and when they hold. A class without a figure costs what the class around it costs.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceRow)]
pub(crate) struct PriceShown {
    input: String,
    output: String,
    cached_input: Option<String>,
    cache_write_5m: Option<String>,
    cache_write_1h: Option<String>,
    reasoning: Option<String>,
    audio_input: Option<String>,
    image_output: Option<String>,
    audio_output: Option<String>,
    /// Prompts that are longer than this alone.
    above_prompt_tokens: u64,
    service_tier: Option<String>,
    /// Spans of the day in UTC; empty: all of it.
    hours_utc: Vec<String>,
    /// 1 is Monday; empty: all days.
    weekdays: Vec<u8>,
    from: Option<String>,
    until: Option<String>,
}

impl From<&PriceRow> for PriceShown {
    fn from(row: &PriceRow) -> Self {
        let PriceRow { when, rates } = row;
        let Conditions {
            above_prompt_tokens,
            service_tier,
            hours_utc,
            weekdays,
            from,
            until,
        } = when;
        let dollars = |rate: PerMillion| rate.dollars().to_string();
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let span = |span: &HourSpan| format!("{}-{}", clock(span.start), clock(span.end));
        Self {
            input: dollars(rates.input),
            output: dollars(rates.output),
            cached_input: rates.cached_input.map(dollars),
            cache_write_5m: rates.cache_write_5m.map(dollars),
            cache_write_1h: rates.cache_write_1h.map(dollars),
            reasoning: rates.reasoning.map(dollars),
            audio_input: rates.audio_input.map(dollars),
            image_output: rates.image_output.map(dollars),
            audio_output: rates.audio_output.map(dollars),
            above_prompt_tokens: *above_prompt_tokens,
            service_tier: service_tier.as_deref().map(str::to_owned),
            hours_utc: hours_utc.iter().map(span).collect(),
            weekdays: weekdays.clone(),
            from: from.map(|day| day.to_string()),
            until: until.map(|day| day.to_string()),
        }
    }
}

pub(crate) fn prices(price: Option<&Price>) -> Vec<PriceShown> {
    let rows = price.map(Price::rows).unwrap_or_default();
    rows.iter().map(PriceShown::from).collect()
}

impl ServedShown {
    fn of(channel: Option<String>, serving: &Serving) -> Self {
        Self {
            channel,
            provider: serving.provider.to_string(),
            provider_model: serving.upstream_id.to_string(),
            dialect: serving.dialect.as_str().to_owned(),
            prices: prices(serving.price.as_ref()),
            retires: serving.retires.map(|day| day.to_string()),
            source: serving.source.to_string(),
        }
    }
}

impl ModelShown {
    fn of(model: &Model, gate: &Gate) -> Self {
        let (contract, kinds) = (&model.contract, model.modalities);
        let reads = [
            ("text", true),
            ("image", kinds.image_input),
            ("video", kinds.video_input),
            ("audio", kinds.audio_input),
            ("file", kinds.file_input),
        ];
        let servers = gate.servers_of(model);
        let servers = servers
            .iter()
            .map(|(channel, serving)| ServedShown::of(Some(channel.to_string()), serving));
        Self {
            id: model.id.to_string(),
            owner: model.owner.to_string(),
            contract: ContractShown {
                name: contract.name.to_string(),
                title: contract.title.to_string(),
                parameters: contract
                    .fields()
                    .iter()
                    .map(|field| field.name.to_string())
                    .collect(),
                required: contract.required().map(str::to_owned).collect(),
            },
            context: model.context,
            max_output: model.max_output,
            reads: reads
                .into_iter()
                .filter_map(|(kind, reads)| reads.then_some(kind))
                .collect(),
            channels: servers.collect(),
            providers: model
                .servings
                .iter()
                .map(|serving| ServedShown::of(None, serving))
                .collect(),
        }
    }
}

/// List the models of the catalogue and of the channels in use, by ID.
#[utoipa::path(get, path = "/models", tag = "models", operation_id = "list_models", params(PageQuery),
    responses((status = 200, body = Page<ModelShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(page): Query<PageQuery>) -> Result<Response, AdminError> {
    let gate = &reader.shared.gate;
    let limit = limit(&page.limit);
    let models = gate.models();
    // Places, since models have no numbers; the list changes with a reload alone.
    let from = usize::try_from(after(&page.after).unwrap_or_default()).unwrap_or(usize::MAX);
    let found: Vec<(i64, Arc<_>)> = (1..).zip(models).skip(from).take(limit as usize + 1).collect();
    let page = Page::of(
        found,
        limit,
        |(place, _)| *place,
        |(_, model)| ModelShown::of(&model, gate),
    );
    Ok(ok(&page))
}

/// Get a model. An ID with a `/` in it is written with `%2F`.
#[utoipa::path(get, path = "/models/{id}", tag = "models", operation_id = "get_model",
    params(("id" = String, Path)),
    responses((status = 200, body = ModelShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, Name(id): Name) -> Result<Response, AdminError> {
    let gate = &reader.shared.gate;
    let models = gate.models();
    let found = models.iter().find(|model| model.id.as_str() == id);
    let model = found.ok_or(AdminError::NotFound {
        what: "model",
        name: id,
    })?;
    Ok(ok(&ModelShown::of(model, gate)))
}

/// Which prices.
#[derive(serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PriceQuery {
    /// How many at most; 50 where nothing is said.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Text<Limit>>,
    /// `next` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Option<Text<Cursor>>,
    /// Only of this model.
    model: Option<String>,
    /// Only on this channel.
    channel: Option<String>,
}

/// What a model costs on a channel.
#[derive(Serialize, ToSchema)]
#[schema(as = Price)]
pub(crate) struct PriceOnChannel {
    model: String,
    channel: String,
    provider: String,
    /// Empty: none is known. The last row whose conditions all hold decides.
    prices: Vec<PriceShown>,
}

/// List what models cost on the channels in use, by model, as charges are computed now.
#[utoipa::path(get, path = "/prices", tag = "prices", operation_id = "list_prices", params(PriceQuery),
    responses((status = 200, body = Page<PriceOnChannel>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list_prices(
    reader: Reader,
    Query(asked): Query<PriceQuery>,
) -> Result<Response, AdminError> {
    let gate = &reader.shared.gate;
    let limit = limit(&asked.limit);
    let from = usize::try_from(after(&asked.after).unwrap_or_default()).unwrap_or(usize::MAX);
    let models = gate.models();
    let all = models.iter().flat_map(|model| {
        let servers = gate.servers_of(model).into_iter();
        servers.map(move |(channel, serving)| (model, channel, serving))
    });
    let wanted = all.filter(|(model, channel, _)| {
        let is = |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|wanted| wanted == text);
        is(&asked.model, model.id.as_str()) && is(&asked.channel, channel.as_str())
    });
    let found: Vec<_> = (1..).zip(wanted).skip(from).take(limit as usize + 1).collect();
    let page = Page::of(
        found,
        limit,
        |(place, _)| *place,
        |(_, (model, channel, serving))| PriceOnChannel {
            model: model.id.to_string(),
            channel: channel.to_string(),
            provider: serving.provider.to_string(),
            prices: prices(serving.price.as_ref()),
        },
    );
    Ok(ok(&page))
}
