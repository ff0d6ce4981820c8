//! `tollgate channels`: the channels of the configuration, and how the running gate finds them.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use tollgate_catalog::{channel::ChannelSettings, model::ModelId};

use super::Listing;
use crate::{admin_client, config::Config, error::CliError, print};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the channels, as they are tried, with their health where the gate runs; credentials are not shown
    List(Listing),
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let Command::List(listing) = command;
    let running: Option<Vec<Health>> =
        admin_client::get(config.server.admin_listen, "/admin/v1/channels").await;
    let enabled = config.channels.enabled.iter().map(|channel| (channel, true));
    let disabled = config.channels.disabled.iter().map(|channel| (channel, false));
    let mut rows: Vec<Row<'_>> = enabled
        .chain(disabled)
        .map(|(channel, enabled)| Row::of(channel, enabled, running.as_deref().unwrap_or_default()))
        .collect();
    rows.sort_by_key(|row| (!row.enabled, row.priority));
    if listing.json {
        return print::json(&rows);
    }
    let head = [
        "NAME", "PROVIDER", "BASE URL", "MODELS", "PRIORITY", "WEIGHT", "STATE",
    ];
    let rows = rows.iter().map(|row| {
        [
            row.name.to_owned(),
            row.provider.to_owned(),
            row.base_url.to_owned(),
            row.models.len().to_string(),
            row.priority.to_string(),
            row.weight.to_string(),
            row.state(),
        ]
    });
    print::table(head, rows)?;
    if running.is_none() {
        print::remark("No gate runs with this configuration, so nothing is known of the channels' health.");
    }
    Ok(())
}

/// What the running gate says of a channel.
#[derive(Deserialize, Serialize)]
struct Health {
    #[serde(skip_serializing)]
    name: String,
    breaker: String,
    rests_for_ms: u64,
    in_flight: u32,
    models: Vec<ModelHealth>,
}

#[derive(Deserialize, Serialize)]
struct ModelHealth {
    id: String,
    rests_for_ms: u64,
    latency_ms: Option<u64>,
}

/// A channel as `--json` shows it.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    provider: &'a str,
    base_url: &'a str,
    models: Vec<&'a str>,
    priority: u32,
    weight: u32,
    enabled: bool,
    /// Null where no gate runs with this configuration.
    health: Option<&'a Health>,
}

impl<'a> Row<'a> {
    fn of(channel: &'a ChannelSettings, enabled: bool, running: &'a [Health]) -> Self {
        Self {
            name: channel.name.as_str(),
            provider: &channel.provider.name,
            base_url: channel.base_url.as_str(),
            models: channel.models.keys().map(ModelId::as_str).collect(),
            priority: channel.priority,
            weight: channel.weight,
            enabled,
            health: running.iter().find(|health| health.name == channel.name.as_str()),
        }
    }

    /// In a word or two.
    fn state(&self) -> String {
        match self.health {
            _ if !self.enabled => "disabled".to_owned(),
            None => "enabled".to_owned(),
            Some(health) if health.rests_for_ms > 0 => {
                format!("resting for {} s", health.rests_for_ms.div_ceil(1_000))
            }
            Some(health) if health.breaker == "open" => "breaker open".to_owned(),
            Some(health) if health.breaker == "half_open" => "breaker half open".to_owned(),
            Some(health) => match health
                .models
                .iter()
                .filter(|model| model.rests_for_ms > 0)
                .count()
            {
                0 => "well".to_owned(),
                1 => "1 model resting".to_owned(),
                resting => format!("{resting} models resting"),
            },
        }
    }
}
