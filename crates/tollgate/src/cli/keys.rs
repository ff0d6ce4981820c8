//! `tollgate keys`: API keys, in the database. A running gate knows within a second.

use std::num::NonZeroU32;

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::Serialize;
use tollgate_ledger::{ApiKey, KeyText, Unusable};
use tollgate_store::{NewKey, Store};

use super::Listing;
use crate::{config::Config, error::CliError, print};

const NAME_MAX: usize = 100;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key and print it: alone on standard output, and never again
    #[command(after_help = "\
Examples:
  tollgate keys create --name my-app
  KEY=$(tollgate keys create --name ci --expires-in 30d --concurrency 4)")]
    Create(Create),
    /// List all keys; the keys themselves are not kept and cannot be shown
    List(Listing),
    /// End the use of a key; its name is free again
    Revoke {
        /// The key's name
        #[arg(long, value_parser = name)]
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct Create {
    /// What to call it; two keys in use never have one name
    #[arg(long, value_parser = name)]
    name: String,
    /// How long it can be used, such as 30d, 12h or 90m [default: without end]
    #[arg(long, value_name = "TIME", value_parser = time_from_now)]
    expires_in: Option<SignedDuration>,
    /// Most requests at once [default: no limit]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroU32>,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let store = Store::open(&config.database).await?;
    let done = match command {
        Command::Create(create) => self::create(create, &store).await,
        Command::List(listing) => list(&listing, &store).await,
        Command::Revoke { name } => revoke(&name, &store).await,
    };
    store.close().await;
    done
}

async fn create(asked: Create, store: &Store) -> Result<(), CliError> {
    let mut random = [0; KeyText::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(CliError::Random)?;
    let text = KeyText::from_random(&random);
    let now = Timestamp::now();
    let new = NewKey {
        name: asked.name,
        hash: text.hash(),
        prefix: text.prefix(),
        created: now,
        // Beyond the end of the calendar is without end.
        expires: asked.expires_in.and_then(|time| now.checked_add(time).ok()),
        concurrency: asked.concurrency,
    };
    let key = store.create_key(new).await?;
    print::line(text.reveal())?;
    let end = key
        .expires
        .map(|end| format!(", usable until {}", seconds(end)))
        .unwrap_or_default();
    print::remark(&format!(
        "Made key `{}`{end}. It is shown this once: keep it.",
        key.name
    ));
    Ok(())
}

async fn list(listing: &Listing, store: &Store) -> Result<(), CliError> {
    let now = Timestamp::now();
    let keys = store.keys().await?;
    if listing.json {
        let rows: Vec<Row<'_>> = keys.iter().map(|key| Row::of(key, now)).collect();
        return print::json(&rows);
    }
    let rows = keys.iter().map(|key| {
        [
            key.name.clone(),
            format!("{key_prefix}…", key_prefix = key.prefix),
            state(key, now).to_owned(),
            seconds(key.created),
            key.expires.map_or("never".to_owned(), seconds),
            key.concurrency
                .map_or("no limit".to_owned(), |limit| limit.to_string()),
        ]
    });
    print::table(
        ["NAME", "KEY", "STATE", "CREATED", "EXPIRES", "CONCURRENCY"],
        rows,
    )
}

async fn revoke(name: &str, store: &Store) -> Result<(), CliError> {
    let key = store.revoke_key(name, Timestamp::now()).await?;
    print::remark(&format!("Revoked key `{}` ({}…).", key.name, key.prefix));
    Ok(())
}

/// A key as `--json` shows it.
#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    name: &'a str,
    prefix: &'a str,
    state: &'static str,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
    concurrency: Option<NonZeroU32>,
}

impl<'a> Row<'a> {
    fn of(key: &'a ApiKey, now: Timestamp) -> Self {
        Self {
            id: key.id.get(),
            name: &key.name,
            prefix: key.prefix.as_str(),
            state: state(key, now),
            created: seconds(key.created),
            expires: key.expires.map(seconds),
            revoked: key.revoked.map(seconds),
            concurrency: key.concurrency,
        }
    }
}

fn state(key: &ApiKey, now: Timestamp) -> &'static str {
    match key.usable(now) {
        Ok(()) => "active",
        Err(Unusable::Expired) => "expired",
        Err(Unusable::Revoked) => "revoked",
    }
}

/// As RFC 3339 writes it, in whole seconds.
fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn name(text: &str) -> Result<String, WrongName> {
    let fits = !text.trim().is_empty()
        && text.trim() == text
        && text.chars().count() <= NAME_MAX
        && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(WrongName) }
}

#[derive(Debug, thiserror::Error)]
#[error("a name has 1 to {NAME_MAX} characters and no white space around it")]
struct WrongName;

fn time_from_now(text: &str) -> Result<SignedDuration, WrongTime> {
    let span: Span = text.parse().map_err(|_| WrongTime)?;
    let time = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| WrongTime)?;
    if time.is_positive() {
        Ok(time)
    } else {
        Err(WrongTime)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a time is written as 30d, 12h, 90m or 1w")]
struct WrongTime;
