//! `[[channels]]`: credentialed routes to providers, each with the models it serves.

use std::{
    collections::{BTreeMap, HashMap},
    num::{NonZeroU32, NonZeroU64},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use serde::Deserialize;
use tollgate_catalog::{
    Catalog,
    channel::{ChannelName, ChannelSettings, Timeouts},
    price::Rates,
    provider::Provider,
};
use tollgate_gateway::SANDBOX;
use toml::Spanned;
use url::Url;

use super::{
    base::base,
    environment::Environment,
    headers,
    mistake::{Mistake, Mistakes},
    nearest::nearest,
    routing::SpeedFloors,
    warning::Warning,
};

mod abilities;
mod models;
mod prices;
mod proxy;
mod stored;
mod timeouts;

use abilities::AbilitiesTable;
use proxy::Proxies;
pub use stored::{ChannelRules, Resolved};
use timeouts::TimeoutsTable;

const TITLE: &str = "[[channels]]";
const NAME_MAX: usize = 64;
const CONNECT_TIMEOUT_MS: u64 = 2_000;
const FIRST_BYTE_TIMEOUT_MS: u64 = 60_000;
const IDLE_TIMEOUT_MS: u64 = 60_000;
const TOTAL_TIMEOUT_MS: u64 = 300_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct ChannelTable {
    name: Option<Spanned<String>>,
    provider: Option<Spanned<String>>,
    base_url: Option<Spanned<String>>,
    api_key: Option<Spanned<String>>,
    models: Option<Spanned<Vec<Spanned<String>>>>,
    model_ids: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    priority: Option<u32>,
    weight: Option<NonZeroU32>,
    proxy: Option<Spanned<String>>,
    connect_timeout_ms: Option<NonZeroU64>,
    first_byte_timeout_ms: Option<NonZeroU64>,
    idle_timeout_ms: Option<NonZeroU64>,
    total_timeout_ms: Option<NonZeroU64>,
    model_timeouts: Option<BTreeMap<Spanned<String>, TimeoutsTable>>,
    model_limits: Option<BTreeMap<Spanned<String>, AbilitiesTable>>,
    speed_floor: Option<u32>,
    concurrency: Option<NonZeroU32>,
    headers: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    enabled: Option<bool>,
    provider_files: Option<bool>,
    prices: Option<BTreeMap<Spanned<String>, Rates>>,
    allow_unpriced: Option<bool>,
}

/// The channels of the file.
#[derive(Debug, Clone, Default)]
pub struct Channels {
    /// In the order of the file.
    pub enabled: Vec<ChannelSettings>,
    /// Those with `enabled = false`: checked like the others, and not used.
    pub disabled: Vec<ChannelSettings>,
    /// What an operator should know of those in use, and that hinders nothing.
    pub warnings: Vec<Warning>,
}

impl Channels {
    /// Whether the file has none, in use or not.
    pub fn is_empty(&self) -> bool {
        self.enabled.is_empty() && self.disabled.is_empty()
    }
}

/// What channels are judged by, beside the environment.
#[derive(Clone, Copy)]
pub struct Judges<'a> {
    /// The catalogue in force.
    pub catalog: &'a Catalog,
    /// The one that will be in force after a restart, where a gate runs.
    pub coming: Option<&'a Catalog>,
    pub floors: SpeedFloors,
}

pub fn resolve(
    tables: Vec<Spanned<ChannelTable>>,
    judges: Judges<'_>,
    environment: &Environment,
    mistakes: &mut Mistakes<'_>,
) -> Channels {
    let proxies = Proxies::of(environment);
    let mut channels = Channels::default();
    let mut first_of_name = HashMap::new();
    for table in tables {
        let start = table.span().start;
        let table = table.into_inner();
        if let Some(name) = &table.name {
            let place = mistakes.place(name.span().start);
            if let Some(first) = first_of_name.insert(name.get_ref().clone(), place) {
                let mistake = Mistake::DuplicateChannel {
                    name: name.get_ref().clone(),
                    first,
                };
                mistakes.add(name.span().start, mistake);
            }
        }
        let enabled = table.enabled.unwrap_or(true);
        let Some((settings, warnings)) = channel(table, start, judges, &proxies, mistakes) else {
            continue;
        };
        if enabled {
            channels.enabled.push(settings);
            channels.warnings.extend(warnings);
        } else {
            channels.disabled.push(settings);
        }
    }
    channels
}

