//! API keys. A key's text is told when it is made, and never again.

use axum::response::Response;
use http::StatusCode;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tollgate_catalog::{channel::ChannelName, model::ModelId};
use tollgate_gateway::Gate;
use tollgate_ledger::{
    Account, AllowedModels, AllowedNetworks, ApiKey, KeySettings, Reserve, Unusable, api_key::ChannelNames,
    name::name,
};
use tollgate_store::{ListedKey, NewKey};
use utoipa::{IntoParams, ToSchema};

use super::{
    ErrorShown, answer,
    limits::{LimitsChange, LimitsShown, limits},
    ok,
};
use crate::{
    body::Body,
    error::AdminError,
    field::{Second, Text, given, seconds, set},
    page::{Cursor, Limit, Page, after, limit},
    query::{Name, Query},
    roles::{Reader, Writer},
    secret,
    seen::{IfMatch, IfNoneMatch, Seen, tagged},
};

/// Most models, channels or networks that a key may name.
const NAMED_MAX: usize = 1_000;
/// Longest overlap: a year.
const OVERLAP_MAX_S: u32 = 366 * 24 * 3_600;

/// An API key, without its text.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyShown {
    id: i64,
    /// No two keys that are not revoked have one name.
    name: String,
    /// How its text begins.
    prefix: String,
    account: String,
    /// `active`, `disabled`, `expired` or `revoked`.
    state: &'static str,
    enabled: bool,
    created: String,
    /// First moment at which it is of no more use; null: never.
    expires: Option<String>,
    revoked: Option<String>,
    /// Until when a text before the newest one works, or worked.
    replaced_until: Option<String>,
    /// Null: all.
    models: Option<Vec<String>>,
    /// Null: all.
    channels: Option<Vec<String>>,
    /// Empty: none is left out.
    not_channels: Vec<String>,
    /// Empty: from anywhere.
    allow_ip: Vec<String>,
    limits: LimitsShown,
    /// What is held of a budget for a request: `expected` or `full`.
    reserve: &'static str,
    strict_parameters: bool,
}

impl KeyShown {
    fn of(key: &ApiKey, replaced_until: Option<Timestamp>) -> Self {
        let settings = &key.settings;
        let names = |names: &ChannelNames| names.iter().map(ChannelName::to_string).collect();
        let ids = |ids: &[ModelId]| ids.iter().map(ModelId::to_string).collect();
        Self {
            id: key.id.get(),
            name: key.name.clone(),
            prefix: key.prefix.to_string(),
            account: settings.account.clone(),
            state: match key.usable(Timestamp::now()) {
                Ok(()) => "active",
                Err(Unusable::Disabled) => "disabled",
                Err(Unusable::Expired) => "expired",
                Err(Unusable::Revoked) => "revoked",
                Err(Unusable::Replaced) => "replaced",
            },
            enabled: settings.enabled,
            created: seconds(key.created),
            expires: settings.expires.map(seconds),
            revoked: key.revoked.map(seconds),
            replaced_until: replaced_until.map(seconds),
            models: settings.models.named().map(ids),
            channels: settings.channels.only.as_ref().map(names),
            not_channels: settings.channels.not.as_ref().map(names).unwrap_or_default(),
            allow_ip: settings.networks.named().iter().map(IpNet::to_string).collect(),
            limits: LimitsShown::from(&settings.limits),
            reserve: settings.reserve.as_str(),
            strict_parameters: settings.strict_parameters,
        }
    }

    fn listed(listed: &ListedKey) -> Self {
        Self::of(&listed.key, listed.replaced_until)
    }
}

/// A key, and its text: shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSecret {
    key: KeyShown,
    /// What a client presents.
    #[schema(example = "sk-…")]
    secret: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyCreate {
    /// No two keys that are not revoked have one name.
    name: String,
    /// Who owns it; without it, `default`.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String)]
    account: Option<String>,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    enabled: Option<bool>,
    /// First moment at which it is of no more use, in whole seconds.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "2026-12-31T00:00:00Z")]
    expires: Option<Option<Text<Second>>>,
    /// The only models that it may call.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    models: Option<Option<Vec<String>>>,
    /// The only channels that its requests may go to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    channels: Option<Option<Vec<String>>>,
    /// Channels that its requests may not go to.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    not_channels: Option<Option<Vec<String>>>,
    /// The only addresses and networks that it may be used from.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["10.0.0.0/8"]))]
    allow_ip: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "limits")]
    limits: LimitsChange,
    /// What is held of a budget for a request: `expected` or `full`.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String)]
    reserve: Option<Text<Reserve>>,
    /// Whether a parameter that would be left out or changed is a 400.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    strict_parameters: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyUpdate {
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String)]
    account: Option<String>,
    /// False: it is switched off, and can be switched on again.
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    enabled: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    expires: Option<Option<Text<Second>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    models: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    channels: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    not_channels: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    allow_ip: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "limits")]
    limits: LimitsChange,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = String)]
    reserve: Option<Text<Reserve>>,
    #[serde(default, deserialize_with = "set")]
    #[schema(value_type = bool)]
    strict_parameters: Option<bool>,
}

