//! What can be set at a key, on the command line.

use std::collections::BTreeSet;

use clap::Args;
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use tollgate_catalog::channel::ChannelName;
use tollgate_gateway::SANDBOX;
use tollgate_ledger::{AllowedModels, AllowedNetworks, KeySettings, Reserve, api_key::ChannelNames};
use tollgate_store::Store;

use crate::{
    channel_book::LookedAt,
    cli::{
        limits::LimitArgs,
        value::{Lifted, name, or_all, or_none, time_or_never},
    },
    config::Config,
    error::CliError,
    print,
};

/// Settings to change.
#[derive(Debug, Args)]
pub struct SettingArgs {
    /// The account that owns it; a new key's is `default`
    #[arg(long, value_name = "NAME", value_parser = name)]
    account: Option<String>,
    /// The models it may call, as IDs with commas between them, or all
    #[arg(long, value_name = "IDS", value_parser = or_all::<AllowedModels>)]
    models: Option<Lifted<AllowedModels>>,
    /// The channels that its requests may go to, as names with commas between them, or all
    #[arg(long, value_name = "NAMES", value_parser = or_all::<ChannelNames>)]
    channels: Option<Lifted<ChannelNames>>,
    /// The channels that its requests may not go to, as names with commas between them, or none
    #[arg(long, value_name = "NAMES", value_parser = or_none::<ChannelNames>)]
    not_channels: Option<Lifted<ChannelNames>>,
    /// An address or network it may be used from, such as 10.0.0.0/8, or any; may be repeated
    #[arg(long, value_name = "CIDR", value_parser = networks)]
    allow_ip: Vec<Lifted<AllowedNetworks>>,
    /// How long it can be used, such as 30d, 12h or 90m, or never for without end
    #[arg(long, value_name = "TIME", value_parser = time_or_never)]
    expires_in: Option<Lifted<SignedDuration>>,
    #[command(flatten)]
    limits: LimitArgs,
    /// What is held of a budget for a request: expected or full
    #[arg(long, value_name = "HOW")]
    reserve: Option<Reserve>,
    /// Answer with a 400 where a parameter would be left out or changed
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    strict_parameters: Option<bool>,
}

fn networks(text: &str) -> Result<Lifted<AllowedNetworks>, String> {
    match text {
        "any" => Ok(Lifted(None)),
        text => text
            .parse()
            .map(|networks| Lifted(Some(networks)))
            .map_err(|error: tollgate_ledger::api_key::NotNetworks| error.to_string()),
    }
}

impl SettingArgs {
    pub fn is_empty(&self) -> bool {
        let Self {
            account,
            models,
            channels,
            not_channels,
            allow_ip,
            expires_in,
            limits,
            reserve,
            strict_parameters,
        } = self;
        account.is_none()
            && models.is_none()
            && channels.is_none()
            && not_channels.is_none()
            && allow_ip.is_empty()
            && expires_in.is_none()
            && limits.is_empty()
            && reserve.is_none()
            && strict_parameters.is_none()
    }

    /// Changes what was asked for, and leaves the rest.
    pub fn change(self, settings: &mut KeySettings, now: Timestamp) -> Result<(), CliError> {
        if let Some(account) = self.account {
            settings.account = account;
        }
        if let Some(Lifted(models)) = self.models {
            settings.models = models.unwrap_or_default();
        }
        if let Some(Lifted(only)) = self.channels {
            settings.channels.only = only;
        }
        if let Some(Lifted(not)) = self.not_channels {
            settings.channels.not = not;
        }
        if !self.allow_ip.is_empty() {
            let named = self.allow_ip.into_iter().filter_map(|Lifted(networks)| networks);
            let named = named.flat_map(|networks| networks.named().to_vec());
            settings.networks = AllowedNetworks::new(named.collect::<Vec<IpNet>>());
        }
        if let Some(Lifted(time)) = self.expires_in {
            // Beyond the end of the calendar is without end.
            settings.expires = time.and_then(|time| now.checked_add(time).ok());
        }
        self.limits.change(&mut settings.limits)?;
        if let Some(reserve) = self.reserve {
            settings.reserve = reserve;
        }
        if let Some(strict) = self.strict_parameters {
            settings.strict_parameters = strict;
        }
        Ok(())
    }

    /// Says which channels are named that there are none of: they may come later.
    pub async fn remark_on_channels(&self, config: &Config, store: &Store) -> Result<(), CliError> {
        let lists = [&self.channels, &self.not_channels].into_iter().flatten();
        let named = lists.flat_map(|Lifted(names)| names).flat_map(ChannelNames::iter);
        remark_on_channels(named, config, store).await
    }

    /// Fails where a model is named that neither the catalogue nor a channel has.
    pub async fn check_models(&self, config: &Config, store: &Store) -> Result<(), CliError> {
        let Some(Lifted(Some(models))) = &self.models else {
            return Ok(());
        };
        let mut named = models.named().unwrap_or_default().iter();
        let Some(unknown) = named.find(|model| !config.has_model(model)) else {
            return Ok(());
        };
        let all = LookedAt::by(store, config).await?.config;
        let unknown = [unknown]
            .into_iter()
            .chain(named)
            .find(|model| !all.has_model(model));
        match unknown {
            None => Ok(()),
            Some(model) => Err(CliError::NoSuchModel {
                nearest: config
                    .catalog
                    .nearest_ids(model.as_str())
                    .first()
                    .map(|id| (*id).to_owned()),
                model: model.to_string(),
            }),
        }
    }
}

/// Says of which of these channels there is none, each once: it may come later.
pub async fn remark_on_channels(
    named: impl Iterator<Item = &ChannelName>,
    config: &Config,
    store: &Store,
) -> Result<(), CliError> {
    let named: BTreeSet<&str> = named.map(ChannelName::as_str).collect();
    if named.is_empty() {
        return Ok(());
    }
    let stored = store.stored_channels().await?;
    for name in named {
        let mut of_file = config.channels.enabled.iter().chain(&config.channels.disabled);
        let is_there = name == SANDBOX
            || of_file.any(|channel| channel.name.as_str() == name)
            || stored.iter().any(|channel| channel.name == name);
        if !is_there {
            print::remark(&format!("warning: no channel is called `{name}`."));
        }
    }
    Ok(())
}
