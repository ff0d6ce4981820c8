//! `tollgate accounts`: who owns keys, and their credit. A running gate knows within a second.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use tollgate_catalog::money::Money;
use tollgate_ledger::{Account, Multiplier, name::note};
use tollgate_store::{AccountSettings, NewAccount, Store};

use super::{
    AlwaysJson, Listing,
    limits::{LimitArgs, LimitRow, in_words},
    value::{name, seconds},
};
use crate::{config::Config, error::CliError, print};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account; its limits are for all of its keys together
    #[command(after_help = "\
Examples:
  tollgate accounts create --name research --requests-per-minute 600
  tollgate accounts credit --name research --amount 25.00 --note \"invoice 17\"")]
    Create(Create),
    /// Print all that is known of an account as JSON
    Show(Shown),
    /// List all accounts with their balances
    List(Listing),
    /// Change what is set at an account, and leave the rest
    Update(Update),
    /// Give an account credit, or take some back with a negative amount
    Credit(Credit),
}

#[derive(Debug, Args)]
pub struct Shown {
    /// The account's name
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    _form: AlwaysJson,
}

#[derive(Debug, Args)]
pub struct Create {
    /// What to call it; no two accounts have one name
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Debug, Args)]
pub struct Update {
    /// The account's name
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    settings: SettingArgs,
}

#[derive(Debug, Args)]
struct SettingArgs {
    /// Let it spend without credit
    #[arg(
        long,
        value_name = "true|false",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    unlimited: Option<bool>,
    /// How many times the price it pays, such as 1.15; a new account's is 1
    #[arg(long, value_name = "TIMES", value_parser = multiplier)]
    price_multiplier: Option<Multiplier>,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Debug, Args)]
pub struct Credit {
    /// The account's name
    #[arg(long, value_parser = name)]
    name: String,
    /// How much, in dollars
    #[arg(long, value_name = "DOLLARS", allow_hyphen_values = true, value_parser = amount)]
    amount: Money,
    /// Why, for whoever reads the ledger; needed where credit is taken back
    #[arg(long, value_parser = note)]
    note: Option<String>,
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    let store = match command {
        Command::Show(_) | Command::List(_) => Store::open_existing(&config.database).await?,
        // The account `default` is there from the first moment on.
        Command::Create(_) | Command::Update(_) | Command::Credit(_) => Store::open(&config.database).await?,
    };
    let done = match command {
        Command::Create(create) => self::create(create, &store).await,
        Command::Show(shown) => show(&shown.name, &store).await,
        Command::List(listing) => list(&listing, &store).await,
        Command::Update(update) => self::update(update, &store).await,
        Command::Credit(credit) => self::credit(credit, &store).await,
    };
    store.close().await;
    done
}

impl SettingArgs {
    fn is_empty(&self) -> bool {
        self.unlimited.is_none() && self.price_multiplier.is_none() && self.limits.is_empty()
    }

    fn change(&self, settings: &mut AccountSettings) -> Result<(), CliError> {
        if let Some(unlimited) = self.unlimited {
            settings.unlimited = unlimited;
        }
        if let Some(multiplier) = self.price_multiplier {
            settings.multiplier = multiplier;
        }
        self.limits.change(&mut settings.limits)
    }
}

async fn create(asked: Create, store: &Store) -> Result<(), CliError> {
    let mut settings = AccountSettings::default();
    asked.settings.change(&mut settings)?;
    let new = NewAccount {
        name: asked.name,
        created: Timestamp::now(),
        settings,
    };
    let account = store.create_account(new).await?;
    print::remark(&format!("Made account `{}`.", account.name));
    if !account.unlimited {
        print::remark("It has no credit yet; give it some with: tollgate accounts credit");
    }
    Ok(())
}

async fn show(name: &str, store: &Store) -> Result<(), CliError> {
    print::json(&Row::of(&store.account(name).await?))
}

async fn list(listing: &Listing, store: &Store) -> Result<(), CliError> {
    let accounts = store.accounts().await?;
    if listing.json {
        let rows: Vec<Row<'_>> = accounts.iter().map(Row::of).collect();
        return print::json(&rows);
    }
    let rows = accounts.iter().map(|account| {
        let balance = match account.unlimited {
            true => format!("${}, unlimited", account.balance),
            false => format!("${}", account.balance),
        };
        [account.name.clone(), balance, in_words(&account.limits)]
    });
    print::table(["NAME", "BALANCE", "LIMITS"], rows)
}

async fn update(asked: Update, store: &Store) -> Result<(), CliError> {
    if asked.settings.is_empty() {
        return Err(CliError::NothingToChange);
    }
    let change = |settings: &mut AccountSettings| asked.settings.change(settings);
    let account = store.update_account(&asked.name, change).await?;
    print::remark(&format!("Changed account `{}`.", account.name));
    Ok(())
}

async fn credit(asked: Credit, store: &Store) -> Result<(), CliError> {
    if asked.amount < Money::ZERO && asked.note.is_none() {
        return Err(CliError::CorrectionWithoutNote);
    }
    let account = store
        .credit(&asked.name, asked.amount, asked.note.as_deref(), Timestamp::now())
        .await?;
    print::remark(&format!(
        "Account `{}` has a balance of ${}.",
        account.name, account.balance
    ));
    Ok(())
}

/// An account as `--json` shows it.
#[derive(Serialize)]
struct Row<'a> {
    id: i64,
    name: &'a str,
    unlimited: bool,
    /// In dollars.
    balance: String,
    price_multiplier: String,
    /// Null: it came with the database.
    created: Option<String>,
    #[serde(flatten)]
    limits: LimitRow,
}

impl<'a> Row<'a> {
    fn of(account: &'a Account) -> Self {
        Self {
            id: account.id.get(),
            name: &account.name,
            unlimited: account.unlimited,
            balance: account.balance.to_string(),
            price_multiplier: account.multiplier.to_string(),
            created: account.created.map(seconds),
            limits: LimitRow::from(&account.limits),
        }
    }
}

fn multiplier(text: &str) -> Result<Multiplier, String> {
    text.parse()
        .map_err(|error: tollgate_ledger::charge::NotMultiplier| error.to_string())
}

fn amount(text: &str) -> Result<Money, String> {
    match text.parse() {
        Ok(Money::ZERO) => Err("nothing would change".to_owned()),
        Ok(amount) => Ok(amount),
        Err(error) => {
            let error: tollgate_catalog::money::NotMoney = error;
            Err(error.to_string())
        }
    }
}
