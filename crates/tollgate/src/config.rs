//! The configuration: a file, overridden from the environment, made into settings.
//!
//! Each table is a file here, in two types: as written, where every field may be missing, and as
//! resolved, where nothing is left to decide. Only the second leaves this module. All mistakes are
//! reported together. Nothing else in the project reads the environment or a configuration file.
//!
//! Relative paths start at the working directory.

use std::{fs, io::ErrorKind, path::PathBuf, sync::Arc};

use tollgate_catalog::{Catalog, model::ModelId};
use tollgate_gateway::{
    FetchSettings, IdempotencySettings, ReasoningStoreSettings, RoutingSettings, StorySettings,
    TelemetrySettings,
};
use tollgate_store::{DatabaseUrl, RedisUrl, Retention, sealed::SealingKeys};

mod accounting;
mod base;
mod catalog;
mod channels;
mod database;
mod decode;
mod document;
mod effective;
mod environment;
mod explain;
mod fetch;
mod field_names;
mod headers;
mod idempotency;
mod limits;
mod log;
mod mistake;
mod nearest;
mod networks;
mod overrides;
mod reasoning_store;
mod redis;
mod reference;
mod retention;
mod routing;
mod sandbox;
mod sealing;
mod server;
mod source;
mod spool;
mod telemetry;
mod warning;

pub use accounting::Accounting;
pub use channels::{ChannelRules, Channels, Resolved};
pub use environment::Environment;
pub use limits::Limits;
pub use log::{LogFormat, LogSettings};
pub use mistake::{ConfigError, ConfigErrors};
pub use sandbox::Sandbox;
pub use server::{CorsOrigins, ServerSettings};
pub use warning::RETIREMENT_NOTICE_DAYS;

use catalog::CatalogFile;
use channels::Judges;
use document::Document;
use field_names::field_names;
use mistake::{Mistake, Mistakes};
use overrides::{Override, PREFIX};
use routing::SpeedFloors;
use source::{Place, Sources};

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "tollgate.toml";

/// Which file to read.
#[derive(Debug, Clone)]
pub enum ConfigFile {
    /// `tollgate.toml`, if it is there; without one, everything has its default.
    Default,
    /// The one that was named; it must be there.
    Named(PathBuf),
}

/// Everything the gate is told at its start, resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from; `None`: there was none.
    pub file: Option<PathBuf>,
    pub server: ServerSettings,
    pub limits: Limits,
    pub database: DatabaseUrl,
    /// `None`: nothing is shared with other gates but the database.
    pub redis: Option<RedisUrl>,
    pub sandbox: Sandbox,
    pub fetch: FetchSettings,
    pub reasoning_store: ReasoningStoreSettings,
    pub idempotency: IdempotencySettings,
    pub routing: RoutingSettings,
    /// As the file has them; those in force are in the rules of the channels.
    speed_floors: SpeedFloors,
    /// The one in force.
    pub catalog: Arc<Catalog>,
    /// The operator's files that are part of the catalogue.
    catalog_files: Vec<CatalogFile>,
    pub channels: Channels,
    /// What channels are judged by that do not stand in the file.
    pub channel_rules: ChannelRules,
    pub sealing: Arc<SealingKeys>,
    pub accounting: Accounting,
    pub spool: tollgate_store::spool::Limits,
    /// `None`: records of requests are kept for ever.
    pub retention: Option<Retention>,
    pub explain: StorySettings,
    /// `None`: nothing is sent to a collector.
    pub telemetry: Option<TelemetrySettings>,
    pub log: LogSettings,
}

impl Config {
    /// Whether the embedded model answers for models that no channel serves.
    pub fn sandbox_is_on(&self) -> bool {
        match self.sandbox {
            Sandbox::On => true,
            Sandbox::Off => false,
            Sandbox::Auto => self.channels.is_empty(),
        }
    }

    /// Whether the catalogue or any channel has this model.
    pub fn has_model(&self, model: &ModelId) -> bool {
        let mut channels = self.channels.enabled.iter().chain(&self.channels.disabled);
        self.catalog.model(model.as_str()).is_some()
            || channels.any(|channel| channel.models.contains_key(model))
    }

