//! How keys are shown.

use jiff::Timestamp;
use serde::Serialize;
use tollgate_catalog::channel::ChannelName;
use tollgate_ledger::{ApiKey, Unusable, api_key::ChannelNames};
use tollgate_store::ListedKey;

use crate::{
    cli::{
        limits::{LimitRow, in_words},
        value::seconds,
    },
    error::CliError,
    print,
};

/// A key as `--json` shows it.
#[derive(Serialize)]
pub struct Row<'a> {
    id: i64,
    name: &'a str,
    account: &'a str,
    prefix: &'a str,
    state: &'static str,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    /// Until when a text before the newest one works, or worked.
    replaced_until: Option<String>,
    /// Null: all.
    models: Option<Vec<&'a str>>,
    /// Null: all.
    channels: Option<Vec<&'a str>>,
    /// Empty: none is left out.
    not_channels: Vec<&'a str>,
    /// Empty: from anywhere.
    allow_ip: Vec<String>,
    #[serde(flatten)]
    limits: LimitRow,
    reserve: &'static str,
    strict_parameters: bool,
}

impl<'a> Row<'a> {
    pub fn of(listed: &'a ListedKey, now: Timestamp) -> Self {
        let key = &listed.key;
        let settings = &key.settings;
        Self {
            id: key.id.get(),
            name: &key.name,
            account: &settings.account,
            prefix: key.prefix.as_str(),
            state: state(key, now),
            created: seconds(key.created),
            expires: settings.expires.map(seconds),
            revoked: key.revoked.map(seconds),
            replaced_until: listed.replaced_until.map(seconds),
            models: settings
                .models
                .named()
                .map(|ids| ids.iter().map(|id| id.as_str()).collect()),
            channels: settings.channels.only.as_ref().map(names),
            not_channels: settings.channels.not.as_ref().map(names).unwrap_or_default(),
            allow_ip: settings
                .networks
                .named()
                .iter()
                .map(ToString::to_string)
                .collect(),
            limits: LimitRow::from(&settings.limits),
            reserve: settings.reserve.as_str(),
            strict_parameters: settings.strict_parameters,
        }
    }
}

fn names(channels: &ChannelNames) -> Vec<&str> {
    channels.iter().map(ChannelName::as_str).collect()
}

pub fn table(keys: &[ListedKey], now: Timestamp) -> Result<(), CliError> {
    let rows = keys.iter().map(|ListedKey { key, .. }| {
        [
            key.name.clone(),
            format!("{key_prefix}…", key_prefix = key.prefix),
            key.settings.account.clone(),
            state(key, now).to_owned(),
            seconds(key.created),
            key.settings.expires.map_or("never".to_owned(), seconds),
            in_words(&key.settings.limits),
        ]
    });
    print::table(
        ["NAME", "KEY", "ACCOUNT", "STATE", "CREATED", "EXPIRES", "LIMITS"],
        rows,
    )
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    match key.usable(now) {
        Ok(()) => "active",
        Err(Unusable::Disabled) => "disabled",
        Err(Unusable::Expired) => "expired",
        Err(Unusable::Revoked) => "revoked",
        Err(Unusable::Replaced) => "replaced",
    }
}