/// One channel. `None`: something in it is wrong, and was added to `mistakes`.
fn channel(
    table: ChannelTable,
    start: usize,
    judges: Judges<'_>,
    proxies: &Proxies,
    mistakes: &mut Mistakes<'_>,
) -> Option<(ChannelSettings, Vec<Warning>)> {
    let name = channel_name(table.name, start, mistakes);
    let headers = headers::resolve(table.headers.unwrap_or_default(), &["authorization"], mistakes);
    let provider = provider(table.provider, start, judges, mistakes)?;
    let base_url = base_url(table.base_url, start, &provider, mistakes);
    let proxy = base_url
        .as_ref()
        .and_then(|base_url| proxy::resolve(table.proxy, start, base_url, proxies, mistakes));
    let api_key = api_key(table.api_key, start, &provider, mistakes);
    let model_ids = table.model_ids.unwrap_or_default();
    let mut served = models::resolve(table.models, model_ids, start, &provider, judges, mistakes);
    let prices = table.prices.unwrap_or_default();
    let all_priced = served
        .as_mut()
        .is_some_and(|served| prices::put(prices, &mut served.models, mistakes));
    let timeouts = Timeouts {
        connect: milliseconds(table.connect_timeout_ms, CONNECT_TIMEOUT_MS),
        first_byte: milliseconds(table.first_byte_timeout_ms, FIRST_BYTE_TIMEOUT_MS),
        idle: milliseconds(table.idle_timeout_ms, IDLE_TIMEOUT_MS),
        total: milliseconds(table.total_timeout_ms, TOTAL_TIMEOUT_MS),
    };
    let written = table.model_timeouts.unwrap_or_default();
    let model_timeouts = served
        .as_ref()
        .and_then(|served| timeouts::resolve(written, timeouts, &served.models, mistakes));
    let limits = table.model_limits.unwrap_or_default();
    let limited = match &mut served {
        Some(served) => abilities::apply(limits, &mut served.models, mistakes),
        None => None,
    };
    // Only now, so that everything wrong with the channel has been found.
    let (name, served, ()) = (name?, served.filter(|_| all_priced)?, limited?);
    let warnings = served.warnings(&name, &provider);
    let settings = ChannelSettings {
        name,
        base_url: base_url?,
        api_key: api_key?,
        models: served.models,
        priority: table.priority.unwrap_or(0),
        weight: table.weight.map_or(1, NonZeroU32::get),
        proxy: proxy?,
        timeouts,
        model_timeouts: model_timeouts?,
        speed_floor: judges.floors.floor(table.speed_floor),
        concurrency: table.concurrency,
        headers: headers?,
        provider_files: table.provider_files.unwrap_or(false),
        allow_unpriced: table.allow_unpriced.unwrap_or(false),
        provider,
    };
    Some((settings, warnings))
}

fn channel_name(
    written: Option<Spanned<String>>,
    start: usize,
    mistakes: &mut Mistakes<'_>,
) -> Option<ChannelName> {
    let Some(name) = written else {
        mistakes.add(start, missing("name"));
        return None;
    };
    let fits = (1..=NAME_MAX).contains(&name.get_ref().len())
        && name
            .get_ref()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !fits {
        mistakes.add(name.span().start, Mistake::ChannelName);
        return None;
    }
    if name.get_ref() == SANDBOX {
        mistakes.add(name.span().start, Mistake::ChannelNamedSandbox);
        return None;
    }
    Some(ChannelName::new(name.into_inner()))
}

fn provider(
    written: Option<Spanned<String>>,
    start: usize,
    Judges { catalog, coming, .. }: Judges<'_>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Arc<Provider>> {
    let Some(name) = written else {
        mistakes.add(start, missing("provider"));
        return None;
    };
    let provider = catalog.provider(name.get_ref());
    let comes = coming.is_some_and(|coming| coming.provider(name.get_ref()).is_some());
    if provider.is_none() && comes {
        let start = name.span().start;
        let what = format!("the provider `{}`", name.into_inner());
        mistakes.add(start, Mistake::AfterRestart { what });
        return None;
    }
    if provider.is_none() {
        let known = catalog.providers().map(|provider| &*provider.name);
        let nearest = nearest(name.get_ref(), known).map(str::to_owned);
        let start = name.span().start;
        mistakes.add(
            start,
            Mistake::UnknownProvider {
                name: name.into_inner(),
                nearest,
            },
        );
    }
    provider.cloned()
}

/// The written address or the provider's own, without a final slash.
fn base_url(
    written: Option<Spanned<String>>,
    start: usize,
    provider: &Provider,
    mistakes: &mut Mistakes<'_>,
) -> Option<Url> {
    const FIELD: &str = "base_url";
    let (text, start) = match (&written, &provider.base_url) {
        (Some(written), _) => (written.get_ref().as_str(), written.span().start),
        (None, Some(preset)) => (&**preset, start),
        (None, None) => {
            let provider = provider.name.to_string();
            mistakes.add(start, Mistake::BaseUrlMissing { provider });
            return None;
        }
    };
    let base = base(FIELD, text).and_then(|base| match endpoint_in(&base) {
        Some(endpoint) => Err(Mistake::UrlOfEndpoint {
            field: FIELD,
            endpoint,
        }),
        None => Ok(base),
    });
    base.map_err(|mistake| mistakes.add(start, mistake)).ok()
}

/// What the gate itself adds to an address, where it stands there already.
fn endpoint_in(base: &Url) -> Option<&'static str> {
    const ENDPOINTS: [&str; 2] = ["/chat/completions", "/v1/messages"];
    let path = base.path().trim_end_matches('/');
    ENDPOINTS.into_iter().find(|endpoint| path.ends_with(endpoint))
}

/// The credential. Servers of the operator's own may want none; then it is empty.
fn api_key(
    written: Option<Spanned<String>>,
    start: usize,
    provider: &Provider,
    mistakes: &mut Mistakes<'_>,
) -> Option<SecretString> {
    let Some(written) = written else {
        if provider.base_url.is_none() {
            return Some(SecretString::default());
        }
        let provider = provider.name.to_string();
        mistakes.add(start, Mistake::CredentialMissing { provider });
        return None;
    };
    let start = written.span().start;
    let text = written.into_inner();
    if text.is_empty() {
        mistakes.add(start, Mistake::CredentialEmpty);
        return None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        mistakes.add(start, Mistake::CredentialCharacters);
        return None;
    }
    Some(SecretString::from(text))
}

fn missing(field: &'static str) -> Mistake {
    Mistake::MissingField {
        field,
        table: TITLE.to_owned(),
    }
}

fn milliseconds(written: Option<NonZeroU64>, default: u64) -> Duration {
    Duration::from_millis(written.map_or(default, NonZeroU64::get))
}