impl KeyCreate {
    fn split(self) -> (String, KeyUpdate) {
        let update = KeyUpdate {
            account: self.account,
            enabled: self.enabled,
            expires: self.expires,
            models: self.models,
            channels: self.channels,
            not_channels: self.not_channels,
            allow_ip: self.allow_ip,
            limits: self.limits,
            reserve: self.reserve,
            strict_parameters: self.strict_parameters,
        };
        (self.name, update)
    }
}

impl KeyUpdate {
    /// Changes what was asked for, and leaves the rest.
    fn change(&self, settings: &mut KeySettings, gate: &Gate) -> Result<(), AdminError> {
        if let Some(account) = &self.account {
            settings.account.clone_from(account);
        }
        if let Some(enabled) = self.enabled {
            settings.enabled = enabled;
        }
        if let Some(expires) = &self.expires {
            settings.expires = expires.as_ref().map(|Text(Second(moment))| *moment);
        }
        if let Some(ids) = &self.models {
            settings.models = match ids {
                Some(ids) => models(ids, gate)?,
                None => AllowedModels::default(),
            };
        }
        if let Some(names) = &self.channels {
            settings.channels.only = names
                .as_ref()
                .map(|names| channels("channels", names))
                .transpose()?
                .map(|names| {
                    names.ok_or_else(|| AdminError::value("channels", "names none; null is for all"))
                })
                .transpose()?;
        }
        if let Some(names) = &self.not_channels {
            let names = names.as_deref().unwrap_or_default();
            settings.channels.not = channels("not_channels", names)?;
        }
        if let Some(networks) = &self.allow_ip {
            settings.networks = self::networks(networks.as_deref().unwrap_or_default())?;
        }
        self.limits.change(&mut settings.limits)?;
        if let Some(Text(reserve)) = &self.reserve {
            settings.reserve = *reserve;
        }
        if let Some(strict) = self.strict_parameters {
            settings.strict_parameters = strict;
        }
        Ok(())
    }
}

/// Models that the catalogue or a channel has.
fn models(ids: &[String], gate: &Gate) -> Result<AllowedModels, AdminError> {
    bounded("models", ids)?;
    if ids.is_empty() {
        return Err(AdminError::value("models", "names none; null is for all"));
    }
    for (place, id) in ids.iter().enumerate() {
        if !gate.has_model(id) {
            let nearest = gate.catalog().nearest_ids(id).first().copied();
            let nearest = nearest.map(|id| format!("; did you mean `{id}`?"));
            let problem = format!(
                "neither the catalogue nor a channel has a model `{id}`{}",
                nearest.unwrap_or_default()
            );
            return Err(AdminError::value(format!("models[{place}]"), problem));
        }
    }
    Ok(AllowedModels::only(
        ids.iter().map(|id| ModelId::new(id.as_str())),
    ))
}

/// Names of channels, which there need not be. `None`: nothing is named.
fn channels(param: &str, names: &[String]) -> Result<Option<ChannelNames>, AdminError> {
    bounded(param, names)?;
    let read = |(place, name): (usize, &String)| {
        let one: Result<ChannelNames, _> = name.parse();
        match one.ok().filter(|_| !name.contains(',')) {
            Some(_) => Ok(ChannelName::new(name.as_str())),
            None => Err(AdminError::value(
                format!("{param}[{place}]"),
                "is not a channel's name",
            )),
        }
    };
    let names: Vec<ChannelName> = names.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(ChannelNames::new(names))
}

fn networks(texts: &[String]) -> Result<AllowedNetworks, AdminError> {
    bounded("allow_ip", texts)?;
    let mut networks = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        let one: AllowedNetworks = text
            .parse()
            .map_err(|error| AdminError::value(format!("allow_ip[{place}]"), error))?;
        networks.extend_from_slice(one.named());
    }
    Ok(AllowedNetworks::new(networks))
}

fn bounded(param: &str, items: &[String]) -> Result<(), AdminError> {
    match items.len() > NAMED_MAX {
        true => Err(AdminError::value(param, format!("has more than {NAMED_MAX}"))),
        false => Ok(()),
    }
}

/// Which keys.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyQuery {
    /// How many at most; 50 where nothing is said.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    limit: Option<Text<Limit>>,
    /// `next` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    after: Option<Text<Cursor>>,
    /// Only this account's.
    account: Option<String>,
}

