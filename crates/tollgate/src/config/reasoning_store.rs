//! `[reasoning_store]`: what providers want back with the next turn and clients do not send.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use serde::Deserialize;
use tollgate_gateway::ReasoningStoreSettings;

const SIZE_MB: u16 = 64;
const TTL_S: u32 = 86_400;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct ReasoningStoreTable {
    size_mb: Option<NonZeroU16>,
    ttl_s: Option<NonZeroU32>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &ReasoningStoreSettings, running: &ReasoningStoreSettings) -> Vec<&'static str> {
    [
        ("reasoning_store.size_mb", new.size != running.size),
        ("reasoning_store.ttl_s", new.ttl != running.ttl),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

pub fn resolve(table: ReasoningStoreTable) -> ReasoningStoreSettings {
    ReasoningStoreSettings {
        size: usize::from(table.size_mb.map_or(SIZE_MB, NonZeroU16::get)) << 20,
        ttl: Duration::from_secs(table.ttl_s.map_or(TTL_S, NonZeroU32::get).into()),
    }
}
