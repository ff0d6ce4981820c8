//! One gate to every chat model: the binary.
//!
//! Here everything meets: flags, configuration, and the parts that are put together out of it.
//! Exit codes: 0 done, 1 failed, 2 wrong usage.

use std::{process::ExitCode, thread};

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::{cli::Cli, error::CliError};

mod admin_client;
mod allocator;
mod channel_book;
mod cli;
mod config;
mod csv;
mod error;
mod logging;
mod print;
mod signals;
mod wiring;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = runtime()
        .map_err(CliError::Runtime)
        .and_then(|runtime| runtime.block_on(cli::run(cli)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has enough of it, as `head` does.
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            print::failure(&error);
            ExitCode::FAILURE
        }
    }
}

/// On one core a second thread would only add switches between them.
fn runtime() -> std::io::Result<Runtime> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut builder = if cores == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder.enable_all().build()
}
