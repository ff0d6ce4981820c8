//! `tollgate ledger`: the books.

use clap::Subcommand;
use tollgate_store::Store;

use crate::{config::Config, error::CliError, print};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Add up every entry of the ledger, and compare the sums with the accounts' balances
    Verify,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let Command::Verify = command;
    let store = Store::open(&config.database).await?;
    let verified = store.verify_ledger().await;
    store.close().await;
    let verified = verified?;
    for wrong in &verified.discrepancies {
        print::line(&format!(
            "{}: the balance is ${}, and its entries come to ${}",
            wrong.account, wrong.balance, wrong.sum_of_entries
        ))?;
    }
    if !verified.discrepancies.is_empty() {
        return Err(CliError::LedgerDiffers {
            accounts: verified.discrepancies.len(),
        });
    }
    print::line(&format!(
        "{} entries, {} accounts: every balance is the sum of its entries",
        verified.entries, verified.accounts
    ))
}
