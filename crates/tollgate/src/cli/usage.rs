//! `tollgate usage`: what was used and what it cost, added up.

use clap::Args;
use tollgate_admin::usage_sums::{UsageRow, by};
use tollgate_ledger::day::Day;
use tollgate_store::{ChangeAccountError, ChangeKeyError, Store, UsageBy, UsageFilter, UsageGroup, UsageOf};

use super::value::name;
use crate::{config::Config, csv, error::CliError, print};

/// Rows that are read at once, and that a table for people has at most.
const PAGE: u32 = 10_000;

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
    from: Option<Day>,
    /// Last day
    #[arg(long, value_name = "DAY")]
    until: Option<Day>,
    /// Print JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV
    #[arg(long)]
    csv: bool,
}

pub async fn run(asked: Usage, config: &Config) -> Result<(), CliError> {
    let store = Store::open_existing(&config.database).await?;
    let done = tell(&asked, &store).await;
    store.close().await;
    done
}

async fn tell(asked: &Usage, store: &Store) -> Result<(), CliError> {
    let filter = filter(asked, store).await?;
    if asked.json || asked.csv {
        return print_all(asked, &filter, store).await;
    }
    let groups = store.usage(&filter, asked.by, PAGE + 1).await?;
    if groups.is_empty() {
        print::remark("Nothing was used.");
        return Ok(());
    }
    let rows = groups.iter().take(PAGE as usize);
    let rows: Vec<UsageRow> = rows.map(UsageRow::from).collect();
    table(&rows, asked.by)?;
    match groups.len() > rows.len() {
        true => Err(CliError::MoreWasUsed { told: rows.len() }),
        false => Ok(()),
    }
}

/// Every row, page by page: the books may have more than there is memory for.
async fn print_all(asked: &Usage, filter: &UsageFilter, store: &Store) -> Result<(), CliError> {
    let mut list = print::JsonList::default();
    let mut after: Option<UsageGroup> = None;
    loop {
        let mut groups = store.usage_after(filter, asked.by, after.as_ref(), PAGE).await?;
        let rows: Vec<UsageRow> = groups.iter().map(UsageRow::from).collect();
        if asked.json {
            list.add(&rows)?;
        } else {
            csv::print(&rows, after.is_none())?;
        }
        match groups.pop() {
            Some(last) => after = Some(last),
            None if asked.json => return list.end(),
            None => return Ok(()),
        }
    }
}

async fn filter(asked: &Usage, store: &Store) -> Result<UsageFilter, CliError> {
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
    Ok(UsageFilter {
        of,
        key,
        model: asked.model.clone(),
        channel: asked.channel.clone(),
        from: asked.from.map(|Day(day)| day),
        until: asked.until.map(|Day(day)| day),
    })
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
