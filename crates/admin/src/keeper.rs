//! What the admin API asks of whoever holds the channels: the binary, which knows the configuration's rules.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tollgate_catalog::channel::ChannelSettings;
use tollgate_store::sealed::SealingKeys;

/// Holds the channels of this gate.
pub trait ChannelKeeper: Send + Sync + 'static {
    /// Those of the configuration file.
    fn of_file(&self) -> Vec<FileChannel>;

    /// By name: why a stored channel is not in use although it should be.
    fn problems(&self) -> BTreeMap<String, String>;

    /// What settings by the names of `[[channels]]` come to.
    fn check(&self, settings: &Map<String, Value>) -> Result<ChannelSettings, WrongSetting>;

    fn keys(&self) -> &SealingKeys;
}

/// A channel of the configuration file.
#[derive(Debug, Clone)]
pub struct FileChannel {
    pub settings: ChannelSettings,
    pub enabled: bool,
}

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSetting {
    /// Whether there is no such setting.
    pub is_unknown: bool,
    /// Empty: it is about all of them.
    pub field: String,
    pub problem: String,
}

impl WrongSetting {
    /// A setting that has to be there.
    pub fn missing(field: &str) -> Self {
        Self {
            is_unknown: false,
            field: field.to_owned(),
            problem: "is required".to_owned(),
        }
    }
}
