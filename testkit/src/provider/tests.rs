mod speech;
mod strict;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;
use crate::grammar::{Asked, check_stream};

/// One request on its own connection; dropping the handle's task closes it.
async fn post(
    provider: &FakeProvider,
    body: serde_json::Value,
) -> Result<(http::Response<Incoming>, Closing), hyper::Error> {
    let socket = TcpStream::connect(provider.address())
        .await
        .expect("the provider listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    let closing = Closing(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let request = Request::post("/v1/chat/completions?a=b")
        .header("host", "provider")
        .header("x-seen", "yes")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request of fixed parts");
    Ok((sender.send_request(request).await?, closing))
}

struct Closing(JoinHandle<()>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Posts to any path with any headers, and gives status and body.
async fn ask(
    provider: &FakeProvider,
    path: &str,
    headers: &[(&str, &str)],
    body: &serde_json::Value,
) -> (u16, Bytes) {
    let socket = TcpStream::connect(provider.address())
        .await
        .expect("the provider listens");
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket))
        .await
        .expect("a connection");
    let _closing = Closing(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let request = headers
        .iter()
        .fold(Request::post(path), |request, (name, value)| {
            request.header(*name, *value)
        })
        .header("host", "provider")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request of fixed parts");
    let response = sender.send_request(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body");
    (status, body.to_bytes())
}

/// Every piece of a body as it came, and whether the body broke.
async fn pieces(mut body: Incoming) -> (Vec<Bytes>, bool) {
    let mut pieces = Vec::new();
    loop {
        match body.frame().await {
            Some(Ok(frame)) => pieces.extend(frame.into_data()),
            Some(Err(_)) => return (pieces, true),
            None => return (pieces, false),
        }
    }
}

#[tokio::test]
async fn a_request_is_kept_with_its_very_bytes() {
    let provider = FakeProvider::start().await;
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}});

    post(&provider, body.clone()).await.expect("an answer");

    let request = provider.request();
    assert_eq!(request.method, "POST");
    assert_eq!(request.path, "/v1/chat/completions?a=b");
    assert_eq!(request.header("X-Seen"), Some("yes"));
    assert_eq!(request.body, body.to_string());
    assert_eq!(request.model(), Some("m"));
    assert!(request.wants_stream() && request.wants_usage());
}

#[tokio::test]
async fn a_stream_is_a_proper_one_with_usage_only_where_it_is_asked_for() {
    let provider = FakeProvider::start_with(streams(["Hel", "lo"])).await;

    for usage in [false, true] {
        let body = json!({"stream": true, "stream_options": {"include_usage": usage}});
        let (response, _open) = post(&provider, body).await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("a whole body")
            .to_bytes();

        let asked = Asked { model: None, usage };
        let checked = check_stream(&bytes, &asked);
        assert_eq!(checked.violations, []);
        assert_eq!(checked.summary.text(), "Hello");
        assert_eq!(checked.summary.usage.is_some(), usage);
    }
    assert_eq!(provider.cancellations(), 0, "both were read to their end");
}

#[tokio::test]
async fn every_piece_leaves_by_itself() {
    let sent = ["da", "ta: {\"a\"", ":1}\r", "\n\r\n"];
    let provider = FakeProvider::start_with(streams_raw(sent).pauses(Duration::from_millis(20))).await;

    let (response, _open) = post(&provider, json!({})).await.expect("an answer");
    let (pieces, broken) = pieces(response.into_body()).await;

    assert_eq!(pieces, sent);
    assert!(!broken);
}

#[tokio::test]
async fn an_end_without_a_finish_ends_http_properly() {
    let provider = FakeProvider::start_with(streams(["Hel"]).then_ends()).await;

    let (response, _open) = post(&provider, json!({})).await.expect("an answer");
    let (pieces, broken) = pieces(response.into_body()).await;

    assert_eq!(pieces.len(), 2, "the role and the text, and no finish");
    assert!(!broken);
    assert_eq!(provider.cancellations(), 0);
}

#[tokio::test]
async fn a_close_breaks_the_body_after_its_pieces() {
    let provider = FakeProvider::start_with(streams(["Hel"]).then_closes()).await;
    provider.next(answers(json!({"a": 1})).then_closes());

    for expected in [1, 2] {
        let (response, _open) = post(&provider, json!({})).await.expect("a head");
        let (pieces, broken) = pieces(response.into_body()).await;
        assert_eq!(pieces.len(), expected, "what was said before is there");
        assert!(broken, "the client must be able to tell");
    }
    assert_eq!(provider.cancellations(), 0, "it was the provider who left");
}

