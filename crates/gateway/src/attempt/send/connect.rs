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

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use tokio::{net::TcpStream, time::timeout};
use tower::Service;

/// Looks the name up, connects, and speaks TLS where the address says so, all within `limit`.
#[derive(Debug, Clone)]
pub struct Connector {
    pub https: HttpsConnector<HttpConnector>,
    pub limit: Duration,
}

type Connected = Result<MaybeHttpsStream<TokioIo<TcpStream>>, Box<dyn Error + Send + Sync>>;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Connected> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, limit) = (self.https.call(uri), self.limit);
        Box::pin(async move {
            timeout(limit, connecting).await.unwrap_or_else(|_| {
                let late = format!("no connection within {limit:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, late).into())
            })
        })
    }
}
