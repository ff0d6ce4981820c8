//! Reads one file into a layer.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use toml::{de::ValueDeserializer, value::Datetime};
use url::Url;

use super::{
    Source,
    fields::{Fields, Reader, in_plain_words},
    layer::{
        Columns, Layer, ModelDraft, OwnerDraft, ProviderDraft, QuirkColumns, QuirkSetDraft, ServingDraft,
        ToolTokensDraft,
    },
    problem::{Placed, Problems, suggestion},
};
use crate::{
    dialect_name::DialectName,
    model::Modalities,
    price::{Conditions, HourSpan, PerMillion, Price, PriceRow, Rates},
    quirks::Quirks,
};

/// What is beyond these is a slip: no tokenizer is that far from another.
const TOKEN_FACTORS: std::ops::RangeInclusive<f64> = 0.25..=4.0;

/// Adds what `source` says to `layer`, in which nothing may be given twice.
pub(super) fn file(source: Source<'_>, layer: &mut Layer, problems: &Problems) {
    let reader = Reader::new(source, problems);
    let Some(mut file) = reader.parse(source.text) else {
        return;
    };
    for fields in file.take_tables("provider") {
        named(fields, "name", &mut layer.providers, provider);
    }
    if let Some(mut sets) = file.take_table("quirk_set") {
        for (name, fields) in sets.take_rest_tables() {
            insert(name, fields, &mut layer.quirk_sets, |fields| QuirkSetDraft {
                place: fields.place.clone(),
                columns: columns(fields),
            });
        }
    }
    for fields in file.take_tables("owner") {
        named(fields, "name", &mut layer.owners, owner);
    }
    for fields in file.take_tables("model") {
        named(fields, "id", &mut layer.models, model);
    }
    file.finish();
}

/// Something that has a place, for "already given at".
trait HasPlace {
    fn line_and_file(&self) -> String;
}

macro_rules! has_place {
    ($($draft:ty),*) => {$(
        impl HasPlace for $draft {
            fn line_and_file(&self) -> String {
                format!("{}:{}", self.place.file, self.place.line)
            }
        }
    )*};
}
has_place!(ProviderDraft, QuirkSetDraft, ModelDraft, OwnerDraft);

fn named<'r, 's, T: HasPlace>(
    mut fields: Fields<'r, 's>,
    key: &'static str,
    known: &mut BTreeMap<String, T>,
    read: impl FnOnce(Fields<'r, 's>) -> T,
) {
    let Some(name) = fields.take_required::<String>(key) else {
        // Read all the same, for the problems in it.
        read(fields);
        return;
    };
    if name.value.trim().is_empty() {
        fields.report(&name.place, key, "must not be empty");
        read(fields);
        return;
    }
    fields.rename(&name.value);
    fields.place = name.place;
    insert(name.value, fields, known, read);
}

fn insert<'r, 's, T: HasPlace>(
    name: String,
    fields: Fields<'r, 's>,
    known: &mut BTreeMap<String, T>,
    read: impl FnOnce(Fields<'r, 's>) -> T,
) {
    if let Some(earlier) = known.get(&name) {
        fields.report_self(format!("is already given at {}", earlier.line_and_file()));
        return;
    }
    known.insert(name, read(fields));
}

fn provider(mut fields: Fields<'_, '_>) -> ProviderDraft {
    let draft = ProviderDraft {
        place: fields.place.clone(),
        title: text(&mut fields, "title"),
        base_url: base_url(&mut fields),
        dialect: value(&mut fields, "dialect"),
        abort_stops_billing: value(&mut fields, "abort_stops_billing"),
        surcharged: value(&mut fields, "surcharged"),
        serves_any_model: value(&mut fields, "serves_any_model"),
        serves_catalogue: value(&mut fields, "serves_catalogue"),
        quirks: quirks(&mut fields),
    };
    fields.finish();
    draft
}

fn owner(mut fields: Fields<'_, '_>) -> OwnerDraft {
    let factor = fields.take::<f64>("token_factor");
    if let Some(factor) = factor
        .as_ref()
        .filter(|factor| !TOKEN_FACTORS.contains(&factor.value))
    {
        let problem = "has to be between 0.25 and 4";
        fields.report(&factor.place, "token_factor", problem);
    }
    let draft = OwnerDraft {
        place: fields.place.clone(),
        token_factor: factor.map(|factor| factor.value),
        tool_tokens: tool_tokens(&mut fields),
        source: text(&mut fields, "source"),
    };
    fields.finish();
    draft
}

