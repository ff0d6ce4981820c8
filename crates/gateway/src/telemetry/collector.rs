//! Requests to the collector.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use metrics::counter;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{runtime::Handle, time::timeout};

use crate::attempt::send::tls_config;

/// A collector says little.
const ANSWER_LIMIT: usize = 64 * 1024;
const IDLE: Duration = Duration::from_secs(90);

/// Connections to the collector, for one signal.
pub struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Metrics are sent by a thread of their own, and connections live here.
    runtime: Handle,
    signal: &'static str,
    limit: Duration,
}

impl Collector {
    /// Must be called within a tokio runtime.
    pub fn new(signal: &'static str, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(https);
        Self {
            client,
            runtime: Handle::current(),
            signal,
            limit,
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, limit) = (self.client.clone(), self.limit);
        let sending = self.runtime.spawn(async move {
            let sending = async {
                let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
                let body = Limited::new(body, ANSWER_LIMIT).collect().await?;
                Ok::<_, HttpError>(Response::from_parts(head, body.to_bytes()))
            };
            timeout(limit, sending).await
        });
        let answer = match sending.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(slow)) => Err(slow.into()),
            Err(stopped) => Err(stopped.into()),
        };
        let is_taken = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        let result = if is_taken { "ok" } else { "failed" };
        counter!("tollgate_telemetry_exports_total", "signal" => self.signal, "result" => result)
            .increment(1);
        answer
    }
}
