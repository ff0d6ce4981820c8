//! `/admin/v1/channels`: the channels in use and how they are at this moment.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::json;
use crate::{body::Response, channel::Channel, gate::Gate};

/// One channel, without its credential.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    provider: &'a str,
    base_url: &'a str,
    priority: u32,
    weight: u32,
    breaker: &'static str,
    /// How long the whole channel rests; 0: it does not.
    rests_for_ms: u64,
    /// Attempts under way.
    in_flight: u32,
    concurrency: Option<u32>,
    models: Vec<ModelRow<'a>>,
}

#[derive(Serialize)]
struct ModelRow<'a> {
    id: &'a str,
    rests_for_ms: u64,
    /// Until the first output or the whole answer, of late; null: none came yet.
    latency_ms: Option<u64>,
}

/// All channels, by name.
pub fn list(gate: &Gate) -> Response {
    let channels = gate.channels.load();
    let all = channels.all();
    let rows: Vec<Row<'_>> = all.into_iter().map(|channel| row(channel)).collect();
    let body = serde_json::to_string(&rows).expect("rows always serialise");
    json(StatusCode::OK, body)
}

fn row(channel: &Channel) -> Row<'_> {
    let (settings, health) = (&channel.settings, &channel.health);
    Row {
        name: settings.name.as_str(),
        provider: &settings.provider.name,
        base_url: settings.base_url.as_str(),
        priority: settings.priority,
        weight: settings.weight,
        breaker: health.breaker().as_str(),
        rests_for_ms: millis(health.rests_for()),
        in_flight: health.in_flight(),
        concurrency: settings.concurrency.map(Into::into),
        models: health
            .models()
            .map(|(id, rest, latency)| ModelRow {
                id: id.as_str(),
                rests_for_ms: millis(rest),
                latency_ms: latency.map(millis),
            })
            .collect(),
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
