//! `tollgate channels`: the channels of the configuration, and how the running gate finds them.

use clap::Subcommand;
use serde::{Deserialize, Serialize};
use tollgate_catalog::{
    channel::{ChannelName, ChannelSettings},
    model::ModelId,
};
use tollgate_gateway::{ChannelTest, test_channel};
use tollgate_store::sealed::SealError;

use super::Listing;
use crate::{
    admin_client,
    channel_book::{self, Listed},
    config::Config,
    error::CliError,
    print, wiring,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the channels, as they are tried, with their health where the gate runs; credentials are not shown
    List(Listing),
    /// Ask channels a small question each, to see whether they answer; it costs a few tokens
    #[command(after_help = "\
Examples:
  tollgate channels test
  tollgate channels test claude-spare --model claude-sonnet-4-6")]
    Test {
        /// Names of channels; without any, all that are enabled
        names: Vec<String>,
        /// Ask this model; without it, each channel's cheapest
        #[arg(long, value_name = "ID")]
        model: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Seal what is secret of the channels in the database by the current key, before the one before it goes
    Reseal,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    match command {
        Command::List(listing) => list(&listing, config).await,
        Command::Test {
            names,
            model,
            listing,
        } => test(&names, model.as_deref(), &listing, config).await,
        Command::Reseal => {
            let count = channel_book::reseal(config).await?;
            print::remark(&format!(
                "Sealed the secrets of {count} channels by the current key."
            ));
            Ok(())
        }
    }
}

/// Asks the channels from here, whether or not a gate runs.
async fn test(
    names: &[String],
    model: Option<&str>,
    listing: &Listing,
    config: &Config,
) -> Result<(), CliError> {
    let (gate, channels) = wiring::gate(config).await?;
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|wanted| wanted == name);
    let channels = channels.iter().map(|channel| &channel.name);
    let chosen: Vec<_> = channels.filter(|name| is_chosen(name.as_str())).collect();
    let mut unopened = channel_book::listed(config).await?;
    unopened.retain(|channel| channel.enabled && channel.unopened.is_some() && is_chosen(&channel.name));
    if let Some(unknown) = names.iter().find(|name| {
        let is_tested = chosen.iter().any(|chosen| chosen.as_str() == *name);
        !is_tested && unopened.iter().all(|channel| channel.name != **name)
    }) {
        return Err(CliError::NoSuchChannel(unknown.clone()));
    }
    let tests = chosen.iter().map(|name| test_channel(&gate, name, model));
    let tests = futures_util::future::join_all(tests).await;
    let rows: Vec<Tested<'_>> = chosen
        .iter()
        .zip(&tests)
        .map(|(name, test)| Tested::of(name, test.as_ref()))
        .chain(unopened.iter().map(Tested::unopened))
        .collect();
    if listing.json {
        print::json(&rows)?;
    } else {
        let head = ["CHANNEL", "MODEL", "RESULT", "MS", ""];
        let shown = rows.iter().map(|row| {
            [
                row.channel.to_owned(),
                row.model.unwrap_or_default().to_owned(),
                row.outcome.to_owned(),
                row.took_ms.to_string(),
                row.told.unwrap_or_default().to_owned(),
            ]
        });
        print::table(head, shown)?;
    }
    let failed = rows.iter().filter(|row| row.outcome != "ok").count();
    match failed {
        0 => Ok(()),
        failed => Err(CliError::ChannelsFailed {
            failed,
            tested: rows.len(),
        }),
    }
}

/// A test as `--json` shows it.
#[derive(Serialize)]
struct Tested<'a> {
    channel: &'a str,
    model: Option<&'a str>,
    /// `ok`, or a word for the failure, as in the metrics.
    outcome: &'a str,
    told: Option<&'a str>,
    took_ms: u128,
}

impl<'a> Tested<'a> {
    /// Nothing was asked: its credential is not known here.
    fn unopened(channel: &'a Listed) -> Self {
        Self {
            channel: &channel.name,
            model: None,
            outcome: "not_opened",
            told: channel.unopened.map(|cause| match cause {
                SealError::NoKey => {
                    "its secrets are sealed, and TOLLGATE_SEALING_KEY, which opens them, is not set here"
                }
                _ => "its secrets are sealed by another key than the TOLLGATE_SEALING_KEY that is set here",
            }),
            took_ms: 0,
        }
    }

