//! Prices that operators put over those of the catalogue and of the channels' own settings.

use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tollgate_catalog::price::{PerMillion, Rates};
use tollgate_ledger::day::Day;
use tollgate_store::{PriceSettings, StoredPrice};
use utoipa::ToSchema;

use super::{ErrorShown, ok};
use crate::{
    body::Body,
    error::AdminError,
    field::{Text, given, seconds, set},
    page::{Page, PageQuery, after, limit},
    query::{Name, Query},
    roles::{Reader, Writer},
    seen::{IfMatch, IfNoneMatch, Seen, tagged},
    server::Shared,
};

/// A price that an operator set.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceOverride)]
pub(crate) struct PriceShown {
    id: i64,
    model: String,
    /// Null: wherever the model is served.
    channel: Option<String>,
    /// Dollars per million tokens, by class.
    #[schema(value_type = RatesWrite)]
    rates: Map<String, Value>,
    /// First day (UTC) on which it holds.
    from: Option<String>,
    /// Last day (UTC).
    until: Option<String>,
    created: String,
}

impl From<StoredPrice> for PriceShown {
    fn from(price: StoredPrice) -> Self {
        let StoredPrice {
            id,
            settings,
            created,
        } = price;
        Self {
            id,
            model: settings.model,
            channel: settings.channel,
            rates: settings.rates,
            from: settings.from.map(|day| day.to_string()),
            until: settings.until.map(|day| day.to_string()),
            created: seconds(created),
        }
    }
}

/// Dollars per million tokens. A class without a figure costs what the class around it costs.
#[derive(ToSchema)]
#[schema(as = Rates)]
#[expect(dead_code, reason = "read as the catalogue's own type")]
pub(crate) struct RatesWrite {
    #[schema(example = "3.00")]
    input: String,
    #[schema(example = "15.00")]
    output: String,
    cached_input: Option<String>,
    cache_write_5m: Option<String>,
    cache_write_1h: Option<String>,
    reasoning: Option<String>,
    audio_input: Option<String>,
    image_output: Option<String>,
    audio_output: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceCreate {
    model: String,
    /// Without it, wherever the model is served.
    channel: Option<String>,
    #[schema(value_type = RatesWrite)]
    rates: Rates,
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "2026-12-01")]
    from: Option<Text<Day>>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    until: Option<Text<Day>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PriceUpdate {
    /// All of them: a class that is left out has no figure of its own any more.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = RatesWrite)]
    rates: Option<Rates>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    from: Option<Option<Text<Day>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    until: Option<Option<Text<Day>>>,
}

/// Rates as they are kept, and read again.
fn written(rates: &Rates) -> Map<String, Value> {
    let classes = [
        ("input", Some(rates.input)),
        ("output", Some(rates.output)),
        ("cached_input", rates.cached_input),
        ("cache_write_5m", rates.cache_write_5m),
        ("cache_write_1h", rates.cache_write_1h),
        ("reasoning", rates.reasoning),
        ("audio_input", rates.audio_input),
        ("image_output", rates.image_output),
        ("audio_output", rates.audio_output),
    ];
    let dollars = |rate: PerMillion| Value::String(rate.dollars().to_string());
    classes
        .into_iter()
        .filter_map(|(class, rate)| Some((class.to_owned(), dollars(rate?))))
        .collect()
}

/// Fails where the price could never hold, or is of nothing.
async fn checked(settings: &PriceSettings, shared: &Shared) -> Result<(), AdminError> {
    if !shared.gate.has_model(&settings.model) {
        let problem = format!(
            "neither the catalogue nor a channel has a model `{}`",
            settings.model
        );
        return Err(AdminError::value("model", problem));
    }
    if let Some(channel) = &settings.channel {
        let of_file = shared.settings.channels.of_file();
        let mut of_file = of_file.iter().map(|channel| channel.settings.name.as_str());
        let is_there = of_file.any(|name| name == channel)
            || shared
                .store
                .stored_channels()
                .await?
                .iter()
                .any(|stored| stored.name == *channel);
        if !is_there {
            return Err(AdminError::value(
                "channel",
                format!("no channel is called `{channel}`"),
            ));
        }
    }
    dates_fit(settings)
}

