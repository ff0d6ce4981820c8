//! The one place from which bytes go to providers.

mod connect;
mod pool;

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    sync::OnceLock,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::ConfigBuilderExt;
use hyper_util::client::legacy::connect::HttpConnector;
use jiff::Timestamp;
use tokio::time::{Instant, timeout, timeout_at};
use tollgate_catalog::channel::Proxy;
use tollgate_dialects::{FaultKind, ProviderRequest, UnaskedStream};
use url::Url;

use connect::{Connector, Wire};
use pool::{Pool, SendError};

use super::{
    headers::{retry_after, should_retry, spent_until},
    private,
};
use crate::{buffered::Held, channel::Server, error::Failure, health::Scope, story::Followed};

/// Most bytes that are read of an error's body.
const ERROR_BODY_LIMIT: usize = 64 * 1024;
/// How long an error's body is waited for: what matters comes with its head, and other channels are waiting.
const ERROR_BODY_TIME: Duration = Duration::from_secs(2);

/// Connections to one channel's provider. Clones share them.
#[derive(Debug, Clone)]
pub struct ProviderClient {
    pool: Pool,
}

impl ProviderClient {
    /// `base`: where all of the channel's requests go; through `proxy`, where there is one.
    pub fn new(base: &Url, connect_timeout: Duration, proxy: Option<&Proxy>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls_config())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Wire::new(tcp, proxy));
        let connector = Connector {
            https,
            limit: connect_timeout,
        };
        Self {
            pool: Pool::new(connector, base),
        }
    }
}

/// TLS with the web's usual roots, built once for all connections.
pub fn tls_config() -> rustls::ClientConfig {
    static CONFIG: OnceLock<rustls::ClientConfig> = OnceLock::new();
    CONFIG
        .get_or_init(|| {
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            rustls::ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .expect("the provider supports the default TLS versions")
                .with_webpki_roots()
                .with_no_client_auth()
        })
        .clone()
}

/// Sends one request and waits for the head of a successful answer. Another status is read, and
/// fails with what it means. `followed` hears that it goes out, and when
/// the head came.
///
/// A stream's head must come within the channel's first-byte timeout. A whole answer comes when all
/// of it is written, so only the attempt's own limit bounds it.
///
/// Cancel safety: dropping it lets the connection go.
pub async fn send(
    server: &Server,
    request: ProviderRequest,
    followed: &Followed,
) -> Result<http::Response<Incoming>, Failure> {
    let settings = &server.channel.settings;
    let limit = server.timeouts.first_byte;
    let streamed = request.streamed;
    let dialect = request.dialect;
    let client = server.channel.client(server.timeouts.connect);
    let sending = client.pool.send(build(server, request)?, || followed.goes_out());
    let response = if streamed {
        timeout(limit, sending)
            .await
            .map_err(|_| Failure::FirstByteTimeout { limit })?
    } else {
        sending.await
    };
    let response = response.map_err(|error| match error {
        SendError::Connect(error) => Failure::Connect(root_cause(&*error)),
        SendError::Broken(error) => Failure::Broken(root_cause(&error)),
    })?;
    followed.head(response.status().as_u16());
    let spent = spent_until(response.headers(), dialect, Timestamp::now);
    if response.status() == StatusCode::OK {
        if let Some(rest) = spent {
            server
                .channel
                .health
                .rest(Scope::Model, &server.health, rest, None);
        }
        return Ok(response);
    }
    let status = response.status().as_u16();
    let wait = retry_after(response.headers(), Timestamp::now());
    let should_retry = should_retry(response.headers());
    let body = read_error(response.into_body(), server.timeouts.idle.min(ERROR_BODY_TIME)).await;
    let mut fault = dialect.fault(status, &body);
    // A refusal by a limit lasts until that is filled up, where nobody says it in other words.
    let spent = spent.filter(|_| fault.kind == FaultKind::RateLimited);
    fault.retry_after = fault.retry_after.or(wait).or(spent);
    fault.should_retry = should_retry;
    fault.status = Some(status);
    Err(private::failed(settings, fault))
}

fn build(server: &Server, request: ProviderRequest) -> Result<Request<Segments>, Failure> {
    let entrances = &server.channel.entrances;
    let uri = entrances
        .uri(request.dialect, request.path)
        .ok_or(Failure::Address)?;
    let mut http = Request::new(Segments::new(request.body));
    *http.method_mut() = Method::POST;
    *http.uri_mut() = uri;
    *http.headers_mut() = entrances.headers(request.dialect, request.streamed).clone();
    Ok(http)
}

/// Reads a whole body of at most `limit` bytes, with at most `idle` between two reads. Where it is a stream all the
/// same, its own end is the end; then the connection may stay open or break.
pub async fn read_whole(
    mut body: Incoming,
    limit: usize,
    idle: Duration,
    held: &mut Held,
    mut unasked: UnaskedStream<'_>,
) -> Result<Bytes, Failure> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        // Mostly it is there, and needs no timer.
        let frame = match body.frame().now_or_never() {
            Some(frame) => frame,
            None => match timeout(idle, body.frame()).await {
                Ok(frame) => frame,
                Err(_) if unasked.has_said_all() => break,
                Err(_) => return Err(Failure::IdleTimeout { limit: idle }),
            },
        };
        let frame = match frame {
            None => break,
            Some(Ok(frame)) => frame,
            Some(Err(_)) if unasked.has_said_all() => break,
            Some(Err(error)) => return Err(Failure::Broken(root_cause(&error))),
        };
        let Ok(data) = frame.into_data() else { continue };
        let is_last = unasked.ends_with(&data, limit);
        let so_far = first.len() + rest.len() + data.len();
        if so_far > limit {
            return Err(Failure::AnswerTooLarge { limit });
        }
        held.grow_to(so_far).map_err(|_| Failure::MemoryFull)?;
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&std::mem::take(&mut first));
            rest.extend_from_slice(&data);
        }
        if is_last {
            break;
        }
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// As much of an error's body as comes in time, however steadily the rest of it would.
async fn read_error(mut body: Incoming, time: Duration) -> Vec<u8> {
    let mut bytes = Vec::new();
    let until = Instant::now() + time;
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(data);
        }
        if bytes.len() >= ERROR_BODY_LIMIT {
            bytes.truncate(ERROR_BODY_LIMIT);
            break;
        }
    }
    bytes
}

/// The innermost cause: the outer ones only say that there is one.
pub fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A body in pieces whose length is known.
#[derive(Debug)]
pub struct Segments {
    pieces: VecDeque<Bytes>,
    left: u64,
}

impl Segments {
    fn new(pieces: Vec<Bytes>) -> Self {
        let left = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self {
            pieces: pieces.into(),
            left,
        }
    }
}

impl Body for Segments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.pop_front();
        self.left -= piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
