//! The configuration that is in force, as operators may see it: every field by the name that the file has for it, and no
//! secret.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tollgate_catalog::model::ModelId;
use tollgate_gateway::{Strategy, TelemetrySettings};

use super::{Config, CorsOrigins, LogFormat, Sandbox};

const MEGABYTE: usize = 1024 * 1024;

impl Config {
    /// All tables but the channels, which change while the gate runs.
    pub fn effective(&self) -> Value {
        let Self {
            file,
            server,
            limits,
            database,
            redis,
            sandbox,
            fetch,
            reasoning_store,
            idempotency,
            routing,
            speed_floors,
            catalog: _,
            catalog_files,
            channels: _,
            channel_rules: _,
            sealing,
            accounting,
            spool,
            retention,
            explain,
            telemetry,
            log,
        } = self;
        let texts = |items: &[ipnet::IpNet]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
        json!({
            "file": file.as_ref().map(|path| path.display().to_string()),
            "server": {
                "listen": server.listen.to_string(),
                "admin_listen": server.admin_listen.to_string(),
                "data_dir": server.data_dir.display().to_string(),
                "trusted_proxies": texts(&server.trusted_proxies),
                "cors_origins": match &server.cors_origins {
                    CorsOrigins::Any => vec!["*".to_owned()],
                    CorsOrigins::These(origins) => origins.clone(),
                },
            },
            "limits": {
                "request_body_mb": limits.request_body / MEGABYTE,
                "answer_mb": limits.answer / MEGABYTE,
                "max_in_flight": limits.max_in_flight,
                "buffered_mb": limits.buffered / MEGABYTE,
                "n_max": limits.n_max,
                "request_deadline_ms": ms(limits.request_deadline),
                "keep_alive_ms": ms(limits.keep_alive),
                "send_timeout_ms": ms(limits.send_timeout),
                "leave_ms": ms(limits.leave),
                "drain_ms": ms(limits.drain),
                "abandoned_ms": ms(limits.abandoned.time),
                "abandoned_mb": limits.abandoned.bytes / MEGABYTE,
                "abandoned_max": limits.abandoned.most,
            },
            // Without a password, wherever it is shown.
            "database": { "url": database.to_string() },
            "redis": { "url": redis.as_ref().map(ToString::to_string) },
            "sandbox": {
                "enabled": match sandbox {
                    Sandbox::Auto => json!("auto"),
                    Sandbox::On => json!(true),
                    Sandbox::Off => json!(false),
                },
            },
            "fetch": {
                "enabled": fetch.enabled,
                "size_mb": fetch.size_limit / MEGABYTE,
                "timeout_ms": ms(fetch.timeout),
                "allow_private": texts(&fetch.allow_private),
            },
            "reasoning_store": {
                "size_mb": reasoning_store.size / MEGABYTE,
                "ttl_s": reasoning_store.ttl.as_secs(),
            },
            "idempotency": {
                "size_mb": idempotency.size / MEGABYTE,
                "answer_mb": idempotency.answer / MEGABYTE,
                "ttl_s": idempotency.ttl.as_secs(),
                "linger_ms": ms(idempotency.linger),
            },
            "routing": {
                "strategy": strategy(routing.strategy),
                "strategies": by_model(&routing.strategies, |chosen| json!(strategy(*chosen))),
                "affinity": routing.affinity,
                "retries": routing.retries,
                "fallbacks": by_model(&routing.fallbacks, |models| {
                    models.iter().map(ModelId::as_str).collect()
                }),
                "allow_pin": routing.allow_pin,
                "hedge_percentile": routing.hedge.map_or(0, std::num::NonZeroU8::get),
                "health": routing.health.enabled,
                "breaker_failures": routing.health.breaker_failures,
                "breaker_open_ms": ms(routing.health.breaker_open),
                "speed_floor": speed_floors.tokens_per_second,
                "speed_window_ms": ms(speed_floors.window),
            },
            "catalog": { "files": catalog_files.iter().map(|file| file.name()).collect::<Vec<_>>() },
            "accounting": { "time_zone": accounting.time_zone.iana_name().unwrap_or("UTC") },
            "spool": { "size_mb": spool.size_mb() },
            "retention": {
                "usage_days": retention.map_or(0, |retention| retention.usage_days.get()),
            },
            "explain": {
                "keep_minutes": explain.keep.as_secs() / 60,
                "requests_max": explain.count,
                "size_mb": explain.size / MEGABYTE,
            },
            "telemetry": telemetry.as_ref().map(self::telemetry),
            "sealing": { "key": set(sealing.has_current()), "key_before": set(sealing.has_before()) },
            "log": {
                "format": match log.format {
                    LogFormat::Text => "text",
                    LogFormat::Json => "json",
                },
                "level": log.level.to_string(),
            },
        })
    }
}

fn telemetry(settings: &TelemetrySettings) -> Value {
    json!({
        "endpoint": settings.endpoint.as_str(),
        "headers": settings.headers.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "traces": settings.traces,
        "metrics": settings.metrics,
        "sample_ratio": settings.sample_ratio,
        "service_name": settings.service_name,
        "interval_ms": ms(settings.interval),
        "timeout_ms": ms(settings.timeout),
        "queue_max": settings.queue,
    })
}

fn set(is_set: bool) -> &'static str {
    if is_set { "set" } else { "none" }
}

fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Weighted => "weighted",
        Strategy::Latency => "latency",
        Strategy::Price => "price",
    }
}

fn by_model<T>(map: &BTreeMap<ModelId, T>, shown: impl Fn(&T) -> Value) -> Value {
    map.iter()
        .map(|(model, value)| (model.to_string(), shown(value)))
        .collect()
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