    /// The fields that differ from those of `running` and only count after a restart.
    pub fn needs_restart(&self, running: &Self) -> Vec<&'static str> {
        let mut fields = self.server.differences(&running.server);
        fields.extend(self.limits.differences(&running.limits));
        if self.database != running.database {
            fields.push("database.url");
        }
        if self.redis != running.redis {
            fields.push("redis.url");
        }
        if self.sandbox != running.sandbox {
            fields.push("sandbox.enabled");
        }
        fields.extend(fetch::differences(&self.fetch, &running.fetch));
        let stores = (&self.reasoning_store, &running.reasoning_store);
        fields.extend(reasoning_store::differences(stores.0, stores.1));
        fields.extend(idempotency::differences(&self.idempotency, &running.idempotency));
        fields.extend(routing::differences(&self.routing, &running.routing));
        fields.extend(self.speed_floors.differences(running.speed_floors));
        if self.catalog_files != running.catalog_files {
            fields.push("catalog.files");
        }
        fields.extend(sealing::differences(&self.sealing, &running.sealing));
        fields.extend(spool::differences(&self.spool, &running.spool));
        fields.extend(retention::differences(&self.retention, &running.retention));
        fields.extend(self.accounting.differences(&running.accounting));
        fields.extend(explain::differences(&self.explain, &running.explain));
        let telemetry = (self.telemetry.as_ref(), running.telemetry.as_ref());
        fields.extend(telemetry::differences(telemetry.0, telemetry.1));
        fields.extend(self.log.differences(&running.log));
        fields
    }
}

/// Reads the configuration for a start.
pub fn load(file: &ConfigFile, environment: &Environment) -> Result<Config, ConfigErrors> {
    read_by(file, environment, None)
}

/// Reads the configuration for a gate that goes on running. Its channels are judged by what that gate began with, since
/// it checks requests by the same: they would else be charged by one catalogue and checked by another.
pub fn reload(
    file: &ConfigFile,
    environment: &Environment,
    running: &Config,
) -> Result<Config, ConfigErrors> {
    read_by(file, environment, Some(&running.channel_rules))
}

/// `in_force`: what channels are judged by where a gate runs.
fn read_by(
    file: &ConfigFile,
    environment: &Environment,
    in_force: Option<&ChannelRules>,
) -> Result<Config, ConfigErrors> {
    let (path, text) = read(file)?;
    let mut sources = match &path {
        Some(path) => Sources::of_file(path, text.clone()),
        None => Sources::default(),
    };
    let overrides: Vec<Override<'_>> = environment
        .starting_with(PREFIX)
        .map(|(name, value)| Override {
            name,
            value,
            span: sources.add_variable(name, value),
        })
        .collect();
    let mut mistakes = Mistakes::new(&sources);
    let tables = Tables::known();
    let document = Document::parse(&text, &overrides, environment, &tables, &mut mistakes)?;

    let server = server::resolve(document.table("server", &mut mistakes), &mut mistakes);
    let limits = limits::resolve(document.table("limits", &mut mistakes), &mut mistakes);
    let database_table = document.table("database", &mut mistakes);
    let database = database::resolve(database_table, &server.data_dir, &mut mistakes);
    let redis = redis::resolve(document.table("redis", &mut mistakes), &mut mistakes);
    let sandbox = sandbox::resolve(document.table("sandbox", &mut mistakes));
    let fetch = fetch::resolve(document.table("fetch", &mut mistakes), &limits, &mut mistakes);
    let reasoning_store = reasoning_store::resolve(document.table("reasoning_store", &mut mistakes));
    let idempotency = idempotency::resolve(document.table("idempotency", &mut mistakes), &mut mistakes);
    let routing_table = document.table("routing", &mut mistakes);
    let speed_floors = SpeedFloors::of(&routing_table);
    let routing = routing::resolve(routing_table, &mut mistakes);
    let spool = spool::resolve(document.table("spool", &mut mistakes), &mut mistakes);
    let retention = retention::resolve(document.table("retention", &mut mistakes));
    let accounting = accounting::resolve(document.table("accounting", &mut mistakes), &mut mistakes);
    let explain = explain::resolve(document.table("explain", &mut mistakes));
    let telemetry = telemetry::resolve(document.table("telemetry", &mut mistakes), &mut mistakes);
    let sealing = sealing::resolve(
        document.table("sealing", &mut mistakes),
        environment,
        &mut mistakes,
    );
    let log = log::resolve(document.table("log", &mut mistakes), &mut mistakes);
    let catalog_files = catalog::read(document.table("catalog", &mut mistakes), &mut mistakes);
    let catalog = catalog_files
        .as_deref()
        .and_then(|files| catalog::resolve(files, &mut mistakes))
        .map(Arc::new);
    let channel_tables = document.tables("channels", &mut mistakes);
    // Without a catalogue nothing can be said of the channels' providers and models.
    let judged = catalog.map(|written| {
        let rules = in_force.cloned();
        let rules =
            rules.unwrap_or_else(|| ChannelRules::new(Arc::clone(&written), environment, speed_floors));
        let judges = Judges {
            catalog: rules.catalog(),
            coming: in_force.map(|_| &*written),
            floors: rules.floors(),
        };
        let channels = channels::resolve(channel_tables, judges, environment, &mut mistakes);
        (channels, rules)
    });
    mistakes.into_result()?;
    let (channels, channel_rules) = judged.expect("a catalogue that is missing is a mistake");

    Ok(Config {
        file: path,
        server,
        limits,
        database,
        redis,
        sandbox,
        fetch,
        reasoning_store,
        idempotency,
        routing,
        speed_floors,
        catalog: Arc::clone(channel_rules.catalog()),
        channel_rules,
        sealing,
        catalog_files: catalog_files.expect("files that are missing are a mistake"),
        channels,
        accounting,
        spool,
        retention,
        explain,
        telemetry,
        log,
    })
}

