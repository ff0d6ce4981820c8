//! A channel as it is told: whoever made it, and never with a secret.

use serde::Serialize;
use serde_json::{Map, Value};
use tollgate_catalog::channel::ChannelSettings;
use tollgate_gateway::{ChannelState, ModelState};
use tollgate_store::StoredChannel;
use utoipa::ToSchema;

use crate::{field::seconds, secrets, server::Shared};

/// A channel.
#[derive(Serialize, ToSchema)]
#[schema(as = Channel)]
pub(crate) struct ChannelShown {
    pub(super) name: String,
    /// `file`: it stands in the configuration file and is changed there; `api`: it was made here.
    managed_by: &'static str,
    enabled: bool,
    /// Whether this gate sends requests there.
    in_use: bool,
    /// Why it does not, although it is enabled.
    problem: Option<String>,
    provider: Option<String>,
    base_url: Option<String>,
    /// The models that it serves, by their public IDs.
    models: Vec<String>,
    priority: u32,
    weight: u32,
    secrets: SecretsShown,
    /// What is set, by the names of `[[channels]]`; null: it stands in the file.
    #[schema(value_type = Option<Object>)]
    settings: Option<Map<String, Value>>,
    /// Null: it is not in use.
    health: Option<HealthShown>,
    created: Option<String>,
    updated: Option<String>,
}

/// What is set of what may be secret; the values are never told.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelSecrets)]
pub(crate) struct SecretsShown {
    /// `set` or `none`; `unreadable`: no key opens what is sealed, so nobody knows whether it is in it.
    api_key: &'static str,
    /// As `api_key`.
    proxy: &'static str,
    /// Their names; null: no key opens what is sealed, so nobody knows whether there are any.
    headers: Option<Vec<String>>,
}

/// How it is at this moment.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelHealth)]
pub(crate) struct HealthShown {
    /// `closed`, `open` or `half_open`.
    breaker: &'static str,
    /// 0: it does not rest.
    rests_for_ms: u64,
    /// Attempts under way.
    in_flight: u32,
    models: Vec<ModelHealthShown>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ModelHealth)]
pub(crate) struct ModelHealthShown {
    id: String,
    rests_for_ms: u64,
    /// Until the first output or the whole answer, of late.
    latency_ms: Option<u64>,
}

impl From<ChannelState> for HealthShown {
    fn from(state: ChannelState) -> Self {
        let model = |model: ModelState| ModelHealthShown {
            id: model.id,
            rests_for_ms: model.rests_for_ms,
            latency_ms: model.latency_ms,
        };
        Self {
            breaker: state.breaker,
            rests_for_ms: state.rests_for_ms,
            in_flight: state.in_flight,
            models: state.models.into_iter().map(model).collect(),
        }
    }
}

fn secrets_of(values: &Map<String, Value>) -> SecretsShown {
    let is_set = |name: &str| match values.get(name) {
        None | Some(Value::Null) => "none",
        Some(_) => "set",
    };
    let headers = values.get("headers").and_then(Value::as_object);
    SecretsShown {
        api_key: is_set("api_key"),
        proxy: is_set("proxy"),
        headers: Some(
            headers
                .map(|headers| headers.keys().cloned().collect())
                .unwrap_or_default(),
        ),
    }
}

impl ChannelShown {
    pub(super) fn of_file(settings: &ChannelSettings, enabled: bool, state: Option<ChannelState>) -> Self {
        let has_key = settings.has_credential();
        Self {
            name: settings.name.to_string(),
            managed_by: "file",
            enabled,
            in_use: state.is_some(),
            problem: None,
            provider: Some(settings.provider.name.to_string()),
            base_url: Some(settings.base_url.to_string()),
            models: settings.models.keys().map(ToString::to_string).collect(),
            priority: settings.priority,
            weight: settings.weight,
            secrets: SecretsShown {
                api_key: if has_key { "set" } else { "none" },
                proxy: if settings.proxy.is_some() { "set" } else { "none" },
                headers: Some(settings.headers.iter().map(|(name, _)| name.clone()).collect()),
            },
            settings: None,
            health: state.map(HealthShown::from),
            created: None,
            updated: None,
        }
    }

    pub(super) fn stored(channel: StoredChannel, shared: &Shared, state: Option<ChannelState>) -> Self {
        let keeper = &*shared.settings.channels;
        let secrets = secrets::of(&channel, keeper.keys());
        let resolved = secrets::opened(&channel, keeper.keys())
            .ok()
            .and_then(|settings| keeper.check(&settings).ok());
        let enabled = channel.settings.get("enabled") != Some(&Value::Bool(false));
        let number = |name: &str, otherwise: u32| {
            let number = channel.settings.get(name).and_then(Value::as_u64);
            number
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(otherwise)
        };
        let text = |name: &str| {
            let text = channel.settings.get(name).and_then(Value::as_str);
            text.map(str::to_owned)
        };
        let base_url = resolved.as_ref().map(|settings| settings.base_url.to_string());
        Self {
            managed_by: "api",
            enabled,
            in_use: state.is_some(),
            problem: keeper.problems().remove(&channel.name),
            provider: text("provider"),
            base_url: base_url.or_else(|| text("base_url")),
            models: resolved
                .map(|settings| settings.models.keys().map(ToString::to_string).collect())
                .unwrap_or_default(),
            priority: number("priority", 0),
            weight: number("weight", 1),
            secrets: match secrets {
                Ok(values) => secrets_of(&values),
                Err(_) => SecretsShown {
                    api_key: "unreadable",
                    proxy: "unreadable",
                    headers: None,
                },
            },
            health: state.map(HealthShown::from),
            created: Some(seconds(channel.created)),
            updated: Some(seconds(channel.updated)),
            settings: Some(channel.settings),
            name: channel.name,
        }
    }
}
