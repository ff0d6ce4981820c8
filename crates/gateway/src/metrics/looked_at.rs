//! What is looked at when somebody asks, and not counted as it happens: written by us beside what the recorder has,
//! so that a channel that a reload took away is gone from the page too.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, time::timeout};

use tollgate_store::Redis;

use crate::{
    gate::Gate,
    health::{BreakerState, Fitness},
};

/// A database that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prometheus' text of the state that the gate is in.
pub async fn page(gate: &Gate) -> String {
    let mut page = Page::default();
    page.gauge("tollgate_build_info", "1, with the program's version");
    page.value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    let asked = Instant::now();
    let answers = matches!(timeout(PATIENCE, gate.store.ping()).await, Ok(Ok(())));
    page.gauge("tollgate_database_up", "1 while the database answers");
    page.value(&[], u64::from(answers));
    page.gauge(
        "tollgate_database_ping_seconds",
        "How long the database took to answer just now",
    );
    page.value(&[], asked.elapsed().as_secs_f64());
    accounts(gate, &mut page, answers).await;
    page.gauge(
        "tollgate_buffered_bytes",
        "Memory of bodies and held answers under way; its bound is limits.buffered_mb",
    );
    page.value(&[], gate.buffered.used() as u64);
    page.gauge(
        "tollgate_tasks",
        "Tasks of the runtime: connections, and what goes on beside them",
    );
    page.value(&[], Handle::current().metrics().num_alive_tasks() as u64);
    redis(gate, &mut page);
    spool(gate, &mut page);
    channels(gate, &mut page);
    models(gate, &mut page);
    page.0
}

/// Accounts that need somebody. `answers`: whether the database does.
async fn accounts(gate: &Gate, page: &mut Page, answers: bool) {
    let counted = match answers {
        true => timeout(PATIENCE, gate.store.accounts_without_credit())
            .await
            .ok()
            .and_then(Result::ok),
        false => None,
    };
    page.gauge(
        "tollgate_accounts_without_credit",
        "Accounts that have spent their credit, so that their requests are refused",
    );
    page.values(counted.map(|counted| counted.all));
    page.gauge(
        "tollgate_accounts_overdrawn",
        "Those of them that have spent more than they had",
    );
    page.values(counted.map(|counted| counted.overdrawn));
}

fn redis(gate: &Gate, page: &mut Page) {
    // Their names are there in any case, and values where there is a Redis.
    let standing = gate.redis.as_ref().map(Redis::standing);
    page.gauge("tollgate_redis_up", "1 while Redis answers in time");
    page.values(standing.map(|standing| u64::from(standing.is_up)));
    page.gauge(
        "tollgate_redis_gates",
        "Gates that share Redis, when it last answered; while it is away each has one part of as many of each rate",
    );
    page.values(standing.map(|standing| u64::from(standing.gates)));
    page.counter(
        "tollgate_redis_failures_total",
        "How often Redis was found not to answer in time",
    );
    page.values(standing.map(|standing| standing.failures));
    page.counter(
        "tollgate_redis_states_lost_total",
        "States of turns that could not be kept for other gates",
    );
    page.values(standing.map(|standing| standing.states_lost));
}

fn spool(gate: &Gate, page: &mut Page) {
    let Some(spool) = &gate.spool else { return };
    let standing = spool.standing();
    page.gauge(
        "tollgate_spool_waiting_bytes",
        "Records of requests that are not in the database yet",
    );
    page.value(&[], standing.waiting_bytes);
    page.gauge(
        "tollgate_spool_size_bytes",
        "Disk that the spool takes; its bound is spool.size_mb",
    );
    page.value(&[], standing.disk_bytes);
    page.gauge("tollgate_spool_max_bytes", "Disk that the spool may take");
    page.value(&[], standing.max_bytes);
    page.gauge(
        "tollgate_spool_in_memory_records",
        "Records that could not be written to the disk so far",
    );
    page.value(&[], standing.in_memory as u64);
    page.gauge(
        "tollgate_spool_has_room",
        "1 while requests are taken; 0 while they are refused since nothing could be booked",
    );
    page.value(&[], u64::from(standing.has_room));
    page.counter(
        "tollgate_spool_gaps_total",
        "How often the database was found to lack requests that it had and that the spool has no more",
    );
    page.value(&[], standing.gaps);
}

fn channels(gate: &Gate, page: &mut Page) {
    let channels = gate.channels.load();
    let all = channels.all();
    page.gauge(
        "tollgate_channel_breaker_open",
        "1 while a channel's breaker is open or half open",
    );
    for channel in &all {
        let is_open = channel.health.breaker() != BreakerState::Closed;
        page.value(&[("channel", channel.settings.name.as_str())], u64::from(is_open));
    }
    page.gauge(
        "tollgate_channel_resting",
        "1 while a channel rests as a whole: its credential was refused, or its quota is used up",
    );
    for channel in &all {
        let rests = !channel.health.rests_for().is_zero();
        page.value(&[("channel", channel.settings.name.as_str())], u64::from(rests));
    }
    page.gauge("tollgate_channel_in_flight", "Attempts under way, by channel");
    for channel in &all {
        let in_flight = channel.health.in_flight();
        page.value(
            &[("channel", channel.settings.name.as_str())],
            u64::from(in_flight),
        );
    }
}

fn models(gate: &Gate, page: &mut Page) {
    let channels = gate.channels.load();
    let mut models: Vec<_> = channels.models().collect();
    models.sort_by_key(|(id, _)| *id);
    page.gauge("tollgate_model_channels", "Channels that serve a model");
    for (id, servers) in &models {
        page.value(&[("model", id.as_str())], servers.len() as u64);
    }
    page.gauge(
        "tollgate_model_channels_usable",
        "Channels that serve a model and are not left alone at the moment",
    );
    for (id, servers) in &models {
        let usable = servers.iter().filter(|server| server.fitness() == Fitness::Fit);
        page.value(&[("model", id.as_str())], usable.count() as u64);
    }
    page.gauge(
        "tollgate_model_retirement_timestamp_seconds",
        "Day on which the provider of a channel ends a model, where it has named one",
    );
    for (id, servers) in &models {
        for server in *servers {
            let Some(day) = server.serving.retires else {
                continue;
            };
            let Ok(start) = day.to_zoned(jiff::tz::TimeZone::UTC) else {
                continue;
            };
            let labels = [
                ("channel", server.channel.settings.name.as_str()),
                ("model", id.as_str()),
            ];
            page.value(&labels, start.timestamp().as_second().max(0) as u64);
        }
    }
}

/// Text in Prometheus' form.
#[derive(Default)]
struct Page(String, &'static str);

impl Page {
    /// Begins the values of one gauge.
    fn gauge(&mut self, name: &'static str, help: &str) {
        self.begin(name, "gauge", help);
    }

    /// Begins the values of one counter.
    fn counter(&mut self, name: &'static str, help: &str) {
        self.begin(name, "counter", help);
    }

    fn begin(&mut self, name: &'static str, kind: &str, help: &str) {
        self.1 = name;
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// The value without labels, where there is one.
    fn values(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            self.value(&[], value);
        }
    }

    fn value(&mut self, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let Self(text, name) = self;
        text.push_str(name);
        for (place, (label, value)) in labels.iter().enumerate() {
            text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(text, "{label}=\"");
            for character in value.chars() {
                match character {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    other => text.push(other),
                }
            }
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let _ = writeln!(text, " {value}");
    }
}

#[cfg(test)]
mod tests;
