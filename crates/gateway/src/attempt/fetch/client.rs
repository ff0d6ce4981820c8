//! One URL to bytes, from nowhere but where fetching is allowed.
//!
//! An address is looked at three times: as it stands in the URL, as a name resolves, and once more when the
//! connection stands. There is no second resolution between the look and the connection.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioIo},
};
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tower::Service;
use url::{Host, Url};

use super::{address::Reachable, medium::Kind};
use crate::{attempt::send, buffered::Held};

/// Longest URL that is fetched.
const URL_BYTES: usize = 8 * 1024;
const REDIRECTS: usize = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));

/// Why a URL gave nothing, as the client may read it. It says no more of a host than the client could
/// find out by itself: where a host may not be reached, it is as if it were not there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("it is not an http or https URL of at most 8 KiB without user and password")]
    Url,
    #[error("its host cannot be reached; it has to be on the public internet")]
    Unreachable,
    #[error("its host did not send all of it within {} ms", .0.as_millis())]
    Slow(Duration),
    #[error("its host answered with status {0}")]
    Status(u16),
    #[error("it leads through more than {REDIRECTS} redirects")]
    Redirects,
    #[error("it is larger than {} MiB, the limit here", .0 / (1024 * 1024))]
    TooLarge(usize),
    #[error("it broke off, or came encoded")]
    Broken,
    #[error("it is not {0}")]
    Type(Kind),
    #[error("all media of the request together are larger than {} MiB, the limit here", .0 / (1024 * 1024))]
    TooLargeTogether(usize),
    #[error("the request names more than {0} different URLs")]
    TooMany(usize),
    /// The gate's memory is used up; not the URL's fault.
    #[error("the gate has no memory for it at the moment")]
    Memory,
}

impl Problem {
    /// The problem's name in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Unreachable => "unreachable",
            Self::Slow(_) => "slow",
            Self::Status(_) => "status",
            Self::Redirects => "redirects",
            Self::TooLarge(_) | Self::TooLargeTogether(_) => "too_large",
            Self::Broken => "broken",
            Self::Type(_) => "type",
            Self::TooMany(_) => "too_many",
            Self::Memory => "memory",
        }
    }
}

/// What came, and what its host calls it.
pub struct Found {
    pub bytes: Bytes,
    pub content_type: Option<String>,
}

/// Fetches without credentials and cookies, over connections that are not kept.
#[derive(Clone)]
pub struct FetchClient {
    inner: Client<HttpsConnector<Connector>, Empty<Bytes>>,
}

impl FetchClient {
    pub fn new(reachable: Reachable) -> Self {
        let reachable = Arc::new(reachable);
        let mut tcp = HttpConnector::new_with_resolver(Resolver(Arc::clone(&reachable)));
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(send::tls_config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector { tcp, reachable });
        Self {
            inner: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(https),
        }
    }

    /// Reads at most `limit` bytes, through at most three redirects, each under the same rules.
    pub async fn fetch(
        &self,
        url: &str,
        kind: Kind,
        limit: usize,
        held: &mut Held,
    ) -> Result<Found, Problem> {
        if url.len() > URL_BYTES {
            return Err(Problem::Url);
        }
        let mut url = Url::parse(url).map_err(|_| Problem::Url)?;
        for _ in 0..=REDIRECTS {
            let response = self.get(&url, kind).await?;
            if !response.status().is_redirection() {
                return read(response, limit, held).await;
            }
            let location = response.headers().get(header::LOCATION);
            let location = location.and_then(|location| location.to_str().ok());
            let target = location.and_then(|location| url.join(location).ok());
            url = target.ok_or(Problem::Status(response.status().as_u16()))?;
        }
        Err(Problem::Redirects)
    }

    async fn get(&self, url: &Url, kind: Kind) -> Result<Response<Incoming>, Problem> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = address_of(url)?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(kind.accept()));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let response = self.inner.request(request).await;
        response.map_err(|error| match error.is_connect() {
            true => Problem::Unreachable,
            false => Problem::Broken,
        })
    }
}

/// Where to go for a URL. Its host has been read as browsers do, so `0x7f.1` is 127.0.0.1 here.
fn address_of(url: &Url) -> Result<Uri, Problem> {
    let is_web = matches!(url.scheme(), "http" | "https");
    let has_host = matches!(url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_) | Host::Domain(_)));
    if !is_web || !has_host || !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::Url);
    }
    let before_fragment = url.as_str().split('#').next().unwrap_or_default();
    before_fragment.parse().map_err(|_| Problem::Url)
}

async fn read(response: Response<Incoming>, limit: usize, held: &mut Held) -> Result<Found, Problem> {
    if response.status() != StatusCode::OK {
        return Err(Problem::Status(response.status().as_u16()));
    }
    if is_encoded(response.headers()) {
        return Err(Problem::Broken);
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let mut body = response.into_body();
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::TooLarge(limit));
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::Broken)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Err(Problem::TooLarge(limit));
        }
        held.grow(data.len()).map_err(|_| Problem::Memory)?;
        bytes.extend_from_slice(&data);
    }
    Ok(Found {
        bytes: bytes.freeze(),
        content_type,
    })
}

fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
}

/// The address may not be connected to.
#[derive(Debug, Error)]
#[error("not a public address")]
struct NotPublic;

/// Connects where the rule permits it.
#[derive(Clone)]
struct Connector {
    tcp: HttpConnector<Resolver>,
    reachable: Arc<Reachable>,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = BoxFuture<TokioIo<TcpStream>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let reachable = Arc::clone(&self.reachable);
        // The connector does not ask its resolver about an address.
        let literal = uri.host().map(|host| host.trim_matches(['[', ']']));
        let literal = literal.and_then(|host| host.parse::<IpAddr>().ok());
        if literal.is_some_and(|address| !reachable.permits(address)) {
            return Box::pin(async { Err(NotPublic.into()) });
        }
        let connecting = self.tcp.call(uri);
        Box::pin(async move {
            let connection = connecting.await?;
            let socket = connection.inner();
            let (peer, own) = (socket.peer_addr()?.ip(), socket.local_addr()?.ip());
            // A public address may be this machine's own, with services that are shut off from outside.
            let is_this_machine = peer == own && !reachable.is_allowed(peer);
            if is_this_machine || !reachable.permits(peer) {
                return Err(NotPublic.into());
            }
            Ok(connection)
        })
    }
}

/// Resolves names, and leaves out every address that may not be connected to.
#[derive(Clone)]
struct Resolver(Arc<Reachable>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<std::vec::IntoIter<SocketAddr>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reachable = Arc::clone(&self.0);
        Box::pin(async move {
            let found: io::Result<Vec<SocketAddr>> =
                lookup_host((name.as_str(), 0)).await.map(Iterator::collect);
            let mut addresses = found?;
            addresses.retain(|address| reachable.permits(address.ip()));
            match addresses.is_empty() {
                true => Err(NotPublic.into()),
                false => Ok(addresses.into_iter()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
