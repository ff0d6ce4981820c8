//! `[routing]`: how channels are chosen, and what becomes of those that fail.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use serde::Deserialize;
use tollgate_gateway::{HealthSettings, RoutingSettings, Strategy};

const RETRIES: u32 = 2;
const BREAKER_FAILURES: u32 = 5;
const BREAKER_OPEN_MS: u64 = 10_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RoutingTable {
    strategy: Option<StrategyName>,
    affinity: Option<bool>,
    retries: Option<u32>,
    health: Option<bool>,
    breaker_failures: Option<NonZeroU32>,
    breaker_open_ms: Option<NonZeroU64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum StrategyName {
    Weighted,
    Latency,
    Price,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &RoutingSettings, running: &RoutingSettings) -> Vec<&'static str> {
    let (health, running_health) = (&new.health, &running.health);
    [
        ("routing.strategy", new.strategy != running.strategy),
        ("routing.affinity", new.affinity != running.affinity),
        ("routing.retries", new.retries != running.retries),
        ("routing.health", health.enabled != running_health.enabled),
        (
            "routing.breaker_failures",
            health.breaker_failures != running_health.breaker_failures,
        ),
        (
            "routing.breaker_open_ms",
            health.breaker_open != running_health.breaker_open,
        ),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

pub fn resolve(table: RoutingTable) -> RoutingSettings {
    let open_ms = table.breaker_open_ms.map_or(BREAKER_OPEN_MS, NonZeroU64::get);
    RoutingSettings {
        strategy: match table.strategy {
            None | Some(StrategyName::Weighted) => Strategy::Weighted,
            Some(StrategyName::Latency) => Strategy::Latency,
            Some(StrategyName::Price) => Strategy::Price,
        },
        affinity: table.affinity.unwrap_or(true),
        retries: table.retries.unwrap_or(RETRIES),
        health: HealthSettings {
            enabled: table.health.unwrap_or(true),
            breaker_failures: table.breaker_failures.map_or(BREAKER_FAILURES, NonZeroU32::get),
            breaker_open: Duration::from_millis(open_ms),
        },
    }
}
