//! `[retention]`: how long single requests stay in the database.

use std::num::NonZeroU32;

use serde::Deserialize;
use tollgate_store::Retention;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RetentionTable {
    usage_days: Option<u32>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &Option<Retention>, running: &Option<Retention>) -> Vec<&'static str> {
    match new == running {
        true => Vec::new(),
        false => vec!["retention.usage_days"],
    }
}

/// `None`: for ever, since what nobody asked for is not removed.
pub fn resolve(table: RetentionTable) -> Option<Retention> {
    let usage_days = NonZeroU32::new(table.usage_days?)?;
    Some(Retention { usage_days })
}
