//! The command line: what can be asked for, and who does it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::{
    config::{self, Config, ConfigErrors, ConfigFile, Environment},
    error::CliError,
};

mod accounts;
mod backup;
mod channels;
mod check;
mod explain;
mod health;
mod keys;
mod ledger;
mod limits;
mod models;
mod operators;
mod serve;
mod unpriced;
mod usage;
mod value;

const EXAMPLES: &str = "\
Examples:
  tollgate models pull                  get the embedded model, once
  tollgate keys create --name my-app    make an API key
  tollgate serve                        answer on http://127.0.0.1:8700
  tollgate check --config prod.toml     look a configuration over";

/// One gate to every chat model.
///
/// Applications call POST /v1/chat/completions with one API key; the gate checks the request
/// against the model's contract, carries it to the right provider, and answers in one shape.
/// Without a configuration file everything has its default, and the embedded model answers.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = EXAMPLES, verbatim_doc_comment)]
pub struct Cli {
    /// Configuration file [default: tollgate.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until SIGTERM or Ctrl-C; SIGHUP reads the configuration again
    Serve(serve::Serve),
    /// Read the configuration and say what it comes to, without starting anything
    Check,
    /// Make, change and revoke API keys; a running gate knows within a second
    #[command(subcommand)]
    Keys(keys::Command),
    /// Make and change accounts, which own keys, and give them credit
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Make operators, who use the admin API, and what they sign in with
    #[command(subcommand)]
    Operators(operators::Command),
    /// Check the books
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Copy the database into a new file, while the gate runs or not
    Backup(backup::Backup),
    /// Add up what was used and what it cost
    Usage(usage::Usage),
    /// List the configured channels, and try them
    #[command(subcommand)]
    Channels(channels::Command),
    /// Ask the gate of this configuration whether it is alive; ends with 1 where it is not
    Health(health::Health),
    /// Say what became of one request: channels, attempts, times, what was changed; as the running gate remembers it, else what the books have
    Explain(explain::Explain),
    /// List the models, and get the embedded one
    #[command(subcommand)]
    Models(models::Command),
}

/// How a list is printed.
#[derive(Debug, Args)]
struct Listing {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How one thing is printed: as JSON, also for scripts that ask for it everywhere.
#[derive(Debug, Args)]
struct AlwaysJson {
    #[arg(long = "json", hide = true)]
    _json: bool,
}

/// Does what was asked for.
pub async fn run(cli: Cli) -> Result<(), CliError> {
    let file = match cli.config {
        Some(path) => ConfigFile::Named(path),
        None => ConfigFile::Default,
    };
    match cli.command {
        Command::Serve(asked) => serve::run(asked, &file).await,
        Command::Check => check::run(&load(&file)?).await,
        Command::Keys(command) => keys::run(command, &load(&file)?).await,
        Command::Accounts(command) => accounts::run(command, &load(&file)?).await,
        Command::Operators(command) => operators::run(command, &load(&file)?).await,
        Command::Ledger(command) => ledger::run(command, &load(&file)?).await,
        Command::Backup(asked) => backup::run(asked, &load(&file)?).await,
        Command::Usage(asked) => usage::run(asked, &load(&file)?).await,
        Command::Channels(command) => channels::run(command, &load(&file)?).await,
        Command::Health(asked) => health::run(asked, &load(&file)?).await,
        Command::Explain(command) => explain::run(command, &load(&file)?).await,
        Command::Models(command) => models::run(command, &load(&file)?).await,
    }
}

/// The configuration as it is at this moment.
fn load(file: &ConfigFile) -> Result<Config, ConfigErrors> {
    config::load(file, &Environment::of_process())
}

/// The same for a gate that runs by `running`.
fn reload(file: &ConfigFile, running: &Config) -> Result<Config, ConfigErrors> {
    config::reload(file, &Environment::of_process(), running)
}

/// The day by which models are said to end: UTC's, as the catalogue's dates are.
fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
