//! `tollgate keys import`: keys of another gate go on working here.
//!
//! One line of the report for each line of the file, and nothing is imported unless all of them are right. What a
//! line says is never repeated, but names: a column that slipped could hold secrets.

use std::{fs, io::Read, path::PathBuf};

use clap::Args;
use jiff::Timestamp;
use tollgate_ledger::api_key::ChannelNames;
use tollgate_store::{ImportFault, Imported, Store};

use self::{line::Line, read::Lines};
use super::settings::remark_on_channels;
use crate::{channel_book::LookedAt, config::Config, error::CliError, print};

mod line;
mod read;

/// Of the file: some hundred thousand keys.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub struct Import {
    /// A CSV file with the names of fields in its first line, or a JSON object a line
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    pub fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// What the file says.
    pub fn text(&self) -> Result<String, CliError> {
        let unreadable = |cause| CliError::ImportFile {
            path: self.file.clone(),
            cause,
        };
        let mut text = String::new();
        let file = fs::File::open(&self.file).map_err(unreadable)?;
        file.take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
        match text.len() as u64 > MOST_BYTES {
            true => Err(unreadable(std::io::ErrorKind::FileTooLarge.into())),
            false => Ok(text),
        }
    }
}

/// Imports what `text`, that of its file, says.
pub async fn run(asked: Import, text: &str, config: &Config, store: &Store) -> Result<(), CliError> {
    let config = &LookedAt::by(store, config).await?.config;
    let now = Timestamp::now();
    let lines = read::lines(text);
    let mut report: Vec<(usize, String)> = Vec::new();
    let mut wrong = 0;
    let (mut numbers, mut keys) = (Vec::new(), Vec::new());
    let Lines { heading, lines } = lines;
    if let Some((number, problems)) = heading.filter(|(_, problems)| !problems.is_empty()) {
        wrong += 1;
        report.push((number, told_wrong(&problems)));
    }
    for (number, fields) in lines {
        match fields.and_then(|fields| Line::read(fields, config, now)) {
            Ok(line) => {
                numbers.push(number);
                keys.push(line.key);
            }
            Err(problems) => {
                wrong += 1;
                report.push((number, told_wrong(&problems)));
            }
        }
    }
    if keys.is_empty() && wrong == 0 {
        return Err(CliError::NothingToImport(asked.file));
    }
    let channels = keys.iter().map(|key| &key.key.settings.channels);
    let named = channels
        .flat_map(|channels| [&channels.only, &channels.not])
        .flatten();
    remark_on_channels(named.flat_map(ChannelNames::iter), config, store).await?;
    let count = keys.len();
    let done = store.import_keys(keys, wrong == 0 && !asked.dry_run).await?;
    let faults = done.iter().filter(|done| done.is_err()).count();
    wrong += faults;
    let is_done = wrong == 0 && !asked.dry_run;
    report.extend(
        numbers
            .into_iter()
            .zip(&done)
            .map(|(number, done)| (number, told(done, is_done))),
    );
    report.sort_by_key(|(number, _)| *number);
    for (number, text) in report {
        print::line(&format!("line {number}: {text}"))?;
    }
    match (wrong, asked.dry_run) {
        (0, true) => print::remark(&format!("{count} keys would be imported. Nothing was changed.")),
        (0, false) => print::remark(&format!("Imported {count} keys; a running gate knows them.")),
        _ => return Err(CliError::NotImported { wrong }),
    }
    Ok(())
}

fn told(done: &Result<Imported, ImportFault>, is_done: bool) -> String {
    match done {
        Ok(Imported {
            name,
            prefix,
            account,
            made_account,
        }) => {
            let made = match made_account {
                true => ", an account that is made for it",
                false => "",
            };
            let right = if is_done { "imported" } else { "right" };
            format!("{right}: key `{name}` ({prefix}…) of `{account}`{made}")
        }
        Err(fault) => told_wrong(&[fault.to_string()]),
    }
}

fn told_wrong(problems: &[String]) -> String {
    format!("WRONG: {}", problems.join("; "))
}