    fn of(channel: &'a ChannelName, test: Option<&'a ChannelTest>) -> Self {
        let Some(test) = test else {
            return Self {
                channel: channel.as_str(),
                model: None,
                outcome: "not_served",
                told: Some("the channel does not serve this model"),
                took_ms: 0,
            };
        };
        let failure = test.failure.as_ref();
        Self {
            channel: channel.as_str(),
            model: Some(test.model.as_str()),
            outcome: failure.map_or("ok", |failure| failure.outcome),
            told: failure.map(|failure| failure.told.as_str()),
            took_ms: test.took.as_millis(),
        }
    }
}

async fn list(listing: &Listing, config: &Config) -> Result<(), CliError> {
    let running: Option<Vec<Health>> =
        admin_client::get(config.server.admin_listen, "/admin/v1/channels").await;
    let enabled = config.channels.enabled.iter().map(|channel| (channel, true));
    let disabled = config.channels.disabled.iter().map(|channel| (channel, false));
    let health = running.as_deref().unwrap_or_default();
    let of_file = enabled
        .chain(disabled)
        .map(|(channel, enabled)| Row::of(channel, enabled, "file", health));
    let stored = channel_book::listed(config).await;
    let stored = match stored {
        Ok(stored) => stored,
        Err(error) => {
            print::remark(&format!("Channels of the database are not shown: {error}"));
            Vec::new()
        }
    };
    let made = stored.iter().map(|listed| match &listed.settings {
        Ok(settings) => Row {
            opened: listed.unopened.is_none(),
            ..Row::of(settings, listed.enabled, "api", health)
        },
        Err(problem) => Row::unusable(listed, problem),
    });
    let mut rows: Vec<Row<'_>> = of_file.chain(made).collect();
    rows.sort_by_key(|row| (!row.enabled, row.priority));
    if listing.json {
        return print::json(&rows);
    }
    let head = [
        "NAME", "PROVIDER", "BASE URL", "MODELS", "PRIORITY", "WEIGHT", "BY", "STATE",
    ];
    let rows = rows.iter().map(|row| {
        [
            row.name.to_owned(),
            row.provider.to_owned(),
            row.base_url.to_owned(),
            row.models.len().to_string(),
            row.priority.to_string(),
            row.weight.to_string(),
            row.managed_by.to_owned(),
            row.state(),
        ]
    });
    print::table(head, rows)?;
    tell_unopened(&stored);
    if running.is_none() {
        print::remark("No gate runs with this configuration, so nothing is known of the channels' health.");
    }
    Ok(())
}

/// Says which channels are listed without their secrets.
fn tell_unopened(stored: &[Listed]) {
    let of_cause = |cause| {
        let channels = stored.iter().filter(|channel| channel.unopened == Some(cause));
        channels
            .map(|channel| &*channel.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (without_key, by_other_key) = (of_cause(SealError::NoKey), of_cause(SealError::OtherKey));
    if !without_key.is_empty() {
        print::remark(&format!(
            "Not opened here, for want of TOLLGATE_SEALING_KEY, which the gate may have: the secrets of {without_key}."
        ));
    }
    if !by_other_key.is_empty() {
        print::remark(&format!(
            "Sealed by another key than the TOLLGATE_SEALING_KEY that is set here, which the gate may have: the secrets of \
             {by_other_key}."
        ));
    }
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
    /// `file`, or `api` for those that the admin API made.
    managed_by: &'static str,
    /// Whether its secrets could be read here. The gate may have another key.
    opened: bool,
    /// Why it cannot be used; null where it can.
    problem: Option<&'a str>,
    /// Null where no gate runs with this configuration.
    health: Option<&'a Health>,
}

impl<'a> Row<'a> {
    fn of(
        channel: &'a ChannelSettings,
        enabled: bool,
        managed_by: &'static str,
        running: &'a [Health],
    ) -> Self {
        Self {
            name: channel.name.as_str(),
            provider: &channel.provider.name,
            base_url: channel.base_url.as_str(),
            models: channel.models.keys().map(ModelId::as_str).collect(),
            priority: channel.priority,
            weight: channel.weight,
            enabled,
            managed_by,
            opened: true,
            problem: None,
            health: running.iter().find(|health| health.name == channel.name.as_str()),
        }
    }

    fn unusable(listed: &'a Listed, problem: &'a str) -> Self {
        Self {
            name: &listed.name,
            provider: "",
            base_url: "",
            models: Vec::new(),
            priority: 0,
            weight: 0,
            enabled: listed.enabled,
            managed_by: "api",
            opened: listed.unopened.is_none(),
            problem: Some(problem),
            health: None,
        }
    }

    /// In a word or two.
    fn state(&self) -> String {
        if let Some(problem) = self.problem {
            return format!("cannot be used: {problem}");
        }
        match self.health {
            _ if !self.enabled => "disabled".to_owned(),
            None if !self.opened => "enabled, not opened here".to_owned(),
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
