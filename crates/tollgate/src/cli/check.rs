//! `tollgate check`: what a configuration comes to.

use tollgate_catalog::{channel::ChannelSettings, model::ModelId};

use crate::{
    channel_book::LookedAt,
    cli::{self, unpriced},
    config::{Config, Sandbox},
    error::CliError,
    print,
};

pub async fn run(config: &Config) -> Result<(), CliError> {
    let looked = LookedAt::of(config).await;
    let config = &looked.config;
    match &config.file {
        Some(file) => print::line(&format!("configuration  {}", file.display()))?,
        None => print::line("configuration  no file; everything has its default")?,
    }
    print::line(&format!("data plane     http://{}", config.server.listen))?;
    print::line(&format!("admin          http://{}", config.server.admin_listen))?;
    print::line(&format!("data           {}", config.server.data_dir.display()))?;
    print::line(&format!("database       {}", config.database))?;
    if let Some(redis) = &config.redis {
        print::line(&format!("redis          {redis}"))?;
    }
    print::line(&format!(
        "catalogue      {} models",
        config.catalog.models().len()
    ))?;
    print::line(&format!("sandbox        {}", sandbox(config)))?;
    print::line(&format!("channels       {}", config.channels.enabled.len()))?;
    for channel in &config.channels.enabled {
        print::line(&format!("  {}", in_short(channel, &looked)))?;
        let models: Vec<&str> = channel.models.keys().map(ModelId::as_str).collect();
        print::line(&format!("    {}", models.join(", ")))?;
    }
    for channel in &config.channels.disabled {
        print::line(&format!("  {}, disabled", in_short(channel, &looked)))?;
    }
    for line in unpriced::in_lines(&looked) {
        print::line(&line)?;
    }
    for problem in &looked.problems {
        print::line(&format!("WARNING: {problem}"))?;
    }
    for warning in config.warnings(cli::today()) {
        print::line(&format!("WARNING: {warning}"))?;
    }
    // What `serve` refuses is no configuration in order: a service manager asks here before it reloads.
    match looked.twice {
        Some(name) => Err(CliError::ChannelTwice { name }),
        None => print::line("The configuration is in order."),
    }
}

fn in_short(channel: &ChannelSettings, looked: &LookedAt) -> String {
    let models = match channel.models.len() {
        1 => "1 model".to_owned(),
        count => format!("{count} models"),
    };
    let made = match looked.is_of_database(&channel.name) {
        true => ", made by the admin API",
        false => "",
    };
    format!(
        "{}: {} at {}, {models}, priority {}, weight {}{made}",
        channel.name, channel.provider.name, channel.base_url, channel.priority, channel.weight,
    )
}

fn sandbox(config: &Config) -> &'static str {
    match (config.sandbox, config.sandbox_is_on()) {
        (Sandbox::On, _) => "on: the embedded model answers for every model without a channel",
        (Sandbox::Off, _) => "off",
        (Sandbox::Auto, true) => "on, since there is no channel: the embedded model answers for every model",
        (Sandbox::Auto, false) => "off, since there are channels",
    }
}
