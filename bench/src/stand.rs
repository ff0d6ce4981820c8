//! The test stand: the provider, and what stands before it.

mod bare;
pub(crate) mod gate;
mod nginx;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tollgate_testkit::gate::Written;

use crate::cores::Cores;
use crate::error::BenchError;
use crate::plan::Plan;
use crate::process::Process;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Direct,
    Nginx,
    /// The gate's HTTP libraries alone; or an earlier gate, where one is named.
    Bare,
    Gate,
}

impl Target {
    pub(crate) const COUNT: usize = 4;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Direct, Self::Nginx, Self::Bare, Self::Gate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Bare => "what stands beside the gate",
            Self::Gate => "gate",
        }
    }
}

/// The programs that a run needs.
pub(crate) struct Binaries {
    pub(crate) gate: PathBuf,
    nginx: PathBuf,
    provider: PathBuf,
    bare: PathBuf,
    /// An earlier gate, which takes the place of the bare proxy.
    pub(crate) before: Option<PathBuf>,
    /// Where the embedded model is, if it is.
    models: PathBuf,
    pub(crate) nginx_version: String,
}

impl Binaries {
    /// Finds the gate and the provider beside this program, and an nginx.
    pub(crate) async fn found(
        gate: Option<PathBuf>,
        before: Option<PathBuf>,
        nginx: Option<PathBuf>,
    ) -> Result<Self, BenchError> {
        let own = std::env::current_exe().map_err(|error| BenchError::file("this program", error))?;
        let beside = own.parent().unwrap_or(Path::new("."));
        // Absolute, since each is started in a folder of its own.
        let built = |path: PathBuf, package| {
            path.canonicalize()
                .map_err(|_| BenchError::NotBuilt { path, package })
        };
        let gate = gate.unwrap_or_else(|| beside.join("tollgate"));
        let nginx = match nginx {
            Some(path) => path,
            None => nginx::found(&beside.join("nginx")).await?,
        };
        Ok(Self {
            gate: built(gate, "tollgate")?,
            provider: built(beside.join("fake-provider"), "tollgate-testkit")?,
            bare: built(beside.join("bare-proxy"), "tollgate-bench")?,
            before: before.map(|before| built(before, "tollgate")).transpose()?,
            models: std::path::absolute("data/models").unwrap_or_default(),
            nginx_version: nginx::version(&nginx)?,
            nginx,
        })
    }
}

/// Two providers: one that answers at once, and one whose streams have a chunk a second.
pub(crate) struct Providers {
    fast: Process,
    slow: Process,
    pub(crate) fast_address: SocketAddr,
    pub(crate) slow_address: SocketAddr,
    _folder: TempDir,
}

impl Providers {
    pub(crate) fn started(binaries: &Binaries, cores: Cores, plan: &Plan) -> Result<Self, BenchError> {
        let folder = folder()?;
        let start = |log: &str, chunks: u64, interval_ms: u32| {
            let mut command = Command::new(&binaries.provider);
            command
                .args(["--listen", "127.0.0.1:0"])
                .args(["--chunks", &chunks.to_string()])
                .args(["--interval-ms", &interval_ms.to_string()]);
            let log = folder.path().join(log);
            cores.on(cores.provider, || {
                Process::start("the fake provider", &mut command, &log)
            })?
        };
        let mut fast = start("fast.log", 16, 0)?;
        // A stream has to outlive the opening of all of them and the counting.
        let mut slow = start("slow.log", plan.streaming.as_secs() + 60, 1000)?;
        Ok(Self {
            fast_address: fast.listening()?,
            slow_address: slow.listening()?,
            fast,
            slow,
            _folder: folder,
        })
    }

    /// Whether both still run.
    pub(crate) fn are_alive(&mut self) -> bool {
        !self.fast.has_ended() && !self.slow.has_ended()
    }
}

/// nginx, the bare proxy and the gate in front of the providers, fresh for one round.
pub(crate) struct Stand {
    nginx: Process,
    bare: Process,
    gate: Process,
    /// A gate that takes no more at once than the closed loop asks.
    pressed: gate::StartedGate,
    fast: [SocketAddr; Target::COUNT],
    slow: [SocketAddr; Target::COUNT],
    keys: [String; Target::COUNT],
    has_model: bool,
    limited_key: Option<String>,
    _gate_files: Vec<Written>,
    _folder: TempDir,
}

impl Stand {
    pub(crate) async fn started(
        binaries: &Binaries,
        cores: Cores,
        providers: &Providers,
        plan: &Plan,
    ) -> Result<Self, BenchError> {
        let folder = folder()?;
        let nginx = nginx::started(&binaries.nginx, cores, providers, folder.path()).await?;
        let gate = gate::started(&binaries.gate, cores, providers, &binaries.models, "").await?;
        let limits = format!("[limits]\nmax_in_flight = {}", plan.connections);
        let pressed = gate::started(&binaries.gate, cores, providers, Path::new(""), &limits).await?;
        let mut files = vec![gate.files];
        let (bare, fast, slow, key) = match &binaries.before {
            Some(before) => {
                let before = gate::started(before, cores, providers, &binaries.models, "").await?;
                files.push(before.files);
                (before.process, before.address, before.address, before.key)
            }
            None => {
                let bare = bare::started(&binaries.bare, cores, providers, folder.path())?;
                (bare.process, bare.fast, bare.slow, gate.key.clone())
            }
        };
        Ok(Self {
            fast: [providers.fast_address, nginx.fast, fast, gate.address],
            slow: [providers.slow_address, nginx.slow, slow, gate.address],
            nginx: nginx.process,
            bare,
            gate: gate.process,
            pressed,
            keys: [gate.key.clone(), gate.key.clone(), key, gate.key],
            has_model: gate.has_model,
            limited_key: gate.limited_key,
            _gate_files: files,
            _folder: folder,
        })
    }

    /// Where to reach the provider that answers at once, through `target`.
    pub(crate) fn fast(&self, target: Target) -> SocketAddr {
        self.fast[target as usize]
    }

    /// Where to reach the provider with a chunk a second, through `target`.
    pub(crate) fn slow(&self, target: Target) -> SocketAddr {
        self.slow[target as usize]
    }

    /// The process that is `target`; the provider itself is not measured.
    pub(crate) fn process(&self, target: Target) -> Option<&Process> {
        match target {
            Target::Direct => None,
            Target::Nginx => Some(&self.nginx),
            Target::Bare => Some(&self.bare),
            Target::Gate => Some(&self.gate),
        }
    }

    /// Whether the gate has the embedded model.
    pub(crate) fn has_model(&self) -> bool {
        self.has_model
    }

    /// The gate's API key that has every limit.
    pub(crate) fn limited_key(&self) -> Option<&str> {
        self.limited_key.as_deref()
    }

    /// Address and API key of the gate that is asked for more than it can bear.
    pub(crate) fn pressed(&self) -> (SocketAddr, &str) {
        (self.pressed.address, &self.pressed.key)
    }

    /// The API key for `target`; where none is wanted, the gate's, so that all are sent the same header.
    pub(crate) fn key(&self, target: Target) -> &str {
        &self.keys[target as usize]
    }
}

fn folder() -> Result<TempDir, BenchError> {
    TempDir::with_prefix("tollgate-bench-").map_err(|error| BenchError::file("a temporary folder", error))
}
