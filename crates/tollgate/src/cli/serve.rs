//! `tollgate serve`: the gate, until it is told to end.

use clap::Args;
use tollgate_store::spool::OnDamage;
use tracing::{error, info, warn};

use crate::{
    allocator, cli,
    config::{Config, ConfigFile},
    error::CliError,
    logging, print,
    signals::{Signal, Signals},
    wiring::Running,
};

#[derive(Debug, Args)]
pub struct Serve {
    /// Start although a file of the spool is damaged: what stands before the damage is taken, the file is set aside
    #[arg(long)]
    skip_damaged: bool,
}

pub async fn run(asked: Serve, file: &ConfigFile) -> Result<(), CliError> {
    // First of all: one that comes while the gate starts would end it.
    let mut signals = Signals::listen().map_err(CliError::Runtime)?;
    let mut config = cli::load(file)?;
    // A file that was there is not to be missing at a reload: it would be read as one without a channel.
    let found = config.file.clone().map(ConfigFile::Named);
    let file = found.as_ref().unwrap_or(file);
    let _log = logging::start(&config.log).map_err(CliError::Runtime)?;
    log_warnings(&config);
    let on_damage = match asked.skip_damaged {
        true => OnDamage::SetAside,
        false => OnDamage::Refuse,
    };
    let running = Running::start(&config, on_damage).await?;
    // Reading the catalogue takes more than what is kept of it.
    allocator::give_back();
    // The data plane comes last: whoever waits for it knows both.
    print::line(&format!("admin on http://{}", running.admin_address))?;
    print::line(&format!("listening on http://{}", running.address))?;
    info!(address = %running.address, channels = config.channels.enabled.len(), "gate is up");

    while let Signal::Reload = signals.next().await {
        reload(file, &running, &mut config);
    }

    info!("shutting down; a second signal ends at once");
    let stopped = running.stop();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            () = &mut stopped => break,
            signal = signals.next() => match signal {
                Signal::Stop => return Err(CliError::Cut),
                Signal::Reload => {}
            },
        }
    }
    info!("gate is down");
    Ok(())
}

/// Puts the channels of the file as it is now in the place of those in use. All or nothing: with
/// any mistake in it, everything stays as it is.
fn reload(file: &ConfigFile, running: &Running, config: &mut Config) {
    let new = match cli::reload(file, config) {
        Ok(new) => new,
        Err(errors) => {
            for mistake in errors.iter() {
                error!(%mistake, "configuration is not reloaded: nothing changed");
            }
            return;
        }
    };
    for field in new.needs_restart(config) {
        warn!(field, "changed field counts only after a restart");
    }
    log_warnings(&new);
    match running.channels.reload(&new, &running.gate) {
        Ok(channels) => info!(channels, "configuration reloaded"),
        Err(error) => {
            error!(%error, "configuration is not reloaded: nothing changed");
            return;
        }
    }
    config.channels = new.channels;
}

fn log_warnings(config: &Config) {
    for warning in config.warnings(cli::today()) {
        warn!(%warning, "configuration");
    }
}
