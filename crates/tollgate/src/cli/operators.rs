//! `tollgate operators`: who may use the admin API. What is changed counts at once.

use std::io::{self, BufRead, IsTerminal};

use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use tollgate_admin::password;
use tollgate_ledger::{KeyPrefix, KeyText, OperatorText};
use tollgate_store::{ListedOperator, NewOperatorToken, OperatorToken, Role, Store};

use super::{
    Listing,
    value::{name, seconds, time_from_now},
};
use crate::{config::Config, error::CliError, print};

/// Longest line that is read for a password.
const LINE_MAX: u64 = 4_096;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an operator with a first token and print it: alone on standard output, and never again
    #[command(after_help = "\
Examples:
  TOKEN=$(tollgate operators create --name anna --role admin)
  tollgate operators create --name dashboard --role viewer --expires-in 90d")]
    Create(Create),
    /// List all operators and their tokens; the tokens themselves are not kept and cannot be shown
    List(Listing),
    /// Give an operator another token and print it, or revoke one
    #[command(after_help = "\
Examples:
  TOKEN=$(tollgate operators token --name anna --label ci --expires-in 30d)
  tollgate operators token --name anna --revoke tgo_Ab12x3")]
    Token(Token),
    /// Give an operator a password to sign in with, read from standard input; sessions before it end
    #[command(after_help = "\
Example:
  printf '%s' \"$PASSWORD\" | tollgate operators password --name anna")]
    Password(Named),
    /// End the use of all that an operator has; the name is free again
    Remove(Named),
}

#[derive(Debug, Args)]
pub struct Named {
    /// The operator's name
    #[arg(long, value_parser = name)]
    name: String,
}

#[derive(Debug, Args)]
pub struct Create {
    /// What to call them; no two operators have one name
    #[arg(long, value_parser = name)]
    name: String,
    /// What they may do: admin (everything) or viewer (look at everything)
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// How long the token can be used, such as 90d; without it, until it is revoked
    #[arg(long, value_name = "TIME", value_parser = time_from_now)]
    expires_in: Option<SignedDuration>,
}

#[derive(Debug, Args)]
pub struct Token {
    /// The operator's name
    #[arg(long, value_parser = name)]
    name: String,
    /// What it is for
    #[arg(long, value_parser = name, default_value = "token", conflicts_with = "revoke")]
    label: String,
    /// How long it can be used, such as 30d; without it, until it is revoked
    #[arg(long, value_name = "TIME", value_parser = time_from_now, conflicts_with = "revoke")]
    expires_in: Option<SignedDuration>,
    /// Revoke the token that begins like this, as `list` shows it
    #[arg(long, value_name = "PREFIX")]
    revoke: Option<String>,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let store = match command {
        Command::Create(_) => Store::open(&config.database).await?,
        _ => Store::open_existing(&config.database).await?,
    };
    let done = match command {
        Command::Create(create) => self::create(create, &store).await,
        Command::List(listing) => list(&listing, &store).await,
        Command::Token(token) => self::token(token, &store).await,
        Command::Password(Named { name }) => password(&name, &store).await,
        Command::Remove(Named { name }) => remove(&name, &store).await,
    };
    store.close().await;
    done
}

async fn create(asked: Create, store: &Store) -> Result<(), CliError> {
    let now = Timestamp::now();
    let (text, token) = new_token("token", asked.expires_in, now)?;
    let operator = store
        .create_operator_with_token(&asked.name, asked.role, &token, now)
        .await?;
    print::line(text.reveal())?;
    print::remark(&format!(
        "Made operator `{}` ({}). The token is shown this once: keep it.",
        operator.name,
        operator.role.as_str()
    ));
    Ok(())
}

