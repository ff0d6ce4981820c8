//! `tollgate keys`: API keys, in the database. A running gate knows within a second.

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use tollgate_ledger::{Account, KeySettings, KeyText};
use tollgate_store::{NewKey, NewText, Store};

use self::{import::Import, settings::SettingArgs, shown::Row};
use super::{
    AlwaysJson, Listing,
    value::{name, seconds, time},
};
use crate::{config::Config, error::CliError, print};

mod import;
mod settings;
mod shown;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key and print it: alone on standard output, and never again
    #[command(after_help = "\
Examples:
  tollgate keys create --name my-app
  KEY=$(tollgate keys create --name ci --expires-in 30d --concurrency 4)
  tollgate keys create --name batch --account research --models gpt-4o,claude-sonnet-4-6 \
--requests-per-minute 60")]
    Create(Create),
    /// Print all that is known of a key as JSON; the key itself is not kept and cannot be shown
    Show(Shown),
    /// List all keys; the keys themselves are not kept and cannot be shown
    List(Listing),
    /// Change what is set at a key, and leave the rest
    #[command(after_help = "\
Examples:
  tollgate keys update --name my-app --tokens-per-minute 200000
  tollgate keys update --name my-app --tokens-per-minute none --models all --allow-ip any")]
    Update(Update),
    /// Switch a key off; it can be switched on again
    Disable(Named),
    /// Switch a key on again
    Enable(Named),
    /// Give a key another text and print it as `create` does; the one before ends
    #[command(after_help = "\
Examples:
  KEY=$(tollgate keys rotate --name my-app --overlap 24h)
  KEY=$(tollgate keys rotate --name leaked --overlap 0s)")]
    Rotate(Rotate),
    /// End the use of a key; its name is free again
    Revoke(Named),
    /// Take over keys of another gate, which go on working: all of a file or none
    #[command(after_help = "\
Fields: name, and key (the secret itself) or sha256 (of it, in hexadecimal); and where wanted account, balance, models, \
channels, not_channels, allow_ip, expires, enabled, requests_per_minute, tokens_per_minute, concurrency, budget, \
budget_per, reserve, strict_parameters. Lists have commas in them. An account that is not there is made, with its \
balance in dollars as credit.

Examples:
  tollgate keys import keys.csv --dry-run
  tollgate keys import keys.jsonl")]
    Import(Import),
}

#[derive(Debug, Args)]
pub struct Named {
    /// The key's name
    #[arg(long, value_parser = name)]
    name: String,
}

#[derive(Debug, Args)]
pub struct Shown {
    /// The key's name
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    _form: AlwaysJson,
}

#[derive(Debug, Args)]
pub struct Create {
    /// What to call it; two keys in use never have one name
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Debug, Args)]
pub struct Update {
    /// The key's name
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Debug, Args)]
pub struct Rotate {
    /// The key's name
    #[arg(long, value_parser = name)]
    name: String,
    /// How long the text before works on, such as 24h; 0s ends it at once
    #[arg(long, value_name = "TIME", value_parser = time)]
    overlap: SignedDuration,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    // A file that cannot be read is no reason to make a database.
    let file = match &command {
        Command::Import(asked) => asked.text()?,
        _ => String::new(),
    };
    let store = match &command {
        Command::Import(asked) if asked.is_dry() => Store::open_for_trial(&config.database).await?,
        Command::Create(_) | Command::Import(_) => Store::open(&config.database).await?,
        _ => Store::open_existing(&config.database).await?,
    };
    if let Command::Import(_) = &command
        && let Err(none) = Store::is_there(&config.database)
    {
        print::remark(&format!("Note: {none}; an import makes one."));
    }
    let done = match command {
        Command::Create(create) => self::create(create, config, &store).await,
        Command::Show(shown) => show(&shown.name, &store).await,
        Command::List(listing) => list(&listing, &store).await,
        Command::Update(update) => self::update(update, config, &store).await,
        Command::Disable(Named { name }) => switch(&name, false, &store).await,
        Command::Enable(Named { name }) => switch(&name, true, &store).await,
        Command::Rotate(rotate) => self::rotate(rotate, &store).await,
        Command::Revoke(Named { name }) => revoke(&name, &store).await,
        Command::Import(asked) => import::run(asked, &file, config, &store).await,
    };
    store.close().await;
    done
}

