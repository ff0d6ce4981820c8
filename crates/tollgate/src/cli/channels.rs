//! `tollgate channels`: the channels of the configuration.

use clap::Subcommand;
use serde::Serialize;
use tollgate_catalog::{channel::ChannelSettings, model::ModelId};

use super::Listing;
use crate::{config::Config, error::CliError, print};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the channels, as they are tried; credentials are not shown
    List(Listing),
}

pub fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let Command::List(listing) = command;
    let enabled = config.channels.enabled.iter().map(|channel| (channel, true));
    let disabled = config.channels.disabled.iter().map(|channel| (channel, false));
    let mut rows: Vec<Row<'_>> = enabled
        .chain(disabled)
        .map(|(channel, enabled)| Row::of(channel, enabled))
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
            if row.enabled { "enabled" } else { "disabled" }.to_owned(),
        ]
    });
    print::table(head, rows)
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
}

impl<'a> Row<'a> {
    fn of(channel: &'a ChannelSettings, enabled: bool) -> Self {
        Self {
            name: channel.name.as_str(),
            provider: &channel.provider.name,
            base_url: channel.base_url.as_str(),
            models: channel.models.keys().map(ModelId::as_str).collect(),
            priority: channel.priority,
            weight: channel.weight,
            enabled,
        }
    }
}
