//! What the gate costs, beside a plain nginx and the provider called directly.
//!
//! One run measures all three on one fake provider, in rounds, so that what the machine does
//! meanwhile hits all of them; ratios are taken within a round. Nothing here is a test: a slow
//! machine changes figures, never the exit code. What is measured, and how: `bench/README.md`.

mod cores;
mod error;
mod figures;
mod load;
mod plan;
mod process;
mod report;
mod rounds;
mod stand;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use error::BenchError;
use plan::{Load, Plan};

#[derive(Parser)]
#[command(about = "Measures the gate beside nginx and the provider called directly")]
struct Flags {
    /// Short runs, to see that everything works; the figures mean little.
    #[arg(long)]
    quick: bool,
    /// How often everything is measured; figures are medians over the rounds.
    #[arg(long)]
    rounds: Option<usize>,
    /// Only this load, and the processes are named, so that a profiler can be attached.
    #[arg(long)]
    only: Option<Load>,
    /// How long each load runs.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u32>,
    /// Also writes the table between the marks in this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// The gate's binary; otherwise the one beside this program.
    #[arg(long, value_name = "FILE")]
    gate: Option<PathBuf>,
    /// An earlier binary of the gate, measured beside this one in place of the bare proxy.
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// The nginx binary; otherwise from PATH, else unpacked from Debian's package.
    #[arg(long, value_name = "FILE")]
    nginx: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    match until_interrupted(measured(&flags)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measured(flags: &Flags) -> Result<(), BenchError> {
    let mut plan = if flags.quick { Plan::quick() } else { Plan::full() };
    if let Some(rounds) = flags.rounds {
        plan.rounds = rounds.max(1);
    }
    plan.only = flags.only;
    if let Some(seconds) = flags.seconds {
        plan.last(Duration::from_secs(seconds.max(1).into()));
    }
    let binaries =
        stand::Binaries::found(flags.gate.clone(), flags.before.clone(), flags.nginx.clone()).await?;
    let figures = rounds::measure(&plan, &binaries).await?;
    let text = report::markdown(&plan, &binaries, &figures);
    let told = std::io::stdout().write_all(text.as_bytes());
    told.map_err(|error| BenchError::file("standard output", error))?;
    match &flags.write {
        Some(file) => report::write_between_marks(file, &text),
        None => Ok(()),
    }
}

/// Gives up at Ctrl-C or SIGTERM; what was started is ended by being dropped.
async fn until_interrupted(work: impl Future<Output = Result<(), BenchError>>) -> Result<(), BenchError> {
    let asked = |kind| signal(kind).map_err(|error| BenchError::file("signals", error));
    let mut interrupt = asked(SignalKind::interrupt())?;
    let mut terminate = asked(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => Err(BenchError::Interrupted),
        _ = terminate.recv() => Err(BenchError::Interrupted),
    }
}
