//! The metrics of OpenTelemetry's conventions for generative AI, fed with stories.
//!
//! `gen_ai.client.*` are about attempts, the gate being the providers' client; `gen_ai.server.*` are about requests,
//! the gate being its callers' server.

use std::time::Duration;

use opentelemetry::{
    KeyValue,
    metrics::{Histogram, MeterProvider},
};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};

use super::{TelemetrySettings, address, collector::Collector, headers, scope, spans::provider_name};
use crate::story::{Attempt, OK, Pages, Story};

/// Bounds of the buckets, as the conventions advise them.
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const FIRST_TOKEN_SECONDS: [f64; 16] = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const TOKEN_SECONDS: [f64; 13] = [
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
];
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The instruments.
pub struct Meters {
    provider: SdkMeterProvider,
    token_usage: Histogram<u64>,
    operation_duration: Histogram<f64>,
    first_chunk: Histogram<f64>,
    request_duration: Histogram<f64>,
    first_token: Histogram<f64>,
    per_token: Histogram<f64>,
}

impl Meters {
    /// Begins to send metrics every now and then, by a thread of their own.
    pub fn start(settings: &TelemetrySettings, resource: Resource) -> Result<Self, ExporterBuildError> {
        let exporter = MetricExporter::builder()
            .with_http()
            .with_http_client(Collector::new("metrics", settings.timeout))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address(settings, "v1/metrics"))
            .with_headers(headers(settings))
            .with_timeout(settings.timeout)
            .build()?;
        let reader = PeriodicReader::builder(exporter)
            .with_interval(settings.interval)
            .build();
        let provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(reader)
            .build();
        let meter = provider.meter_with_scope(scope());
        let seconds = |name: &'static str, bounds: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_boundaries(bounds.to_vec())
                .build()
        };
        Ok(Self {
            token_usage: meter
                .u64_histogram("gen_ai.client.token.usage")
                .with_unit("{token}")
                .with_boundaries(TOKENS.to_vec())
                .build(),
            operation_duration: seconds("gen_ai.client.operation.duration", &SECONDS),
            first_chunk: seconds("gen_ai.client.operation.time_to_first_chunk", &SECONDS),
            request_duration: seconds("gen_ai.server.request.duration", &SECONDS),
            first_token: seconds("gen_ai.server.time_to_first_token", &FIRST_TOKEN_SECONDS),
            per_token: seconds("gen_ai.server.time_per_output_token", &TOKEN_SECONDS),
            provider,
        })
    }

    /// Counts a request that has ended.
    pub fn record(&self, story: &Story) {
        story.read(|pages| {
            for attempt in &pages.attempts {
                self.attempt(pages, attempt);
            }
            self.request(story, pages);
        });
    }

    fn attempt(&self, pages: &Pages, attempt: &Attempt) {
        let mut labels = labels(attempt);
        let time = |at: Option<Duration>| {
            at.unwrap_or(pages.took)
                .saturating_sub(attempt.began)
                .as_secs_f64()
        };
        if pages.stream && attempt.output.is_some() {
            self.first_chunk.record(time(attempt.output), &labels);
        }
        if let Some(failed) = attempt.outcome.filter(|outcome| *outcome != OK) {
            labels.push(KeyValue::new("error.type", failed));
        }
        self.operation_duration.record(time(attempt.ended), &labels);
    }

    fn request(&self, story: &Story, pages: &Pages) {
        let Some(end) = &pages.end else { return };
        let answering = pages.answering();
        let mut labels = answering.map_or_else(
            || {
                vec![
                    KeyValue::new("gen_ai.operation.name", "chat"),
                    KeyValue::new("gen_ai.provider.name", provider_name(None)),
                ]
            },
            labels,
        );
        if let (Some(usage), Some(paid)) = (&end.usage, pages.paid()) {
            for (kind, tokens) in [("input", usage.prompt), ("output", usage.completion)] {
                let mut labels = self::labels(paid);
                labels.push(KeyValue::new("gen_ai.token.type", kind));
                self.token_usage.record(tokens, &labels);
            }
        }
        if let (true, Some(first)) = (pages.stream, end.first_output) {
            let first = first.saturating_duration_since(story.arrived);
            self.first_token.record(first.as_secs_f64(), &labels);
            let further = end.usage.map_or(0, |usage| usage.completion.saturating_sub(1));
            if further > 0 && end.outcome == OK {
                let rest = pages.took.saturating_sub(first).as_secs_f64();
                self.per_token.record(rest / further as f64, &labels);
            }
        }
        if !end.is_answer() {
            labels.push(KeyValue::new("error.type", end.outcome));
        }
        self.request_duration.record(pages.took.as_secs_f64(), &labels);
    }

    /// Sends what has been counted, and no more after that. Blocks.
    pub fn stop(self, limit: Duration) {
        // A collector that is away was counted already.
        let _ = self.provider.shutdown_with_timeout(limit);
    }
}

fn labels(attempt: &Attempt) -> Vec<KeyValue> {
    vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", provider_name(attempt.provider())),
        KeyValue::new("gen_ai.request.model", attempt.provider_model().to_owned()),
    ]
}