/// List keys, the oldest first, revoked ones too.
#[utoipa::path(get, path = "/keys", tag = "keys", operation_id = "list_keys", params(KeyQuery),
    responses((status = 200, body = Page<KeyShown>), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn list(reader: Reader, Query(asked): Query<KeyQuery>) -> Result<Response, AdminError> {
    let limit = limit(&asked.limit);
    let from = after(&asked.after).unwrap_or_default();
    let found = reader
        .store()
        .keys_after(asked.account.as_deref(), from, limit + 1)
        .await?;
    let page = Page::of(
        found,
        limit,
        |listed| listed.key.id.get(),
        |listed| KeyShown::listed(&listed),
    );
    Ok(ok(&page))
}

/// Make a key. Its text is in the answer, and never told again.
#[utoipa::path(post, path = "/keys", tag = "keys", operation_id = "create_key", request_body = KeyCreate,
    responses((status = 201, body = NewSecret), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn create(writer: Writer, Body(asked): Body<KeyCreate>) -> Result<Response, AdminError> {
    let (called, update) = asked.split();
    let mut settings = KeySettings::of_account(Account::DEFAULT);
    update.change(&mut settings, &writer.shared.gate)?;
    let (text, kept) = secret::key()?;
    let new = NewKey {
        name: name(&called).map_err(|error| AdminError::value("name", error))?,
        text: kept,
        created: Timestamp::now(),
        settings,
    };
    let key = writer.store.create_key(new).await?;
    let shown = NewSecret {
        key: KeyShown::of(&key, None),
        secret: text.reveal().to_owned(),
    };
    Ok(answer(StatusCode::CREATED, &shown))
}

/// Get the key of this name that is not revoked.
#[utoipa::path(get, path = "/keys/{name}", tag = "keys", operation_id = "get_key",
    params(("name" = String, Path), IfNoneMatch),
    responses((status = 200, body = KeyShown, headers(("ETag" = String))), (status = 304),
        (status = "4XX", body = ErrorShown)))]
pub(crate) async fn get(reader: Reader, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    let listed = reader.store().key(&name).await?;
    Ok(seen.tell(&listed.key.settings, &KeyShown::listed(&listed)))
}

/// Change what is set at a key, switch it off or on, and leave the rest. Running gates know within a second.
#[utoipa::path(patch, path = "/keys/{name}", tag = "keys", operation_id = "update_key",
    params(("name" = String, Path), IfMatch), request_body = KeyUpdate,
    responses((status = 200, body = KeyShown, headers(("ETag" = String))), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn update(
    writer: Writer,
    seen: Seen,
    Name(name): Name,
    Body(asked): Body<KeyUpdate>,
) -> Result<Response, AdminError> {
    let change = |settings: &mut KeySettings| {
        seen.still(settings)?;
        asked.change(settings, &writer.shared.gate)
    };
    writer.store.update_key(&name, change).await?;
    let listed = writer.store.key(&name).await?;
    Ok(tagged(
        StatusCode::OK,
        &listed.key.settings,
        &KeyShown::listed(&listed),
    ))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// How long the text before works on; 0 ends it at once.
    #[schema(maximum = 31_622_400, example = 86_400)]
    overlap_seconds: u32,
}

/// Give a key another text, which is in the answer and never told again.
#[utoipa::path(post, path = "/keys/{name}/rotate", tag = "keys", operation_id = "rotate_key",
    params(("name" = String, Path)), request_body = Rotate,
    responses((status = 200, body = NewSecret), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn rotate(
    writer: Writer,
    Name(name): Name,
    Body(asked): Body<Rotate>,
) -> Result<Response, AdminError> {
    if asked.overlap_seconds > OVERLAP_MAX_S {
        return Err(AdminError::value("overlap_seconds", "is more than a year"));
    }
    let (text, kept) = secret::key()?;
    let now = Timestamp::now();
    let overlap = SignedDuration::from_secs(i64::from(asked.overlap_seconds));
    let before_ends = now.checked_add(overlap).unwrap_or(Timestamp::MAX);
    let key = writer.store.rotate_key(&name, kept, now, before_ends).await?;
    let shown = NewSecret {
        key: KeyShown::of(&key, Some(before_ends)),
        secret: text.reveal().to_owned(),
    };
    Ok(ok(&shown))
}

/// End the use of a key; its name is free again.
#[utoipa::path(delete, path = "/keys/{name}", tag = "keys", operation_id = "revoke_key",
    params(("name" = String, Path), IfMatch),
    responses((status = 200, body = KeyShown), (status = "4XX", body = ErrorShown)))]
pub(crate) async fn revoke(writer: Writer, seen: Seen, Name(name): Name) -> Result<Response, AdminError> {
    let may = |settings: &KeySettings| seen.still(settings);
    let key = writer.store.revoke_key_if(&name, Timestamp::now(), may).await?;
    Ok(ok(&KeyShown::of(&key, None)))
}