fn model(mut fields: Fields<'_, '_>) -> ModelDraft {
    let draft = ModelDraft {
        place: fields.place.clone(),
        owner: text(&mut fields, "owner"),
        contract: fields.take("contract"),
        tool_tokens: tool_tokens(&mut fields),
        context: token_count(&mut fields, "context").map(|count| count.value),
        max_output: token_count(&mut fields, "max_output"),
        modalities: modalities(&mut fields),
        servings: servings(&mut fields),
    };
    fields.finish();
    draft
}

fn servings(fields: &mut Fields<'_, '_>) -> Vec<ServingDraft> {
    let mut servings: Vec<ServingDraft> = Vec::new();
    for mut fields in fields.take_tables("serving") {
        let Some(provider) = fields.take_required::<String>("provider") else {
            serving(String::new(), fields);
            continue;
        };
        fields.rename(&provider.value);
        fields.place = provider.place;
        if servings.iter().any(|known| known.provider == provider.value) {
            fields.report_self("is already given for this model");
            continue;
        }
        servings.push(serving(provider.value, fields));
    }
    servings
}

fn serving(provider: String, mut fields: Fields<'_, '_>) -> ServingDraft {
    let draft = ServingDraft {
        place: fields.place.clone(),
        provider,
        upstream_id: text(&mut fields, "upstream_id"),
        dialect: value(&mut fields, "dialect"),
        quirk_set: fields.take("quirk_set"),
        quirks: quirks(&mut fields),
        context: token_count(&mut fields, "context").map(|count| count.value),
        reads: value::<Vec<Kind>>(&mut fields, "reads").map(|kinds| Kind::read(&kinds)),
        price: price(&mut fields),
        retires: date(&mut fields, "retires"),
        source: text(&mut fields, "source"),
    };
    fields.finish();
    draft
}

fn quirks(fields: &mut Fields<'_, '_>) -> QuirkColumns {
    let always = fields.take_table("quirks").map(columns).unwrap_or_default();
    let mut by_dialect = BTreeMap::new();
    if let Some(mut tables) = fields.take_table("quirks_in") {
        for (name, table) in tables.take_rest_tables() {
            match DialectName::named(&name) {
                Some(dialect) => drop(by_dialect.insert(dialect, columns(table))),
                None => {
                    let known = DialectName::SPOKEN.map(DialectName::as_str);
                    let near = suggestion(&name, known);
                    table.report_self(format!("is not a known dialect{near}"));
                }
            }
        }
    }
    QuirkColumns { always, by_dialect }
}

/// Checks each column by itself, as the only one of its table.
fn columns(mut fields: Fields<'_, '_>) -> Columns {
    let mut columns = Columns::new();
    for (name, place, written) in fields.take_rest() {
        if !Quirks::columns().contains(&name.as_str()) {
            let near = suggestion(&name, Quirks::columns().iter().copied());
            fields.report(&place, &name, format!("is not a known column{near}"));
            continue;
        }
        let checked = toml::Value::deserialize(ValueDeserializer::from(written)).and_then(|value| {
            let alone = toml::Table::from_iter([(name.clone(), value.clone())]);
            Quirks::deserialize(alone).map(|_| value)
        });
        match checked {
            Ok(value) => {
                columns.insert(name, Placed { value, place });
            }
            Err(error) => fields.report(&place, &name, in_plain_words(error.message())),
        }
    }
    columns
}

fn price(fields: &mut Fields<'_, '_>) -> Option<Price> {
    let tables = fields.take_tables("price");
    if tables.is_empty() {
        return None;
    }
    let mut rows: Vec<PriceRow> = Vec::new();
    for mut table in tables {
        let when = conditions(&mut table);
        let rates = rates(&mut table);
        if rows.iter().any(|row| row.when == when) {
            table.report_self("has the same conditions as a row above it, which can never hold");
        }
        table.finish();
        rows.extend(rates.map(|rates| PriceRow { when, rates }));
    }
    Some(Price::new(rows))
}

