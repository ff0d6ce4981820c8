//! The floor: the gate's own HTTP libraries carrying a request to the provider and the answer back,
//! reading and changing nothing. What the gate costs beyond this is what it does.
//!
//! Prints `listening on http://ADDRESS` for each provider, in their order.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use http::{Request, Response, Uri, uri};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

#[derive(Parser)]
#[command(about = "Carries requests to a provider and answers back, and does nothing else")]
struct Flags {
    /// Where a provider listens; given once for each.
    #[arg(long, required = true)]
    to: Vec<SocketAddr>,
}

type Carrier = Client<HttpConnector, Incoming>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut listeners = Vec::new();
    for provider in Flags::parse().to {
        match listen().await {
            Ok(listener) => listeners.push(serve(listener, provider)),
            Err(error) => {
                eprintln!("cannot listen: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let serving: Vec<_> = listeners.into_iter().map(tokio::spawn).collect();
    for serving in serving {
        if serving.await.is_err() {
            break;
        }
    }
    ExitCode::FAILURE
}

async fn listen() -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(
        std::io::stdout(),
        "listening on http://{}",
        listener.local_addr()?
    )?;
    Ok(listener)
}

async fn serve(listener: TcpListener, provider: SocketAddr) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let carrier: Carrier = Client::builder(TokioExecutor::new()).build(connector);
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let carrier = carrier.clone();
        let service = service_fn(move |request| carry(carrier.clone(), request, provider));
        tokio::spawn(Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn carry(
    carrier: Carrier,
    mut request: Request<Incoming>,
    provider: SocketAddr,
) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
    let mut target = uri::Parts::default();
    target.scheme = Some(uri::Scheme::HTTP);
    target.authority = provider.to_string().parse().ok();
    target.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(target) = Uri::from_parts(target) {
        *request.uri_mut() = target;
    }
    carrier.request(request).await
}