async fn token(asked: Token, store: &Store) -> Result<(), CliError> {
    if let Some(prefix) = asked.revoke {
        let prefix = KeyPrefix::from_stored(prefix.trim_end_matches('…').to_owned());
        store
            .revoke_operator_token(&asked.name, &prefix, Timestamp::now())
            .await?;
        print::remark(&format!("Revoked the token {prefix}… of `{}`.", asked.name));
        return Ok(());
    }
    let now = Timestamp::now();
    let (text, token) = new_token(&asked.label, asked.expires_in, now)?;
    store.add_operator_token(&asked.name, &token, now).await?;
    print::line(text.reveal())?;
    print::remark(&format!(
        "`{}` has another token, shown this once: keep it.",
        asked.name
    ));
    Ok(())
}

/// The text of a new token, and how it is kept.
fn new_token(
    label: &str,
    expires_in: Option<SignedDuration>,
    now: Timestamp,
) -> Result<(OperatorText, NewOperatorToken), CliError> {
    let mut random = [0; KeyText::RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(CliError::Random)?;
    let text = OperatorText::token(&random);
    let token = NewOperatorToken {
        name: label.to_owned(),
        hash: text.hash(),
        prefix: text.prefix(),
        // Beyond the end of the calendar is without end.
        expires: expires_in.and_then(|time| now.checked_add(time).ok()),
    };
    Ok((text, token))
}

async fn password(name: &str, store: &Store) -> Result<(), CliError> {
    if io::stdin().is_terminal() {
        print::remark("Type the password and Enter; it is visible as you type.");
    }
    let mut line = String::new();
    let mut input = io::Read::take(io::stdin().lock(), LINE_MAX);
    input.read_line(&mut line).map_err(CliError::Input)?;
    let password = line.trim_end_matches(['\r', '\n']);
    let hash = password::hash(password)?;
    store.set_operator_password(name, &hash, Timestamp::now()).await?;
    print::remark(&format!("`{name}` has a new password."));
    Ok(())
}

async fn remove(name: &str, store: &Store) -> Result<(), CliError> {
    store.remove_operator(name, Timestamp::now()).await?;
    print::remark(&format!("Removed operator `{name}`."));
    Ok(())
}

async fn list(listing: &Listing, store: &Store) -> Result<(), CliError> {
    let operators = store.operators().await?;
    if listing.json {
        let rows: Vec<Row<'_>> = operators.iter().map(Row::of).collect();
        return print::json(&rows);
    }
    let rows = operators.iter().map(|listed| {
        let now = Timestamp::now();
        let tokens = listed
            .tokens
            .iter()
            .filter(|token| token.revoked.is_none() && token.expires.is_none_or(|end| now < end));
        let tokens: Vec<String> = tokens
            .map(|token| format!("{}… ({})", token.prefix, token.name))
            .collect();
        [
            listed.operator.name.clone(),
            match listed.operator.enabled {
                true => listed.operator.role.as_str().to_owned(),
                false => format!("{}, switched off", listed.operator.role.as_str()),
            },
            if listed.operator.has_password() {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
            tokens.join(", "),
        ]
    });
    print::table(["NAME", "ROLE", "PASSWORD", "TOKENS"], rows)
}

/// An operator as `--json` shows them.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    role: &'static str,
    enabled: bool,
    created: String,
    has_password: bool,
    tokens: Vec<TokenRow<'a>>,
}

#[derive(Serialize)]
struct TokenRow<'a> {
    name: &'a str,
    prefix: &'a str,
    created: String,
    expires: Option<String>,
    revoked: Option<String>,
}

impl<'a> Row<'a> {
    fn of(listed: &'a ListedOperator) -> Self {
        let token = |token: &'a OperatorToken| TokenRow {
            name: &token.name,
            prefix: token.prefix.as_str(),
            created: seconds(token.created),
            expires: token.expires.map(seconds),
            revoked: token.revoked.map(seconds),
        };
        Self {
            name: &listed.operator.name,
            role: listed.operator.role.as_str(),
            enabled: listed.operator.enabled,
            created: seconds(listed.operator.created),
            has_password: listed.operator.has_password(),
            tokens: listed.tokens.iter().map(token).collect(),
        }
    }
}