#[tokio::test]
async fn a_client_that_leaves_a_stalled_stream_is_noticed() {
    let provider = FakeProvider::start_with(streams(["Hel"]).then_stalls()).await;
    let (response, open) = post(&provider, json!({})).await.expect("a head");
    let mut body = response.into_body();
    body.frame().await.expect("a piece").expect("unbroken");
    assert_eq!(provider.cancellations(), 0);
    assert_eq!(provider.open_connections(), 1);

    drop((body, open));

    provider.cancelled().await;
    provider.has_open_connections(0).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_status_line_is_noticed() {
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;

    let asked = post(&provider, json!({}));
    let silent = tokio::time::timeout(Duration::from_millis(100), asked).await;

    assert!(silent.is_err(), "not even a status line may come");
    provider.received(1).await;
    provider.cancelled().await;
}

#[tokio::test]
async fn hanging_up_and_refusing_leave_no_answer() {
    let provider = FakeProvider::start_with(hangs_up()).await;

    assert!(post(&provider, json!({})).await.is_err());

    let nobody = nobody_listens().await;
    let address = nobody
        .trim_start_matches("http://")
        .trim_end_matches("/v1")
        .to_owned();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_queue_goes_before_routes_and_routes_before_the_rest() {
    let provider = FakeProvider::start_with(fails(500, "rest", "the rest")).await;
    provider
        .for_model("routed", fails(429, "model", "by model"))
        .for_path("/completions", fails(404, "path", "by path"))
        .next(fails(503, "queued", "first"));

    let mut statuses = Vec::new();
    for model in ["routed", "routed", "other"] {
        let (response, _open) = post(&provider, json!({"model": model})).await.expect("an answer");
        statuses.push(response.status().as_u16());
    }

    assert_eq!(statuses, [503, 429, 404]);
}

#[tokio::test]
async fn a_header_is_replaced_and_a_delay_is_kept() {
    let script = fails(429, "rate_limit_exceeded", "slow down")
        .header("Retry-After", "7")
        .delays(Duration::from_millis(30));
    let provider = FakeProvider::start_with(script).await;
    let asked_at = std::time::Instant::now();

    let (response, _open) = post(&provider, json!({})).await.expect("an answer");

    assert!(asked_at.elapsed() >= Duration::from_millis(30));
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "7");
}

#[tokio::test]
async fn a_reset_is_told_from_a_close() {
    let provider = FakeProvider::start_with(streams_raw(["da"]).then_resets()).await;

    let (response, _open) = post(&provider, json!({})).await.expect("a head");
    let (_, broken) = pieces(response.into_body()).await;
    assert!(broken);

    provider.always(resets());
    let mut socket = TcpStream::connect(provider.address())
        .await
        .expect("a connection");
    let request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: provider\r\ncontent-length: 0\r\n\r\n";
    socket.write_all(request).await.expect("an open connection");
    let end = socket.read(&mut [0; 16]).await;

    assert_eq!(
        end.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ConnectionReset)
    );
    assert_eq!(provider.cancellations(), 0, "it was the provider who left");
}

#[tokio::test]
async fn what_goes_on_does_so_until_nobody_listens() {
    let provider = FakeProvider::start_with(streams(["a", "b"]).then_goes_on()).await;
    let (response, open) = post(&provider, json!({})).await.expect("a head");
    let mut body = response.into_body();
    let mut read = String::new();
    while read.matches("\"b\"").count() < 100 {
        let piece = body.frame().await.expect("no end").expect("unbroken");
        read.push_str(std::str::from_utf8(piece.data_ref().expect("data")).expect("text"));
    }
    assert_eq!(read.matches("\"a\"").count(), 1);

    drop((body, open));

    provider.cancelled().await;
    provider.is_idle().await;
}

#[tokio::test]
async fn a_dumb_port_takes_connections_and_counts_them() {
    let port = DumbPort::open().await;
    let mut socket = TcpStream::connect(port.address()).await.expect("a connection");
    port.has_open_connections(1).await;

    let answer = tokio::time::timeout(Duration::from_millis(50), socket.read(&mut [0; 16])).await;

    assert!(answer.is_err(), "nothing may come");
    drop(socket);
    port.has_open_connections(0).await;
}
