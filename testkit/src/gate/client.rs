//! One request, one connection: what a test drops is closed at once, and no pool mixes requests.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::process::Process;
use super::{Answer, PATIENCE};

pub(super) fn full(body: String) -> Full<Bytes> {
    Full::new(Bytes::from(body))
}

/// A connection's task; dropping it closes the connection.
pub(super) struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a request on a new connection and gives the answer's head with its body to come.
pub(super) async fn send(
    address: SocketAddr,
    mut request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, Connection), hyper::Error> {
    let socket = TcpStream::connect(address)
        .await
        .unwrap_or_else(|error| panic!("{address}: {error}"));
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let connection = Connection(tokio::spawn(async move {
        // Its failure is the request's, which reports it.
        let _ = connection.await;
    }));
    if !request.headers().contains_key(header::HOST) {
        let host = HeaderValue::try_from(address.to_string()).expect("an address is plain ASCII");
        request.headers_mut().insert(header::HOST, host);
    }
    let response = sender.send_request(request).await?;
    Ok((response, connection))
}

/// Sends a request and reads the whole answer.
///
/// # Panics
/// Where there is none within 30 seconds, or the connection breaks.
pub(super) async fn whole(address: SocketAddr, request: Request<Full<Bytes>>) -> Answer {
    let what = format!("{} {}", request.method(), request.uri());
    let exchange = async {
        let (response, _connection) = send(address, request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok::<_, hyper::Error>(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .unwrap_or_else(|_| panic!("{what}: no whole answer within {PATIENCE:?}"))
        .unwrap_or_else(|error| panic!("{what}: {error}"))
}

/// Waits until the gate says on `/healthz` that it is alive.
pub(super) async fn alive(address: SocketAddr, process: &Process) {
    let asked = async {
        loop {
            let request = Request::get("/healthz")
                .body(full(String::new()))
                .expect("a request of fixed parts");
            if let Ok((response, _connection)) = send(address, request).await
                && response.status().is_success()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, asked).await.is_err() {
        panic!("the gate is never alive; its log is\n{}", process.logs());
    }
}
