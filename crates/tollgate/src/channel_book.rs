//! The channels of a running gate: those of the file and those that operators made by the admin API, with operators'
//! prices over both.
//!
//! The database is looked at twice a second; what changed there is in use within a second, at every gate on it. While it
//! cannot be asked, everything stays as it is.
//! Not here: what settings mean ([`crate::config`]), and how requests choose (`tollgate-gateway`).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::{self, MissedTickBehavior};
use tollgate_admin::{ChannelKeeper, FileChannel, WrongSetting, secrets};
use tollgate_catalog::{
    channel::ChannelSettings,
    price::{Conditions, Price, PriceRow, Rates},
};
use tollgate_gateway::{Configured, Gate};
use tollgate_store::{
    ChannelsVersion, Store, StoreError, StoredChannel, StoredPrice,
    sealed::{SealError, SealingKeys},
};
use tracing::{info, warn};

use crate::{
    config::{ChannelRules, Channels, Config, Resolved, Sandbox},
    error::CliError,
};

mod looked_at;

pub use looked_at::LookedAt;

/// Twice a second, so that a change counts within one.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const TWICE: &str = "the configuration file has a channel of this name";

/// The channels of one gate.
pub struct ChannelBook {
    store: Store,
    keys: Arc<SealingKeys>,
    /// As it was at the start.
    sandbox: Sandbox,
    held: Mutex<Held>,
}

struct Held {
    file: Channels,
    rules: ChannelRules,
    /// What the database said last.
    stored: Stored,
    /// By name: why a stored channel is not in use.
    problems: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Stored {
    version: ChannelsVersion,
    channels: Vec<StoredChannel>,
    prices: Vec<StoredPrice>,
}

/// What comes of all of them.
struct Merged {
    channels: Configured,
    problems: BTreeMap<String, String>,
    /// A name that stands in the file and in the database.
    twice: Option<String>,
}

impl ChannelBook {
    /// Reads what the database has; gives the channels to begin with. Fails where one name is in both.
    pub async fn open(store: Store, config: &Config) -> Result<(Arc<Self>, Configured), CliError> {
        let keys = Arc::clone(&config.sealing);
        let stored = read(&store).await?;
        let merged = merge(&config.channels, &config.channel_rules, &stored, &keys);
        if let Some(name) = merged.twice {
            return Err(CliError::ChannelTwice { name });
        }
        tell(&merged.problems);
        let book = Self {
            store,
            keys,
            sandbox: config.sandbox,
            held: Mutex::new(Held {
                file: config.channels.clone(),
                rules: config.channel_rules.clone(),
                stored,
                problems: merged.problems,
            }),
        };
        Ok((Arc::new(book), merged.channels))
    }

    /// Looks after the gate's channels until it is dropped.
    pub async fn keep(self: Arc<Self>, gate: Arc<Gate>) {
        let mut ticks = time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fails = false;
        loop {
            ticks.tick().await;
            match self.look(&gate).await {
                Ok(()) => fails = false,
                Err(error) => {
                    if !fails {
                        warn!(%error, "changes of channels and prices are not seen while the database cannot be asked");
                    }
                    fails = true;
                }
            }
        }
    }

    async fn look(&self, gate: &Gate) -> Result<(), StoreError> {
        let version = self.store.channels_version().await?;
        if version == self.held().stored.version {
            return Ok(());
        }
        let stored = read(&self.store).await?;
        let mut held = self.held();
        let merged = merge(&held.file, &held.rules, &stored, &self.keys);
        tell(&merged.problems);
        info!(
            channels = merged.channels.in_use.len(),
            "channels or prices have changed"
        );
        gate.replace_channels(merged.channels);
        held.problems = merged.problems;
        held.stored = stored;
        Ok(())
    }