fn dates_fit(settings: &PriceSettings) -> Result<(), AdminError> {
    match (settings.from, settings.until) {
        (Some(from), Some(until)) if until < from => Err(AdminError::value("until", "is before `from`")),
        _ => Ok(()),
    }
}

fn number(text: &str) -> Result<i64, AdminError> {
    text.parse().map_err(|_| AdminError::NotFound {
        what: "price",
        name: text.to_owned(),
    })
}

/// List the prices that operators set, the oldest first. Of several that hold, a channel's own comes before one for all
/// channels, and among those the newest decides.
#[utoipa::path(get, path = "/price-overrides", tag = "prices", operation_id = "list_price_overrides",
    params(PageQuery),
    responses((status = 200, body = Page<PriceShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(page): Query<PageQuery>) -> Result<Response, AdminError> {
    let limit = limit(&page.limit);
    let from = after(&page.after).unwrap_or_default();
    let all = reader.store().stored_prices().await?;
    let found = all.into_iter().filter(|price| price.id > from);
    let found = found.take(limit as usize + 1).collect();
    Ok(ok(&Page::of(found, limit, |price| price.id, PriceShown::from)))
}

/// Set a price over the catalogue's and the channels' own. What was charged before stays as it was.
#[utoipa::path(post, path = "/price-overrides", tag = "prices", operation_id = "create_price_override",
    request_body = PriceCreate,
    responses((status = 201, body = PriceShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn create(writer: Writer, Body(asked): Body<PriceCreate>) -> Result<Response, AdminError> {
    let settings = PriceSettings {
        model: asked.model,
        channel: asked.channel,
        rates: written(&asked.rates),
        from: asked.from.map(|Text(Day(day))| day),
        until: asked.until.map(|Text(Day(day))| day),
    };
    checked(&settings, &writer.shared).await?;
    let price = writer.store.create_price(settings, Timestamp::now()).await?;
    let settings = price.settings.clone();
    Ok(tagged(StatusCode::CREATED, &settings, &PriceShown::from(price)))
}

/// Get a price that an operator set.
#[utoipa::path(get, path = "/price-overrides/{id}", tag = "prices", operation_id = "get_price_override",
    params(("id" = i64, Path), IfNoneMatch),
    responses((status = 200, body = PriceShown, headers(("ETag" = String))), (status = 304),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, seen: Seen, Name(id): Name) -> Result<Response, AdminError> {
    let price = reader.store().stored_price(number(&id)?).await?;
    Ok(seen.tell(&price.settings.clone(), &PriceShown::from(price)))
}

/// Change rates or dates of a price. What was charged before stays as it was.
#[utoipa::path(patch, path = "/price-overrides/{id}", tag = "prices", operation_id = "update_price_override",
    params(("id" = i64, Path), IfMatch), request_body = PriceUpdate,
    responses((status = 200, body = PriceShown, headers(("ETag" = String))), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn update(
    writer: Writer,
    seen: Seen,
    Name(id): Name,
    Body(asked): Body<PriceUpdate>,
) -> Result<Response, AdminError> {
    let change = |settings: &mut PriceSettings| {
        seen.still(settings)?;
        if let Some(rates) = &asked.rates {
            settings.rates = written(rates);
        }
        if let Some(from) = &asked.from {
            settings.from = from.as_ref().map(|Text(Day(day))| *day);
        }
        if let Some(until) = &asked.until {
            settings.until = until.as_ref().map(|Text(Day(day))| *day);
        }
        dates_fit(settings)
    };
    let price = writer.store.update_price(number(&id)?, change).await?;
    let settings = price.settings.clone();
    Ok(tagged(StatusCode::OK, &settings, &PriceShown::from(price)))
}

/// Remove a price: what it was over holds again.
#[utoipa::path(delete, path = "/price-overrides/{id}", tag = "prices", operation_id = "delete_price_override",
    params(("id" = i64, Path), IfMatch),
    responses((status = 200, body = PriceShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn delete(writer: Writer, seen: Seen, Name(id): Name) -> Result<Response, AdminError> {
    let may = |settings: &PriceSettings| seen.still(settings);
    let price = writer.store.delete_price(number(&id)?, may).await?;
    Ok(ok(&PriceShown::from(price)))
}
