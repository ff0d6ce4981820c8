//! The gate as an operator runs it: an API key, its default logs, two channels.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use tollgate_testkit::gate::{Channel, GateSetup, Written};

use super::Providers;
use crate::cores::Cores;
use crate::error::BenchError;
use crate::load::request::{FAST_MODEL, SLOW_MODEL};
use crate::process::Process;

pub(super) struct StartedGate {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    pub(super) key: String,
    /// Whether it has the embedded model.
    pub(super) has_model: bool,
    /// Its configuration and database, removed when dropped.
    pub(super) files: Written,
}

pub(super) async fn started(
    binary: &Path,
    cores: Cores,
    providers: &Providers,
    models: &Path,
    tables: &str,
) -> Result<StartedGate, BenchError> {
    let channel = |name, address: SocketAddr, model| {
        Channel::at(&format!("http://{address}/v1"))
            .named(name)
            .models([model])
    };
    let files = GateSetup::of(binary)
        .channel(channel("fast", providers.fast_address, FAST_MODEL))
        .channel(channel("slow", providers.slow_address, SLOW_MODEL))
        .config("[sandbox]\nenabled = true")
        .config(tables)
        .written();
    let has_model = models.is_dir();
    if has_model {
        let link = files.data_dir().join("models");
        std::fs::create_dir_all(files.data_dir())
            .and_then(|()| std::os::unix::fs::symlink(models, &link))
            .map_err(|error| BenchError::file(&link, error))?;
    }
    let made = files.command(&["keys", "create", "--name", "bench"]).await;
    if !made.success() {
        return Err(BenchError::NotStarted {
            name: "the gate",
            reason: made.stderr,
        });
    }
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .arg("--config")
        .arg(files.config_path())
        .current_dir(files.dir());
    // Its logs go to a file, as they would in service.
    let log = files.dir().join("gate.log");
    let mut process = cores.on(cores.measured, || Process::start("the gate", &mut command, &log))??;
    let address = process.listening().map_err(|_| BenchError::NotStarted {
        name: "the gate",
        reason: std::fs::read_to_string(&log).unwrap_or_default(),
    })?;
    Ok(StartedGate {
        process,
        address,
        has_model,
        key: made.stdout.trim().to_owned(),
        files,
    })
}