    /// Puts the file's channels as they are now in the place of those before. Fails, and changes nothing, where one name
    /// is in the database as well, and where no channel is left and the embedded model would take their place: the file
    /// may be one that is just being written.
    pub fn reload(&self, config: &Config, gate: &Gate) -> Result<usize, CliError> {
        let mut held = self.held();
        let merged = merge(&config.channels, &config.channel_rules, &held.stored, &self.keys);
        if let Some(name) = merged.twice {
            return Err(CliError::ChannelTwice { name });
        }
        let had_any = !held.file.is_empty();
        if self.sandbox == Sandbox::Auto && had_any && merged.channels.is_empty() {
            return Err(CliError::NoChannelLeft);
        }
        let count = merged.channels.in_use.len();
        gate.replace_channels(merged.channels);
        held.problems = merged.problems;
        held.file = config.channels.clone();
        held.rules = config.channel_rules.clone();
        Ok(count)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ChannelKeeper for ChannelBook {
    fn of_file(&self) -> Vec<FileChannel> {
        let held = self.held();
        let enabled = held.file.enabled.iter().map(|settings| (settings, true));
        let disabled = held.file.disabled.iter().map(|settings| (settings, false));
        enabled
            .chain(disabled)
            .map(|(settings, enabled)| FileChannel {
                settings: settings.clone(),
                enabled,
            })
            .collect()
    }

    fn problems(&self) -> BTreeMap<String, String> {
        self.held().problems.clone()
    }

    fn check(&self, settings: &Map<String, Value>) -> Result<ChannelSettings, WrongSetting> {
        let held = self.held();
        held.rules.resolve(settings).map(|resolved| resolved.settings)
    }

    fn keys(&self) -> &SealingKeys {
        &self.keys
    }
}

/// The channels of the file and the database, for commands.
pub async fn all(store: &Store, config: &Config) -> Result<Configured, CliError> {
    let stored = read(store).await?;
    let merged = merge(&config.channels, &config.channel_rules, &stored, &config.sealing);
    tell(&merged.problems);
    Ok(merged.channels)
}

/// A channel of the database, as it is listed.
pub struct Listed {
    pub name: String,
    pub enabled: bool,
    /// Or why it cannot be used.
    pub settings: Result<ChannelSettings, String>,
    /// Why the secrets are not among the settings: the key here does not open them, which a gate's may.
    pub unopened: Option<SealError>,
}

/// The channels of the database, whether they are used or not. A database is neither made nor migrated for it.
pub async fn listed(config: &Config) -> Result<Vec<Listed>, CliError> {
    let Some(store) = Store::open_as_it_is(&config.database).await? else {
        return Ok(Vec::new());
    };
    let channels = store.stored_channels().await;
    store.close().await;
    let listed = channels?.into_iter().map(|channel| {
        let rules = &config.channel_rules;
        let opened = secrets::opened(&channel, &config.sealing);
        let unopened = opened.as_ref().err().copied();
        let unopened = unopened.filter(|cause| matches!(cause, SealError::NoKey | SealError::OtherKey));
        let resolved = match is_of_file(&config.channels, &channel) {
            true => Err(TWICE.to_owned()),
            false if unopened.is_some() => looked_at::resolved(&channel, rules),
            false => resolved(&channel, rules, &config.sealing),
        };
        Listed {
            enabled: resolved.as_ref().map_or(true, |resolved| resolved.enabled),
            settings: resolved.map(|resolved| resolved.settings),
            name: channel.name,
            unopened,
        }
    });
    Ok(listed.collect())
}

/// Seals all secrets anew, by the current key, and says of how many channels. Fails at the first that cannot be opened;
/// those before it are done.
pub async fn reseal(config: &Config) -> Result<usize, CliError> {
    let store = Store::open_existing(&config.database).await?;
    let done = reseal_in(&store, &config.sealing).await;
    store.close().await;
    done
}

async fn reseal_in(store: &Store, keys: &SealingKeys) -> Result<usize, CliError> {
    let mut count = 0;
    for channel in store.stored_channels().await? {
        if channel.sealed.is_none() {
            continue;
        }
        let seal = |channel: &mut StoredChannel| {
            let resealed = secrets::resealed(channel, keys).map_err(|cause| CliError::Sealed {
                channel: channel.name.clone(),
                cause,
            })?;
            channel.sealed = resealed;
            Ok::<_, CliError>(())
        };
        store
            .update_channel(&channel.name, Timestamp::now(), seal)
            .await?;
        count += 1;
    }
    Ok(count)
}

async fn read(store: &Store) -> Result<Stored, StoreError> {
    // First, so that what changes meanwhile is seen as a change the next time.
    let version = store.channels_version().await?;
    Ok(Stored {
        version,
        channels: store.stored_channels().await?,
        prices: store.stored_prices().await?,
    })
}

fn merge(file: &Channels, rules: &ChannelRules, stored: &Stored, keys: &SealingKeys) -> Merged {
    let mut merged = Merged {
        channels: Configured {
            in_use: file.enabled.clone(),
            has_others: !file.disabled.is_empty(),
        },
        problems: BTreeMap::new(),
        twice: None,
    };
    for channel in &stored.channels {
        if is_of_file(file, channel) {
            merged.problems.insert(channel.name.clone(), TWICE.to_owned());
            merged.twice.get_or_insert_with(|| channel.name.clone());
            continue;
        }
        match resolved(channel, rules, keys) {
            Ok(resolved) if resolved.enabled => merged.channels.in_use.push(resolved.settings),
            Ok(_) => merged.channels.has_others = true,
            Err(problem) => {
                merged.channels.has_others = true;
                merged.problems.insert(channel.name.clone(), problem);
            }
        }
    }
    for channel in &mut merged.channels.in_use {
        put_prices(channel, &stored.prices);
    }
    merged
}

/// Whether a channel of the file has the name.
fn is_of_file(file: &Channels, channel: &StoredChannel) -> bool {
    let mut of_file = file.enabled.iter().chain(&file.disabled);
    of_file.any(|settings| settings.name.as_str() == channel.name)
}

fn resolved(channel: &StoredChannel, rules: &ChannelRules, keys: &SealingKeys) -> Result<Resolved, String> {
    let settings = secrets::opened(channel, keys).map_err(|error| error.to_string())?;
    rules.resolve(&settings).map_err(|wrong| told(&wrong))
}

fn told(wrong: &WrongSetting) -> String {
    format!("`{}`: {}", wrong.field, wrong.problem)
}

/// Puts operators' prices over what the channel's models cost otherwise: first those for wherever a model is served,
/// then the channel's own.
fn put_prices(channel: &mut ChannelSettings, prices: &[StoredPrice]) {
    for (model, serving) in &mut channel.models {
        let of_model = prices
            .iter()
            .filter(|price| price.settings.model == model.as_str());
        let (own, of_all): (Vec<&StoredPrice>, Vec<&StoredPrice>) =
            of_model.partition(|price| price.settings.channel.is_some());
        let own = own
            .into_iter()
            .filter(|price| price.settings.channel.as_deref() == Some(channel.name.as_str()));
        let over: Vec<PriceRow> = of_all.into_iter().chain(own).filter_map(row).collect();
        if over.is_empty() {
            continue;
        }
        let serving = Arc::make_mut(serving);
        let before = serving.price.as_ref().map(Price::rows).unwrap_or_default();
        let rows = before.iter().cloned().chain(over).collect();
        serving.price = Some(Price::new(rows));
    }
}

/// `None`: an earlier version knew a class of tokens that this one does not.
fn row(price: &StoredPrice) -> Option<PriceRow> {
    let rates: Rates = serde_json::from_value(Value::Object(price.settings.rates.clone())).ok()?;
    Some(PriceRow {
        when: Conditions {
            from: price.settings.from,
            until: price.settings.until,
            ..Conditions::default()
        },
        rates,
    })
}

fn tell(problems: &BTreeMap<String, String>) {
    for (channel, problem) in problems {
        warn!(channel, problem, "a stored channel cannot be used");
    }
}
