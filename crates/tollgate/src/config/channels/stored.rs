//! Channels that do not stand in the file: made by the admin API, with the same settings, and judged by the same rules.
//!
//! No reference is followed in them (`${…}` is what it says): whoever may make channels may not read files and variables
//! of this machine for it.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use secrecy::SecretString;
use serde_json::{Map, Value};
use tollgate_admin::WrongSetting;
use tollgate_catalog::{Catalog, channel::ChannelSettings};
use toml::de::DeTable;

use super::{ChannelTable, Judges, Proxies, channel};
use crate::config::{
    decode,
    environment::Environment,
    mistake::{ConfigError, Mistake, Mistakes},
    routing::SpeedFloors,
    source::{Place, Sources},
    warning::Warning,
};

/// What a missing credential is given for, so that all but it can be judged.
const STAND_IN: &str = "sealed";

/// A channel that is right.
pub struct Resolved {
    pub settings: ChannelSettings,
    /// Whether it is to be used.
    pub enabled: bool,
    /// What an operator should know of it, and that hinders nothing.
    pub warnings: Vec<Warning>,
}

/// What channels are judged by.
#[derive(Debug, Clone)]
pub struct ChannelRules {
    catalog: Arc<Catalog>,
    /// Of proxies alone.
    environment: Environment,
    floors: SpeedFloors,
}

impl ChannelRules {
    pub(in crate::config) fn new(
        catalog: Arc<Catalog>,
        environment: &Environment,
        floors: SpeedFloors,
    ) -> Self {
        Self {
            catalog,
            environment: environment.only(&Proxies::VARIABLES),
            floors,
        }
    }

    pub(in crate::config) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub(in crate::config) fn floors(&self) -> SpeedFloors {
        self.floors
    }

    /// The channel with these settings but without its secrets, which are sealed: it can be looked at, and nothing can
    /// be sent to it.
    pub fn resolve_sealed(&self, mut settings: Map<String, Value>) -> Result<Resolved, WrongSetting> {
        settings.insert("api_key".to_owned(), Value::String(STAND_IN.to_owned()));
        let mut resolved = self.resolve(&settings)?;
        resolved.settings.api_key = SecretString::default();
        Ok(resolved)
    }

    /// The channel with these settings, by the names of `[[channels]]`.
    pub fn resolve(&self, settings: &Map<String, Value>) -> Result<Resolved, WrongSetting> {
        let (text, fields) = written(settings)?;
        let sources = Sources::of_file(Path::new("channel"), text.clone());
        let wrong = |error: &ConfigError| {
            let line = match &error.place {
                Place::File { line, .. } => *line,
                _ => 0,
            };
            let field = line.checked_sub(1).and_then(|place| fields.get(place));
            let field = field.cloned().unwrap_or_default();
            let told = error.mistake.told();
            // The field is told beside it.
            let problem = told
                .strip_prefix(&format!("`{field}`"))
                .map(|rest| rest.trim_start_matches([':', ' ']));
            let problem = problem.unwrap_or(&told);
            WrongSetting {
                is_unknown: matches!(error.mistake, Mistake::UnknownField { .. }),
                problem: problem.to_owned(),
                field,
            }
        };
        let table = DeTable::parse(&text).map_err(|error| WrongSetting {
            is_unknown: false,
            field: String::new(),
            problem: error.message().to_owned(),
        })?;
        let mut mistakes = Mistakes::new(&sources);
        let table: ChannelTable =
            decode::table("a channel", table.get_ref(), &BTreeSet::new(), &mut mistakes);
        let enabled = table.enabled.unwrap_or(true);
        let proxies = Proxies::of(&self.environment);
        let judges = Judges {
            catalog: &self.catalog,
            coming: None,
            floors: self.floors,
        };
        // Past the last line, where a field is missing.
        let found = channel(table, text.len(), judges, &proxies, &mut mistakes);
        mistakes.into_result().map_err(|errors| {
            let first = errors.iter().next();
            let first = first.map(|error| match &error.mistake {
                Mistake::MissingField { field, .. } => WrongSetting::missing(field),
                Mistake::BaseUrlMissing { .. } => WrongSetting {
                    field: "base_url".to_owned(),
                    ..wrong(error)
                },
                Mistake::CredentialMissing { .. } => WrongSetting {
                    field: "api_key".to_owned(),
                    ..wrong(error)
                },
                Mistake::ModelsMissing { .. } => WrongSetting {
                    field: "models".to_owned(),
                    ..wrong(error)
                },
                _ => wrong(error),
            });
            first.expect("there is at least one")
        })?;
        let (settings, warnings) = found.expect("a channel that is missing is a mistake");
        Ok(Resolved {
            settings,
            enabled,
            warnings,
        })
    }
}

/// The settings as a table, a field a line, and the fields in the order of the lines.
fn written(settings: &Map<String, Value>) -> Result<(String, Vec<String>), WrongSetting> {
    let mut text = String::new();
    let mut fields = Vec::new();
    for (name, value) in settings {
        let is_plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if name.is_empty() || !is_plain {
            return Err(WrongSetting {
                is_unknown: true,
                field: name.clone(),
                problem: "no setting has this name".to_owned(),
            });
        }
        // As if it were not there.
        if value.is_null() {
            continue;
        }
        let value = toml::Value::try_from(value).map_err(|_| WrongSetting {
            is_unknown: false,
            field: name.clone(),
            problem: "must not have null in it".to_owned(),
        })?;
        let line = format!("{name} = {value}\n");
        for _ in 0..line.matches('\n').count() {
            fields.push(name.clone());
        }
        text.push_str(&line);
    }
    Ok((text, fields))
}