async fn create(asked: Create, config: &Config, store: &Store) -> Result<(), CliError> {
    asked.settings.check_models(config, store).await?;
    asked.settings.remark_on_channels(config, store).await?;
    let now = Timestamp::now();
    let mut settings = KeySettings::of_account(Account::DEFAULT);
    asked.settings.change(&mut settings, now)?;
    let (text, kept) = new_text()?;
    let new = NewKey {
        name: asked.name,
        text: kept,
        created: now,
        settings,
    };
    let key = store.create_key(new).await?;
    print::line(text.reveal())?;
    let end = key.settings.expires;
    let end = end.map(|end| format!(", usable until {}", seconds(end)));
    print::remark(&format!(
        "Made key `{}`{}. It is shown this once: keep it.",
        key.name,
        end.unwrap_or_default()
    ));
    Ok(())
}

/// A text that nobody has seen before, and what is kept of it.
fn new_text() -> Result<(KeyText, NewText), CliError> {
    let mut random = [0; KeyText::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(CliError::Random)?;
    let text = KeyText::from_random(&random);
    let kept = NewText {
        hash: text.hash(),
        prefix: text.prefix(),
    };
    Ok((text, kept))
}

async fn show(name: &str, store: &Store) -> Result<(), CliError> {
    let key = store.key(name).await?;
    print::json(&Row::of(&key, Timestamp::now()))
}

async fn list(listing: &Listing, store: &Store) -> Result<(), CliError> {
    let now = Timestamp::now();
    let keys = store.keys().await?;
    if listing.json {
        let rows: Vec<Row<'_>> = keys.iter().map(|key| Row::of(key, now)).collect();
        return print::json(&rows);
    }
    shown::table(&keys, now)
}

async fn update(asked: Update, config: &Config, store: &Store) -> Result<(), CliError> {
    if asked.settings.is_empty() {
        return Err(CliError::NothingToChange);
    }
    asked.settings.check_models(config, store).await?;
    asked.settings.remark_on_channels(config, store).await?;
    let now = Timestamp::now();
    let Update { name, settings } = asked;
    let change = |of_key: &mut KeySettings| settings.change(of_key, now);
    let key = store.update_key(&name, change).await?;
    print::remark(&format!("Changed key `{}` ({}…).", key.name, key.prefix));
    Ok(())
}

async fn switch(name: &str, on: bool, store: &Store) -> Result<(), CliError> {
    let change = |settings: &mut KeySettings| {
        settings.enabled = on;
        Ok::<_, CliError>(())
    };
    let key = store.update_key(name, change).await?;
    let done = if on { "Enabled" } else { "Disabled" };
    print::remark(&format!("{done} key `{}` ({}…).", key.name, key.prefix));
    Ok(())
}

async fn rotate(asked: Rotate, store: &Store) -> Result<(), CliError> {
    let (text, kept) = new_text()?;
    let now = Timestamp::now();
    let before_ends = now.checked_add(asked.overlap).unwrap_or(Timestamp::MAX);
    let key = store.rotate_key(&asked.name, kept, now, before_ends).await?;
    print::line(text.reveal())?;
    print::remark(&format!(
        "Key `{}` has a new text, shown this once: keep it. The one before works until {}.",
        key.name,
        seconds(before_ends)
    ));
    Ok(())
}

async fn revoke(name: &str, store: &Store) -> Result<(), CliError> {
    let key = store.revoke_key(name, Timestamp::now()).await?;
    print::remark(&format!("Revoked key `{}` ({}…).", key.name, key.prefix));
    Ok(())
}
