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

/// Of both models, so that every request is charged.
const PRICE: &str = r#"{ input = "2.50", cached_input = "1.25", output = "10.00" }"#;
/// More than any run needs.
const PLENTY: &str = "4000000000";
const CREDIT: &str = "1000000000";

pub(crate) struct StartedGate {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
    /// A key with every limit, of an account with credit; `None`: an earlier gate, which knows none.
    pub(crate) limited_key: Option<String>,
    /// Whether it has the embedded model.
    pub(super) has_model: bool,
    /// Its configuration and database, removed when dropped.
    pub(super) files: Written,
}

pub(crate) async fn started(
    binary: &Path,
    cores: Cores,
    providers: &Providers,
    models: &Path,
    tables: &str,
) -> Result<StartedGate, BenchError> {
    let (files, key) = match with_key(binary, providers, tables, Some(PRICE)).await {
        Ok(made) => made,
        // An earlier gate, which knows no prices; another mistake stays one without them.
        Err(_) => with_key(binary, providers, tables, None).await?,
    };
    let has_model = models.is_dir();
    if has_model {
        let link = files.data_dir().join("models");
        std::fs::create_dir_all(files.data_dir())
            .and_then(|()| std::os::unix::fs::symlink(models, &link))
            .map_err(|error| BenchError::file(&link, error))?;
    }
    let limited_key = limited_key(&files).await;
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
        limited_key,
        key,
        files,
    })
}

/// A configuration with both channels, and an API key.
async fn with_key(
    binary: &Path,
    providers: &Providers,
    tables: &str,
    price: Option<&str>,
) -> Result<(Written, String), BenchError> {
    let channel = |name, address: SocketAddr, model| {
        let channel = Channel::at(&format!("http://{address}/v1"))
            .named(name)
            .models([model]);
        match price {
            Some(price) => channel.set("prices", &format!("{{ {model} = {price} }}")),
            None => channel,
        }
    };
    let files = GateSetup::of(binary)
        .channel(channel("fast", providers.fast_address, FAST_MODEL))
        .channel(channel("slow", providers.slow_address, SLOW_MODEL))
        .config("[sandbox]\nenabled = true")
        .config(tables)
        .written();
    let made = files.command(&["keys", "create", "--name", "bench"]).await;
    match made.success() {
        true => Ok((files, made.stdout.trim().to_owned())),
        false => Err(BenchError::NotStarted {
            name: "the gate",
            reason: made.stderr,
        }),
    }
}

/// A key for which all is counted that can be.
async fn limited_key(files: &Written) -> Option<String> {
    let account = ["accounts", "create", "--name", "limited"];
    let credit = ["accounts", "credit", "--name", "limited", "--amount", CREDIT];
    for command in [&account[..], &credit[..]] {
        if !files.command(command).await.success() {
            return None;
        }
    }
    let key = ["keys", "create", "--name", "limited", "--account", "limited"];
    let limits = [
        ["--budget", CREDIT],
        ["--budget-per", "month"],
        ["--requests-per-minute", PLENTY],
        ["--tokens-per-minute", PLENTY],
        ["--concurrency", "100000"],
    ];
    let made = files.command(&[&key[..], limits.as_flattened()].concat()).await;
    made.success().then(|| made.stdout.trim().to_owned())
}
