//! `tollgate ledger`: the books.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use tollgate_ledger::name::note;
use tollgate_store::{LedgerEntry, MissingAccount, Store};

use super::value::{name, seconds};
use crate::{config::Config, csv, error::CliError, print};

/// Entries that are read at once.
const PAGE: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add up every entry of the ledger and every charge, and compare the sums with balances, records and days
    Verify,
    /// Print every entry of the ledger, the oldest first: top-ups, corrections and charges
    Export(Export),
    /// Charge an account for the requests of one that was lost with a restore, for which nobody is charged yet
    #[command(after_help = "\
Example:
  tollgate ledger assign --lost 7 --account research")]
    Assign(Assign),
}

#[derive(Debug, Args)]
pub struct Export {
    /// Print a JSON object a line in place of CSV
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Assign {
    /// The number that the lost account had: `ledger verify` tells it
    #[arg(long, value_name = "NUMBER")]
    lost: u64,
    /// The name of the account that is charged
    #[arg(long, value_name = "NAME", value_parser = name)]
    account: String,
    /// Why, for whoever reads the ledger; it says for how many requests where there is none
    #[arg(long, value_parser = note)]
    note: Option<String>,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let store = Store::open_existing(&config.database).await?;
    let done = match command {
        Command::Verify => verify(&store).await,
        Command::Export(asked) => export(&asked, &store).await,
        Command::Assign(asked) => assign(&asked, &store).await,
    };
    store.close().await;
    done
}

async fn verify(store: &Store) -> Result<(), CliError> {
    let verified = store.verify_ledger().await?;
    for wrong in &verified.discrepancies {
        print::line(&format!(
            "{}: the balance is ${}, and its entries come to ${}",
            wrong.account, wrong.balance, wrong.sum_of_entries
        ))?;
    }
    for wrong in &verified.mischarges {
        let booked = match wrong.booked {
            Some(booked) => format!("${booked} is booked"),
            None => "nothing is booked".to_owned(),
        };
        print::line(&format!(
            "{}: the record says ${}, and {booked}",
            wrong.request, wrong.charge
        ))?;
    }
    for wrong in &verified.miscounted {
        print::line(&format!(
            "account {}: its days come to ${}, and its charges to ${}",
            wrong.account, wrong.charge_by_days, wrong.charge_by_entries
        ))?;
    }
    for missing in &verified.missing {
        print::remark(&told(missing));
    }
    if !verified.holds() {
        return Err(CliError::LedgerDiffers);
    }
    print::line(&format!(
        "{} entries, {} accounts: every balance is the sum of its entries, and every charge is its record's",
        verified.entries, verified.accounts
    ))
}

/// What nobody is charged for is no fault of the books, and the operator's to decide about.
fn told(missing: &MissingAccount) -> String {
    let MissingAccount {
        number,
        requests,
        charge,
    } = missing;
    let are = match requests {
        1 => "1 request is".to_owned(),
        many => format!("{many} requests are"),
    };
    format!(
        "Note: {are} charged to nobody, for ${charge}. The account had the number {number} and is not in this database, \
         which was restored from a copy that is older than it. To charge one, such as the same made again, run:\n  \
         tollgate ledger assign --lost {number} --account NAME"
    )
}

async fn assign(asked: &Assign, store: &Store) -> Result<(), CliError> {
    let assigned = store
        .assign_missing(
            asked.lost,
            &asked.account,
            asked.note.as_deref(),
            Timestamp::now(),
        )
        .await?;
    let account = &assigned.credited.account;
    let what = match assigned.requests {
        1 => "1 request".to_owned(),
        many => format!("{many} requests"),
    };
    print::remark(&format!(
        "Account `{}` is charged ${} for {}, by entry {} of the ledger, and has a balance of ${}.",
        account.name, assigned.charge, what, assigned.credited.entry.id, account.balance
    ));
    Ok(())
}

async fn export(asked: &Export, store: &Store) -> Result<(), CliError> {
    let mut after = 0;
    let mut is_first = true;
    loop {
        let entries = store.ledger_entries(after, PAGE).await?;
        let Some(last) = entries.last() else {
            return Ok(());
        };
        after = last.id;
        let rows: Vec<Row<'_>> = entries.iter().map(Row::of).collect();
        if asked.json {
            for row in &rows {
                print::json_line(row)?;
            }
        } else {
            csv::print(&rows, is_first)?;
        }
        is_first = false;
    }
}

/// An entry as it is printed. Amounts are in dollars, negative where the account had less after it.
#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    created: String,
    account: &'a str,
    kind: &'a str,
    amount: String,
    request_id: Option<&'a str>,
    note: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(entry: &'a LedgerEntry) -> Self {
        Self {
            id: entry.id,
            created: seconds(entry.created),
            account: &entry.account,
            kind: &entry.kind,
            amount: entry.amount.to_string(),
            request_id: entry.request.as_deref(),
            note: entry.note.as_deref(),
        }
    }
}