/// The file's path and text; a missing default file has neither.
fn read(file: &ConfigFile) -> Result<(Option<PathBuf>, String), ConfigError> {
    let (path, may_be_missing) = match file {
        ConfigFile::Default => (PathBuf::from(DEFAULT_FILE), true),
        ConfigFile::Named(path) => (path.clone(), false),
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok((Some(path), text)),
        Err(cause) if may_be_missing && cause.kind() == ErrorKind::NotFound => Ok((None, String::new())),
        Err(cause) => Err(ConfigError {
            place: Place::File {
                file: path,
                line: 1,
                column: 1,
            },
            mistake: Mistake::Unreadable(cause),
        }),
    }
}

/// The tables that there are, and their fields.
#[derive(Debug)]
struct Tables {
    singles: [(&'static str, &'static [&'static str]); 17],
    channels: &'static [&'static str],
}

impl Tables {
    fn known() -> Self {
        Self {
            singles: [
                ("server", field_names::<server::ServerTable>()),
                ("limits", field_names::<limits::LimitsTable>()),
                ("database", field_names::<database::DatabaseTable>()),
                ("redis", field_names::<redis::RedisTable>()),
                ("sandbox", field_names::<sandbox::SandboxTable>()),
                ("fetch", field_names::<fetch::FetchTable>()),
                (
                    "reasoning_store",
                    field_names::<reasoning_store::ReasoningStoreTable>(),
                ),
                ("idempotency", field_names::<idempotency::IdempotencyTable>()),
                ("routing", field_names::<routing::RoutingTable>()),
                ("catalog", field_names::<catalog::CatalogTable>()),
                ("spool", field_names::<spool::SpoolTable>()),
                ("retention", field_names::<retention::RetentionTable>()),
                ("accounting", field_names::<accounting::AccountingTable>()),
                ("explain", field_names::<explain::ExplainTable>()),
                ("telemetry", field_names::<telemetry::TelemetryTable>()),
                ("sealing", field_names::<sealing::SealingTable>()),
                ("log", field_names::<log::LogTable>()),
            ],
            channels: field_names::<channels::ChannelTable>(),
        }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.singles.iter().map(|(name, _)| *name).chain(["channels"])
    }

    fn has(&self, table: &str) -> bool {
        self.names().any(|name| name == table)
    }

    /// Whether a table that may stand once has this field.
    fn single_has(&self, table: &str, field: &str) -> bool {
        self.singles().any(|known| known == (table, field))
    }

    /// Every field of the tables that may stand once, with its table.
    fn singles(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.singles
            .iter()
            .flat_map(|(table, fields)| fields.iter().map(|field| (*table, *field)))
    }

    fn channel_has(&self, field: &str) -> bool {
        self.channels.contains(&field)
    }

    fn channel_fields(&self) -> impl Iterator<Item = &'static str> {
        self.channels.iter().copied()
    }
}

#[cfg(test)]
mod tests;
