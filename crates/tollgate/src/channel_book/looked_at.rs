//! What a configuration comes to with the channels that are stored, for commands that only look.
//!
//! Nothing is opened that is sealed, so no sealing key is wanted, and nothing can be sent by what comes of it. Where the
//! database cannot be asked, the file's channels are all that is seen, and that is said.

use std::collections::BTreeSet;

use tollgate_catalog::channel::ChannelName;
use tollgate_store::{Store, StoreError, StoredChannel};

use super::{Stored, TWICE, is_of_file, put_prices, read, told};
use crate::config::{ChannelRules, Config, Resolved};

/// A configuration with all the channels that a gate would have by it.
pub struct LookedAt {
    /// Its channels are those of the file, then those of the database; operators' prices are over both.
    pub config: Config,
    of_database: BTreeSet<ChannelName>,
    /// What could not be looked at, and why.
    pub problems: Vec<String>,
    /// A name that stands in the file and in the database: no gate starts by this configuration, nor takes it over.
    pub twice: Option<String>,
}

impl LookedAt {
    /// Looks into the database of the configuration, which is neither made nor migrated for it.
    pub async fn of(config: &Config) -> Self {
        let problem = match Store::open_as_it_is(&config.database).await {
            Ok(None) => return Self::of_file(config),
            Ok(Some(store)) => {
                let looked = Self::by(&store, config).await;
                store.close().await;
                match looked {
                    Ok(looked) => return looked,
                    Err(error) => error.to_string(),
                }
            }
            Err(error) => error.to_string(),
        };
        Self {
            problems: vec![format!(
                "channels and prices that were made by the admin API are not seen: {problem}"
            )],
            ..Self::of_file(config)
        }
    }

    /// Looks into a database that is open.
    pub async fn by(store: &Store, config: &Config) -> Result<Self, StoreError> {
        let Stored { channels, prices, .. } = read(store).await?;
        let mut looked = Self::of_file(config);
        for channel in channels {
            looked.add(&channel);
        }
        let channels = &mut looked.config.channels;
        for channel in channels.enabled.iter_mut().chain(&mut channels.disabled) {
            put_prices(channel, &prices);
        }
        Ok(looked)
    }

    /// Whether the channel is one of the database.
    pub fn is_of_database(&self, channel: &ChannelName) -> bool {
        self.of_database.contains(channel)
    }

    fn of_file(config: &Config) -> Self {
        Self {
            config: config.clone(),
            of_database: BTreeSet::new(),
            problems: Vec::new(),
            twice: None,
        }
    }

    fn add(&mut self, channel: &StoredChannel) {
        let resolved = match is_of_file(&self.config.channels, channel) {
            true => {
                self.twice.get_or_insert_with(|| channel.name.clone());
                Err(TWICE.to_owned())
            }
            false => resolved(channel, &self.config.channel_rules),
        };
        let channels = &mut self.config.channels;
        match resolved {
            Ok(resolved) => {
                self.of_database.insert(resolved.settings.name.clone());
                if resolved.enabled {
                    channels.enabled.push(resolved.settings);
                    channels.warnings.extend(resolved.warnings);
                } else {
                    channels.disabled.push(resolved.settings);
                }
            }
            Err(problem) => self.problems.push(format!(
                "channel {} of the database cannot be used: {problem}",
                channel.name
            )),
        }
    }
}

/// A stored channel without what is sealed of it.
pub(super) fn resolved(channel: &StoredChannel, rules: &ChannelRules) -> Result<Resolved, String> {
    let mut settings = channel.settings.clone();
    settings.insert("name".to_owned(), channel.name.clone().into());
    let resolved = match channel.sealed {
        Some(_) => rules.resolve_sealed(settings),
        None => rules.resolve(&settings),
    };
    resolved.map_err(|wrong| told(&wrong))
}
