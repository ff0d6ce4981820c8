//! A connection to a provider, ready for requests within one limit.
//!
//! The connectors beneath bound TCP alone: a name server or a host that takes the connection and never speaks
//! TLS would keep a request until its deadline, and nobody else would be asked.

use std::{
    error::Error,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Uri};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{HttpConnector, proxy::Tunnel},
    rt::TokioIo,
};
use secrecy::ExposeSecret;
use tokio::{net::TcpStream, time::timeout};
use tollgate_catalog::channel::Proxy;
use tower::{Service, ServiceExt};

/// Connects to hosts.
#[derive(Debug, Clone)]
pub struct Connector {
    pub https: HttpsConnector<Wire>,
    pub limit: Duration,
}

/// What TLS is spoken over: a connection to the provider, or one that a proxy makes.
#[derive(Debug, Clone)]
pub enum Wire {
    Direct(HttpConnector),
    Tunnel(Tunnel<HttpConnector>),
}

pub type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

pub type Fault = Box<dyn Error + Send + Sync>;
type Wired = Result<TokioIo<TcpStream>, Fault>;

impl Wire {
    pub fn new(tcp: HttpConnector, proxy: Option<&Proxy>) -> Self {
        let Some(proxy) = proxy else {
            return Self::Direct(tcp);
        };
        // A URL with a host is a URI; if it ever were not, connecting would fail, not go past the proxy.
        let uri = Uri::try_from(proxy.url.as_str()).unwrap_or_default();
        let tunnel = Tunnel::new(uri, tcp);
        let authorization = proxy.authorization.as_ref();
        Self::Tunnel(
            match authorization.and_then(|value| HeaderValue::from_str(value.expose_secret()).ok()) {
                Some(authorization) => tunnel.with_auth(authorization),
                None => tunnel,
            },
        )
    }
}

impl Service<Uri> for Wire {
    type Response = TokioIo<TcpStream>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Wired> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(uri);
                Box::pin(async move { Ok(connecting.await?) })
            }
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(uri);
                Box::pin(async move { Ok(connecting.await?) })
            }
        }
    }
}

impl Connector {
    /// Looks the name up, connects, and speaks TLS where the address says so, all within the limit.
    pub async fn connect(&self, to: Uri) -> Result<Stream, Fault> {
        let connecting = self.https.clone().oneshot(to);
        timeout(self.limit, connecting).await.unwrap_or_else(|_| {
            let late = format!("no connection within {:?}", self.limit);
            Err(io::Error::new(io::ErrorKind::TimedOut, late).into())
        })
    }
}