fn conditions(table: &mut Fields<'_, '_>) -> Conditions {
    let weekdays = table.take::<Vec<u8>>("weekdays").map(|weekdays| {
        if weekdays.value.iter().any(|day| !(1..=7).contains(day)) {
            table.report(
                &weekdays.place,
                "weekdays",
                "has to hold days from 1 (Monday) to 7 (Sunday)",
            );
        }
        weekdays.value
    });
    let when = Conditions {
        above_prompt_tokens: token_count(table, "above_prompt_tokens").map_or(0, |count| count.value),
        service_tier: value::<String>(table, "service_tier").map(Into::into),
        hours_utc: value::<Vec<HourSpan>>(table, "hours_utc").unwrap_or_default(),
        weekdays: weekdays.unwrap_or_default(),
        from: date(table, "from"),
        until: date(table, "until"),
    };
    if let (Some(from), Some(until)) = (when.from, when.until)
        && until < from
    {
        table.report_self(format!("ends on {until}, before it begins on {from}"));
    }
    when
}

fn rates(table: &mut Fields<'_, '_>) -> Option<Rates> {
    let (input, output) = (table.take_required("input"), table.take_required("output"));
    let mut rate = |class| value::<PerMillion>(table, class);
    let rates = Rates {
        cached_input: rate("cached_input"),
        cache_write_5m: rate("cache_write_5m"),
        cache_write_1h: rate("cache_write_1h"),
        reasoning: rate("reasoning"),
        audio_input: rate("audio_input"),
        image_output: rate("image_output"),
        audio_output: rate("audio_output"),
        input: input?.value,
        output: output?.value,
    };
    Some(rates)
}

/// Kinds of content, as the catalogue writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Text,
    Image,
    Video,
    Audio,
    File,
}

impl Kind {
    /// What a model reads that reads these.
    fn read(kinds: &[Self]) -> Modalities {
        Modalities {
            image_input: kinds.contains(&Self::Image),
            video_input: kinds.contains(&Self::Video),
            audio_input: kinds.contains(&Self::Audio),
            file_input: kinds.contains(&Self::File),
            image_output: false,
        }
    }
}

fn modalities(fields: &mut Fields<'_, '_>) -> Option<Modalities> {
    let reads = value::<Vec<Kind>>(fields, "reads");
    let writes = value::<Vec<Kind>>(fields, "writes");
    if reads.is_none() && writes.is_none() {
        return None;
    }
    Some(Modalities {
        image_output: writes.unwrap_or_default().contains(&Kind::Image),
        ..Kind::read(&reads.unwrap_or_default())
    })
}

fn value<T: serde::de::DeserializeOwned>(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<T> {
    fields.take(key).map(|placed| placed.value)
}

/// A string that is not empty.
fn text(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<String> {
    let text = fields.take::<String>(key)?;
    if text.value.is_empty() {
        fields.report(&text.place, key, "is empty");
    }
    Some(text.value)
}

/// An address that a client can be pointed at.
fn base_url(fields: &mut Fields<'_, '_>) -> Option<String> {
    let written = fields.take::<String>("base_url")?;
    let usable = Url::parse(&written.value).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if !usable {
        fields.report(&written.place, "base_url", "is not an http or https URL");
    }
    Some(written.value)
}

/// A number of tokens, at least 1.
fn tool_tokens(fields: &mut Fields<'_, '_>) -> ToolTokensDraft {
    ToolTokensDraft {
        offered: token_count(fields, "tool_tokens").map(|count| count.value),
        forced: token_count(fields, "forced_tool_tokens").map(|count| count.value),
    }
}

fn token_count(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Placed<u64>> {
    let count = fields.take::<i64>(key)?;
    match u64::try_from(count.value) {
        Ok(value) if value > 0 => Some(Placed {
            value,
            place: count.place,
        }),
        _ => {
            fields.report(
                &count.place,
                key,
                format!("is {}, and has to be at least 1", count.value),
            );
            None
        }
    }
}

/// A TOML date without a time.
fn date(fields: &mut Fields<'_, '_>, key: &'static str) -> Option<Date> {
    let written = fields.take::<Datetime>(key)?;
    let date = match written.value {
        Datetime {
            date: Some(date),
            time: None,
            offset: None,
        } => i16::try_from(date.year)
            .ok()
            .and_then(|year| Date::new(year, date.month as i8, date.day as i8).ok()),
        _ => None,
    };
    if date.is_none() {
        fields.report(&written.place, key, "is not a day, such as 2026-07-23");
    }
    date
}
