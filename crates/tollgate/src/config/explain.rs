//! `[explain]`: stories of requests, kept for `tollgate explain`.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use serde::Deserialize;
use tollgate_gateway::StorySettings;

const KEEP_MINUTES: u16 = 60;
const REQUESTS_MAX: u32 = 20_000;
const SIZE_MB: u16 = 16;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct ExplainTable {
    keep_minutes: Option<u16>,
    requests_max: Option<NonZeroU32>,
    size_mb: Option<NonZeroU16>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &StorySettings, running: &StorySettings) -> Vec<&'static str> {
    [
        ("explain.keep_minutes", new.keep != running.keep),
        ("explain.requests_max", new.count != running.count),
        ("explain.size_mb", new.size != running.size),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

pub fn resolve(table: ExplainTable) -> StorySettings {
    let minutes = table.keep_minutes.unwrap_or(KEEP_MINUTES);
    StorySettings {
        keep: Duration::from_secs(60 * u64::from(minutes)),
        count: table.requests_max.map_or(REQUESTS_MAX, NonZeroU32::get) as usize,
        size: usize::from(table.size_mb.map_or(SIZE_MB, NonZeroU16::get)) << 20,
    }
}
