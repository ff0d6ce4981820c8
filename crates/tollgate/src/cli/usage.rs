//! `tollgate usage`: what was used and what it cost, added up.

use clap::Args;
use jiff::civil::Date;
use tollgate_admin::usage_sums::{UsageRow, by};
use tollgate_store::{ChangeAccountError, ChangeKeyError, Store, UsageBy, UsageFilter, UsageGroup, UsageOf};

use super::value::name;
use crate::{config::Config, csv, error::CliError, print};

/// Rows that are printed at most; more is a question for `--from` and `--until`.
const ROWS_MAX: u32 = 100_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tollgate usage --by day,model --from 2026-11-01
  tollgate usage --account research --by key --csv > november.csv")]
pub struct Usage {
    /// What to tell apart: day, account, key, model, channel, with commas between them, or nothing
    #[arg(long, value_name = "WHAT", default_value = "account,key,model", value_parser = by)]
    by: UsageBy,
    /// Only what this account's keys used
    #[arg(long, value_name = "NAME", value_parser = name, conflicts_with = "key")]
    account: Option<String>,
    /// Only what the keys of this name used, revoked ones too; or the key whose text begins like this
    #[arg(long, value_name = "NAME", value_parser = name)]
    key: Option<String>,
    /// Only of this model, by its public ID
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    /// Only over this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// First day, such as 2026-11-01, in the time zone of the books
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// Last day
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

pub async fn run(asked: Usage, config: &Config) -> Result<(), CliError> {
    let store = Store::open(&config.database).await?;
    let groups = groups(&asked, &store).await;
    store.close().await;
    let groups = groups?;
    let rows: Vec<UsageRow> = groups.iter().map(UsageRow::from).collect();
    if asked.json {
        return print::json(&rows);
    }
    if asked.csv {
        return csv::print(&rows, true);
    }
    if rows.is_empty() {
        print::remark("Nothing was used.");
        return Ok(());
    }
    table(&rows, asked.by)
}

async fn groups(asked: &Usage, store: &Store) -> Result<Vec<UsageGroup>, CliError> {
    let (of, key) = match (&asked.account, &asked.key) {
        (Some(account), _) => {
            let account = store.account(account).await.map_err(|error| match error {
                ChangeAccountError::Store(error) => CliError::from(error),
                error => CliError::from(error),
            })?;
            (UsageOf::Account(account.id), None)
        }
        (None, Some(key)) => {
            let key = store.key_called(key).await.map_err(|error| match error {
                ChangeKeyError::Store(error) => CliError::from(error),
                error => CliError::from(error),
            })?;
            (UsageOf::Everyone, Some(key))
        }
        (None, None) => (UsageOf::Everyone, None),
    };
    let filter = UsageFilter {
        of,
        key,
        model: asked.model.clone(),
        channel: asked.channel.clone(),
        from: asked.from,
        until: asked.until,
    };
    Ok(store.usage(&filter, asked.by, ROWS_MAX).await?)
}

/// A key's name, and how its text begins: another key may have had the name.
fn key(name: &str, row: &UsageRow) -> String {
    match &row.key_prefix {
        Some(prefix) if !prefix.is_empty() => format!("{name} ({prefix}…)"),
        _ => name.to_owned(),
    }
}

fn table(rows: &[UsageRow], by: UsageBy) -> Result<(), CliError> {
    let whose = |row: &UsageRow| {
        let parts = [
            (by.day, row.day.clone()),
            (by.account, row.account.clone()),
            (by.key, row.key.as_ref().map(|name| key(name, row))),
            (by.model, row.model.clone()),
            (by.channel, row.channel.clone()),
        ];
        let parts = parts.into_iter().filter(|(apart, _)| *apart).map(|(_, part)| {
            part.filter(|part| !part.is_empty())
                .unwrap_or_else(|| "-".to_owned())
        });
        let parts: Vec<String> = parts.collect();
        match parts.is_empty() {
            true => "all".to_owned(),
            false => parts.join("  "),
        }
    };
    let rows = rows.iter().map(|row| {
        [
            whose(row),
            row.requests.to_string(),
            row.failed.to_string(),
            row.prompt_tokens.to_string(),
            row.completion_tokens.to_string(),
            format!("${}", row.charge),
            format!("${}", row.cost),
        ]
    });
    print::table(
        [
            "OF",
            "REQUESTS",
            "FAILED",
            "PROMPT",
            "COMPLETION",
            "CHARGE",
            "COST",
        ],
        rows,
    )
}
