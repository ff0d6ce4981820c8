//! A collector of OpenTelemetry's traces and metrics, over HTTP with protobuf on loopback.
//!
//! It takes what it is sent, and keeps it for the test. It can also refuse everything, or say nothing.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    metrics::v1::{HistogramDataPoint, Metric, metric::Data},
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

/// How long a test waits for what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running collector; dropping it ends it.
pub struct FakeCollector {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    manner: Mutex<Manner>,
    received: watch::Sender<Vec<Received>>,
}

/// What the collector does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Takes,
    /// Answers with this status.
    Refuses(u16),
    /// Reads, and never answers.
    Hangs,
}

/// One request to the collector.
#[derive(Clone)]
pub struct Received {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl FakeCollector {
    /// Starts a collector that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::Takes),
            received: watch::Sender::new(Vec::new()),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            server,
        }
    }

    /// What the gate has as its endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it does this.
    pub fn now(&self, manner: Manner) {
        *self.shared.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    /// Everything it was sent so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.borrow().clone()
    }

    /// Waits until `found` finds something in what was sent.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn until<T>(&self, mut found: impl FnMut(&[Received]) -> Option<T>) -> T {
        let mut received = self.shared.received.subscribe();
        let waiting = async {
            loop {
                if let Some(found) = found(&received.borrow_and_update()) {
                    return found;
                }
                received.changed().await.expect("the sender lives as long as we");
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .expect("the collector is sent what the test waits for")
    }

    /// Waits for so many spans.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn spans(&self, count: usize) -> Vec<Span> {
        self.until(|received| {
            let spans = spans_in(received);
            (spans.len() >= count).then_some(spans)
        })
        .await
    }

    /// Waits for the histogram of this name, and gives its points as they were sent last.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn histogram(&self, name: &str) -> Vec<HistogramDataPoint> {
        self.until(|received| {
            let metric = metrics_in(received)
                .into_iter()
                .rfind(|metric| metric.name == name)?;
            match metric.data {
                Some(Data::Histogram(histogram)) => Some(histogram.data_points),
                _ => None,
            }
        })
        .await
    }
}

impl Drop for FakeCollector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The spans in what was sent.
///
/// # Panics
/// Where something is no protobuf of spans.
pub fn spans_in(received: &[Received]) -> Vec<Span> {
    let sent = received.iter().filter(|received| received.path == "/v1/traces");
    let sent = sent
        .map(|received| ExportTraceServiceRequest::decode(received.body.clone()).expect("protobuf of spans"));
    sent.flat_map(|sent| sent.resource_spans)
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect()
}

/// The metrics in what was sent, in its order.
///
/// # Panics
/// Where something is no protobuf of metrics.
pub fn metrics_in(received: &[Received]) -> Vec<Metric> {
    let sent = received.iter().filter(|received| received.path == "/v1/metrics");
    let sent = sent.map(|received| {
        ExportMetricsServiceRequest::decode(received.body.clone()).expect("protobuf of metrics")
    });
    sent.flat_map(|sent| sent.resource_metrics)
        .flat_map(|resource| resource.scope_metrics)
        .flat_map(|scope| scope.metrics)
        .collect()
}

/// An attribute as text; `None`: there is none of that name.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    attribute.value.as_ref().map(text)
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::ArrayValue(values)) => values.values.iter().map(text).collect::<Vec<_>>().join(","),
        _ => String::new(),
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| take(Arc::clone(&shared), request));
            // A gate that ends cuts its connections.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn take(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_or_else(|_| Bytes::new(), |body| body.to_bytes());
    let manner = *shared.manner.lock().unwrap_or_else(PoisonError::into_inner);
    if manner == Manner::Hangs {
        std::future::pending::<()>().await;
    }
    let mut response = Response::new(Full::default());
    if let Manner::Refuses(status) = manner {
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        return Ok(response);
    }
    shared.received.send_modify(|received| {
        received.push(Received {
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body,
        });
    });
    Ok(response)
}
