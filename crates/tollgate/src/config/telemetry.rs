//! `[telemetry]`: where traces and metrics are sent. Without an endpoint nothing is.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tollgate_gateway::TelemetrySettings;
use toml::Spanned;

use super::{
    base::base,
    headers,
    mistake::{Mistake, Mistakes},
};

const SERVICE_NAME: &str = "tollgate";
const INTERVAL_MS: u64 = 60_000;
const TIMEOUT_MS: u64 = 10_000;
const QUEUE_MAX: u32 = 4_096;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct TelemetryTable {
    endpoint: Option<Spanned<String>>,
    headers: Option<BTreeMap<Spanned<String>, Spanned<String>>>,
    traces: Option<bool>,
    metrics: Option<bool>,
    sample_ratio: Option<Spanned<f64>>,
    service_name: Option<String>,
    interval_ms: Option<NonZeroU64>,
    timeout_ms: Option<NonZeroU64>,
    queue_max: Option<NonZeroU32>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(
    new: Option<&TelemetrySettings>,
    running: Option<&TelemetrySettings>,
) -> Vec<&'static str> {
    let (new, running) = match (new, running) {
        (Some(new), Some(running)) => (new, running),
        (None, None) => return Vec::new(),
        _ => return vec!["telemetry.endpoint"],
    };
    let headers = |settings: &TelemetrySettings| -> Vec<(String, String)> {
        let headers = settings.headers.iter();
        headers
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect()
    };
    [
        ("telemetry.endpoint", new.endpoint != running.endpoint),
        ("telemetry.headers", headers(new) != headers(running)),
        ("telemetry.traces", new.traces != running.traces),
        ("telemetry.metrics", new.metrics != running.metrics),
        (
            "telemetry.sample_ratio",
            new.sample_ratio.to_bits() != running.sample_ratio.to_bits(),
        ),
        ("telemetry.service_name", new.service_name != running.service_name),
        ("telemetry.interval_ms", new.interval != running.interval),
        ("telemetry.timeout_ms", new.timeout != running.timeout),
        ("telemetry.queue_max", new.queue != running.queue),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// `None`: nothing is sent.
pub fn resolve(table: TelemetryTable, mistakes: &mut Mistakes<'_>) -> Option<TelemetrySettings> {
    let headers = headers::resolve(table.headers.unwrap_or_default(), &[], mistakes);
    let sample_ratio = table.sample_ratio.map_or(1.0, |ratio| {
        if !(0.0..=1.0).contains(ratio.get_ref()) {
            let field = "sample_ratio";
            mistakes.add(ratio.span().start, Mistake::Share { field });
        }
        ratio.into_inner()
    });
    let endpoint = table.endpoint.and_then(|written| {
        base("endpoint", written.get_ref())
            .map_err(|mistake| mistakes.add(written.span().start, mistake))
            .ok()
    });
    let milliseconds = |written: Option<NonZeroU64>, default| {
        Duration::from_millis(written.map_or(default, NonZeroU64::get))
    };
    Some(TelemetrySettings {
        endpoint: endpoint?,
        headers: headers?
            .into_iter()
            .map(|(name, value)| (name, SecretString::from(value)))
            .collect(),
        traces: table.traces.unwrap_or(true),
        metrics: table.metrics.unwrap_or(true),
        sample_ratio,
        service_name: table.service_name.unwrap_or_else(|| SERVICE_NAME.to_owned()),
        interval: milliseconds(table.interval_ms, INTERVAL_MS),
        timeout: milliseconds(table.timeout_ms, TIMEOUT_MS),
        queue: table.queue_max.map_or(QUEUE_MAX, NonZeroU32::get) as usize,
    })
}
