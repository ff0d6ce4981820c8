//! Traces and metrics for a collector, by OpenTelemetry's conventions for generative AI.
//!
//! They are made of the stories of requests that have ended, so that a request pays for nothing but a place in a
//! queue, and for nothing at all where no collector is configured. The queue is bounded: where the collector is
//! slow or away, stories are lost and counted, and requests are none the worse.
//!
//! As in stories, there is no word of prompts and answers; nor is there a provider's host or account.

mod collector;
mod meters;
mod spans;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use metrics::{counter, describe_counter};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SpanData, SpanExporter as _},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, spawn_blocking},
    time::{sleep, timeout},
};
use tracing::{info, warn};
use url::Url;

use crate::story::Story;
use collector::Collector;
use meters::Meters;
/// Why nothing can be sent.
pub use opentelemetry_otlp::ExporterBuildError as TelemetryError;
use spans::Tracer;

/// Most stories that are sent together.
const BATCH: usize = 512;
/// How long the first story of a batch waits for others.
const GATHERING: Duration = Duration::from_secs(1);
/// How long what is left may take at a shutdown.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where traces and metrics go, and which.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// Without the paths of traces and metrics.
    pub endpoint: Url,
    /// Sent with every request to the collector.
    pub headers: Vec<(String, SecretString)>,
    pub traces: bool,
    pub metrics: bool,
    /// The share of requests with a trace, of those whose caller did not decide.
    pub sample_ratio: f64,
    pub service_name: String,
    /// How often metrics are sent.
    pub interval: Duration,
    /// How long the collector may take.
    pub timeout: Duration,
    /// Most stories that wait.
    pub queue: usize,
}

/// The way to the collector.
pub struct Telemetry {
    stories: mpsc::Sender<Arc<Story>>,
    stop: watch::Sender<bool>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Begins to send what ends from now on. Must be called within a tokio runtime. Fails where a header or the
    /// address cannot be sent.
    pub fn start(settings: &TelemetrySettings) -> Result<Self, TelemetryError> {
        describe_counter!(
            "tollgate_telemetry_lost_total",
            "Requests without a trace, since the queue was full or the collector did not take it"
        );
        describe_counter!(
            "tollgate_telemetry_exports_total",
            "Requests to the collector, by signal and result"
        );
        let resource = Resource::builder_empty()
            .with_service_name(settings.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let traces = settings.traces.then(|| traces(settings, &resource)).transpose()?;
        let meters = settings
            .metrics
            .then(|| Meters::start(settings, resource))
            .transpose()?;
        let (sender, stories) = mpsc::channel(settings.queue);
        let (stop, stopped) = watch::channel(false);
        let worker = Worker {
            stories,
            stopped,
            traces,
            meters,
        };
        Ok(Self {
            stories: sender,
            stop,
            worker: Mutex::new(Some(tokio::spawn(worker.run()))),
        })
    }

    /// The caller's span, where the headers name one.
    pub fn parent(&self, headers: &HeaderMap) -> Option<SpanContext> {
        let propagator = TraceContextPropagator::new();
        let context = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let parent = context.span().span_context().clone();
        parent.is_valid().then_some(parent)
    }

    /// Takes the story of a request that has ended.
    pub fn hear(&self, story: &Arc<Story>) {
        if self.stories.try_send(Arc::clone(story)).is_err() {
            lost("queue", 1);
        }
    }

    /// Sends what is left, within a bound.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker
            && timeout(LAST_WORDS, worker).await.is_err()
        {
            warn!("collector is too slow; the last traces are lost");
        }
    }
}

/// Traces of requests that are not sent.
fn lost(reason: &'static str, requests: usize) {
    counter!("tollgate_telemetry_lost_total", "reason" => reason).increment(requests as u64);
}

/// What makes spans, and what sends them.
struct Traces {
    tracer: Tracer,
    exporter: SpanExporter,
}

fn traces(settings: &TelemetrySettings, resource: &Resource) -> Result<Traces, TelemetryError> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new("traces", settings.timeout))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(address(settings, "v1/traces"))
        .with_headers(headers(settings))
        .with_timeout(settings.timeout)
        .build()?;
    exporter.set_resource(resource);
    Ok(Traces {
        tracer: Tracer::new(settings.sample_ratio),
        exporter,
    })
}

fn address(settings: &TelemetrySettings, path: &str) -> String {
    format!("{}/{path}", settings.endpoint.as_str().trim_end_matches('/'))
}

fn headers(settings: &TelemetrySettings) -> HashMap<String, String> {
    let headers = settings.headers.iter();
    headers
        .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
        .collect()
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("tollgate")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

struct Worker {
    stories: mpsc::Receiver<Arc<Story>>,
    stopped: watch::Receiver<bool>,
    traces: Option<Traces>,
    meters: Option<Meters>,
}

impl Worker {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut is_refused = false;
        while self.gather(&mut batch).await {
            let requests = batch.len();
            let mut spans = Vec::new();
            for story in batch.drain(..) {
                if let Some(meters) = &self.meters {
                    meters.record(&story);
                }
                if let Some(traces) = &self.traces {
                    traces.tracer.spans_of(&story, &mut spans);
                }
            }
            if let Some(traces) = &self.traces {
                send(&traces.exporter, spans, requests, &mut is_refused).await;
            }
        }
        if let Some(meters) = self.meters {
            // It waits for the collector in a way of its own.
            let _ = spawn_blocking(move || meters.stop(LAST_WORDS)).await;
        }
    }

    /// Waits for stories, and a little for more of them. `false`: there will be none.
    async fn gather(&mut self, batch: &mut Vec<Arc<Story>>) -> bool {
        let stopped = async |stopped: &mut watch::Receiver<bool>| {
            // An error says that nobody is left to stop this.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        if !*self.stopped.borrow() {
            tokio::select! {
                taken = self.stories.recv_many(batch, BATCH) => if taken == 0 { return false },
                () = stopped(&mut self.stopped) => {}
            }
        }
        if !*self.stopped.borrow() && batch.len() < BATCH {
            tokio::select! {
                () = sleep(GATHERING) => {}
                () = stopped(&mut self.stopped) => {}
            }
        }
        if *self.stopped.borrow() {
            self.stories.close();
        }
        while batch.len() < BATCH
            && let Ok(story) = self.stories.try_recv()
        {
            batch.push(story);
        }
        !batch.is_empty()
    }
}

/// Sends spans. A collector that does not take them is logged when it begins and when it is over.
async fn send(exporter: &SpanExporter, spans: Vec<SpanData>, requests: usize, is_refused: &mut bool) {
    if spans.is_empty() {
        return;
    }
    match exporter.export(spans).await {
        Ok(()) if std::mem::take(is_refused) => info!("collector takes traces again"),
        Ok(()) => {}
        Err(error) => {
            lost("collector", requests);
            if !std::mem::replace(is_refused, true) {
                warn!(%error, "collector does not take traces");
            }
        }
    }
}
