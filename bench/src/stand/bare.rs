//! The gate's HTTP libraries without the gate.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Providers;
use crate::cores::Cores;
use crate::error::BenchError;
use crate::process::Process;

pub(super) struct StartedBare {
    pub(super) process: Process,
    pub(super) fast: SocketAddr,
    pub(super) slow: SocketAddr,
}

pub(super) fn started(
    binary: &Path,
    cores: Cores,
    providers: &Providers,
    folder: &Path,
) -> Result<StartedBare, BenchError> {
    let mut command = Command::new(binary);
    for provider in [providers.fast_address, providers.slow_address] {
        command.arg("--to").arg(provider.to_string());
    }
    let log = folder.join("bare.log");
    let mut process = cores.on(cores.measured, || {
        Process::start("the bare proxy", &mut command, &log)
    })??;
    let fast = process.listening()?;
    let slow = process.listening()?;
    Ok(StartedBare { process, fast, slow })
}
