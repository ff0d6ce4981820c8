//! `[routing]`: how channels are chosen, and what becomes of those that fail.

use std::{
    collections::BTreeMap,
    num::{NonZeroU8, NonZeroU32, NonZeroU64},
    time::Duration,
};

use serde::Deserialize;
use tollgate_catalog::{channel::SpeedFloor, model::ModelId};
use tollgate_gateway::{HealthSettings, RoutingSettings, Strategy};
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

const RETRIES: u32 = 2;
const BREAKER_FAILURES: u32 = 5;
const BREAKER_OPEN_MS: u64 = 10_000;
const SPEED_WINDOW_MS: u64 = 10_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct RoutingTable {
    strategy: Option<StrategyName>,
    strategies: Option<BTreeMap<Spanned<String>, StrategyName>>,
    affinity: Option<bool>,
    retries: Option<u32>,
    fallbacks: Option<BTreeMap<Spanned<String>, Vec<Spanned<String>>>>,
    allow_pin: Option<bool>,
    health: Option<bool>,
    breaker_failures: Option<NonZeroU32>,
    breaker_open_ms: Option<NonZeroU64>,
    hedge_percentile: Option<Spanned<u8>>,
    speed_floor: Option<u32>,
    speed_window_ms: Option<NonZeroU64>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum StrategyName {
    Weighted,
    Latency,
    Price,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::Weighted => Self::Weighted,
            StrategyName::Latency => Self::Latency,
            StrategyName::Price => Self::Price,
        }
    }
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &RoutingSettings, running: &RoutingSettings) -> Vec<&'static str> {
    let (health, running_health) = (&new.health, &running.health);
    [
        ("routing.strategy", new.strategy != running.strategy),
        ("routing.strategies", new.strategies != running.strategies),
        ("routing.affinity", new.affinity != running.affinity),
        ("routing.retries", new.retries != running.retries),
        ("routing.fallbacks", new.fallbacks != running.fallbacks),
        ("routing.allow_pin", new.allow_pin != running.allow_pin),
        ("routing.hedge_percentile", new.hedge != running.hedge),
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

/// Models to fall back on. Any ID is taken, since a channel may serve what the catalogue does not list; those that
/// nobody serves are warned of.
fn fallbacks(
    written: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<ModelId, Vec<ModelId>> {
    let mut fallbacks = BTreeMap::new();
    for (model, others) in written {
        for id in others.iter().chain([&model]).filter(|id| id.get_ref().is_empty()) {
            mistakes.add(id.span().start, Mistake::ModelEmpty);
        }
        let others = others.into_iter().map(|id| ModelId::new(id.into_inner()));
        fallbacks.insert(ModelId::new(model.into_inner()), others.collect());
    }
    fallbacks
}

/// Strategies of single models; as with fallbacks, any ID is taken.
fn strategies(
    written: BTreeMap<Spanned<String>, StrategyName>,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<ModelId, Strategy> {
    let mut strategies = BTreeMap::new();
    for (model, strategy) in written {
        if model.get_ref().is_empty() {
            mistakes.add(model.span().start, Mistake::ModelEmpty);
        }
        strategies.insert(ModelId::new(model.into_inner()), strategy.into());
    }
    strategies
}

/// 0 stands for never. Below the middle every second request would be made twice.
fn hedge(written: &Spanned<u8>, mistakes: &mut Mistakes<'_>) -> Option<NonZeroU8> {
    let percent = *written.get_ref();
    if percent != 0 && !(50..=99).contains(&percent) {
        mistakes.add(written.span().start, Mistake::HedgePercentile);
    }
    NonZeroU8::new(percent)
}

/// The floor under the speed of streams, of channels that have none of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpeedFloors {
    /// 0: any speed will do.
    pub tokens_per_second: u32,
    pub window: Duration,
}

impl SpeedFloors {
    pub fn of(table: &RoutingTable) -> Self {
        let window = table.speed_window_ms.map_or(SPEED_WINDOW_MS, NonZeroU64::get);
        Self {
            tokens_per_second: table.speed_floor.unwrap_or(0),
            window: Duration::from_millis(window),
        }
    }

    /// The fields that differ. None of them can change while the gate runs.
    pub fn differences(self, running: Self) -> Vec<&'static str> {
        let floor = self.tokens_per_second != running.tokens_per_second;
        let window = self.window != running.window;
        [
            ("routing.speed_floor", floor),
            ("routing.speed_window_ms", window),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }

    /// That of a channel which says so of its own.
    pub fn floor(self, own: Option<u32>) -> Option<SpeedFloor> {
        let tokens_per_second = NonZeroU32::new(own.unwrap_or(self.tokens_per_second))?;
        Some(SpeedFloor {
            tokens_per_second,
            window: self.window,
        })
    }
}

pub fn resolve(table: RoutingTable, mistakes: &mut Mistakes<'_>) -> RoutingSettings {
    let open_ms = table.breaker_open_ms.map_or(BREAKER_OPEN_MS, NonZeroU64::get);
    RoutingSettings {
        strategy: table.strategy.map_or(Strategy::Weighted, Into::into),
        strategies: strategies(table.strategies.unwrap_or_default(), mistakes),
        affinity: table.affinity.unwrap_or(true),
        retries: table.retries.unwrap_or(RETRIES),
        fallbacks: fallbacks(table.fallbacks.unwrap_or_default(), mistakes),
        allow_pin: table.allow_pin.unwrap_or(false),
        hedge: table
            .hedge_percentile
            .and_then(|written| hedge(&written, mistakes)),
        health: HealthSettings {
            enabled: table.health.unwrap_or(true),
            breaker_failures: table.breaker_failures.map_or(BREAKER_FAILURES, NonZeroU32::get),
            breaker_open: Duration::from_millis(open_ms),
        },
    }
}
