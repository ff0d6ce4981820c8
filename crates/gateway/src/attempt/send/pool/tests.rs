#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Full};
use hyper::{server, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tollgate_catalog::channel::Proxy;

use super::*;
use crate::attempt::send::ProviderClient;

const WHOLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a provider does with one request on a connection.
#[derive(Clone, Copy)]
enum Turn {
    Answers(&'static str),
    /// Closes the connection instead of answering.
    HangsUp,
}

/// A provider that takes its turns on each connection, and then closes it. Counts connections.
async fn provider(turns: &'static [Turn]) -> (Pool, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, turns));
        }
    });
    let client = ProviderClient::new(&base.parse().unwrap(), Duration::from_secs(5), None);
    (client.pool, connections)
}

async fn serve(mut stream: TcpStream, turns: &[Turn]) {
    for turn in turns {
        if !read_head(&mut stream).await {
            return;
        }
        match turn {
            Turn::Answers(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Turn::HangsUp => return,
        }
    }
}

/// Reads the head of a request. `false`: there is none.
async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

fn request(pool: &Pool) -> Request<Segments> {
    let host = pool.0.host.to_str().unwrap();
    let mut request = Request::new(Segments::new(Vec::new()));
    *request.uri_mut() = format!("http://{host}/v1/chat").parse().unwrap();
    request.headers_mut().insert(header::HOST, pool.0.host.clone());
    request
}

/// Sends a request and reads all of the answer.
async fn ask(pool: &Pool) -> Result<Bytes, SendError> {
    let response = pool.send(request(pool), || {}).await?;
    assert_eq!(response.status(), StatusCode::OK);
    Ok(response.into_body().collect().await.unwrap().to_bytes())
}

/// Lets the connections' tasks notice what has happened.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_connection_whose_answer_was_read_carries_the_next_request() {
    let (pool, connections) =
        provider(&[Turn::Answers(WHOLE), Turn::Answers(WHOLE), Turn::Answers(WHOLE)]).await;

    for _ in 0..3 {
        assert_eq!(ask(&pool).await.ok().unwrap(), "ok");
        settled().await;
    }

    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_that_comes_while_another_one_is_answered_has_a_connection_of_its_own() {
    let (pool, connections) = provider(&[Turn::Answers(WHOLE)]).await;

    let first = pool.send(request(&pool), || {}).await.ok().unwrap();
    let second = ask(&pool).await;

    assert_eq!(second.ok().unwrap(), "ok");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    drop(first);
}

#[tokio::test]
async fn a_connection_that_the_provider_closed_is_not_used_again() {
    let (pool, connections) = provider(&[Turn::Answers(WHOLE)]).await;

    for _ in 0..3 {
        assert_eq!(ask(&pool).await.ok().unwrap(), "ok");
        settled().await;
    }

    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_request_is_not_repeated_where_the_provider_may_have_read_it() {
    let (pool, connections) = provider(&[Turn::HangsUp]).await;

    assert!(matches!(ask(&pool).await, Err(SendError::Broken(_))));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_to_its_end_takes_its_connection_with_it() {
    const ENDLESS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nbeginning";
    let (pool, connections) = provider(&[Turn::Answers(ENDLESS), Turn::Answers(WHOLE)]).await;

    drop(pool.send(request(&pool), || {}).await.ok().unwrap());
    settled().await;
    drop(pool.send(request(&pool), || {}).await.ok().unwrap());

    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

/// An HTTP/2 connection to a provider that answers with the request's whole address; it ends with its task.
async fn http2_connection() -> (
    http2::SendRequest<Segments>,
    tokio::task::JoinHandle<hyper::Result<()>>,
) {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let repeat = service_fn(|request: Request<Incoming>| async move {
        assert!(
            !request.headers().contains_key(header::HOST),
            "`:authority` says it"
        );
        let address = request.uri().to_string();
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(address))))
    });
    let serving = server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(serving.serve_connection(TokioIo::new(there), repeat));
    let handshake = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(here));
    let (sender, connection) = handshake.await.unwrap();
    (sender, tokio::spawn(connection))
}

#[tokio::test]
async fn over_http2_requests_share_a_connection_as_long_as_it_stands() {
    let (pool, other_connections) = provider(&[Turn::Answers(WHOLE)]).await;
    let (sender, connection) = http2_connection().await;
    pool.0.share(&sender);

    let address = request(&pool).uri().to_string();
    let (one, another) = tokio::join!(ask(&pool), ask(&pool));
    assert_eq!(one.ok().unwrap(), address);
    assert_eq!(another.ok().unwrap(), address);
    assert_eq!(other_connections.load(Ordering::SeqCst), 0);

    connection.abort();
    settled().await;
    assert_eq!(ask(&pool).await.ok().unwrap(), "ok");
    assert_eq!(other_connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_of_which_nothing_was_sent_goes_out_on_another_connection() {
    let (pool, other_connections) = provider(&[Turn::Answers(WHOLE)]).await;
    let (sender, connection) = http2_connection().await;
    pool.0.share(&sender);

    // It ends only when the request is on its way to it.
    connection.abort();
    assert!(!sender.is_closed());

    assert_eq!(ask(&pool).await.ok().unwrap(), "ok");
    assert_eq!(other_connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_host_that_takes_no_connections_is_told_from_one_that_breaks_them() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = ProviderClient::new(&base.parse().unwrap(), Duration::from_secs(5), None);

    assert!(matches!(ask(&client.pool).await, Err(SendError::Connect(_))));
}

/// A proxy that carries the first connection to a provider with an answer of two halves, and never the second one.
/// Gives what lets the other half go.
async fn slow_proxy() -> (Pool, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy {
        url: format!("http://{}", listener.local_addr().unwrap())
            .parse()
            .unwrap(),
        authorization: None,
    };
    let rest = Arc::new(Notify::new());
    let awaited = Arc::clone(&rest);
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        assert!(read_head(&mut first).await);
        first.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        assert!(read_head(&mut first).await);
        let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no";
        first.write_all(begun).await.unwrap();
        let _second = listener.accept().await.unwrap();
        awaited.notified().await;
        first.write_all(b"k").await.unwrap();
        assert!(read_head(&mut first).await);
        first.write_all(WHOLE.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    let base = "http://provider.invalid/v1".parse().unwrap();
    let client = ProviderClient::new(&base, Duration::from_secs(5), Some(&proxy));
    (client.pool, rest)
}

#[tokio::test]
async fn a_request_takes_what_becomes_free_before_its_own_connection_stands() {
    let (pool, rest) = slow_proxy().await;
    let first = pool.send(request(&pool), || {}).await.ok().unwrap();

    let second = tokio::spawn({
        let pool = pool.clone();
        async move { ask(&pool).await.ok() }
    });
    settled().await;
    rest.notify_one();
    assert_eq!(first.into_body().collect().await.unwrap().to_bytes(), "ok");

    assert_eq!(second.await.unwrap().unwrap(), "ok");
}

#[tokio::test]
async fn those_who_left_the_line_get_nothing_and_do_not_lengthen_it() {
    let (pool, _) = provider(&[Turn::Answers(WHOLE), Turn::Answers(WHOLE)]).await;
    for _ in 0..3 {
        drop(pool.0.wait());
    }

    ask(&pool).await.ok().unwrap();
    settled().await;

    let kept = pool.0.kept();
    assert!(kept.waiting.is_empty());
    assert_eq!(kept.http1.len(), 1, "kept, not given to somebody who is gone");
}

#[tokio::test]
async fn over_http2_those_who_wait_share_the_connection_that_stands_first() {
    let (pool, _) = provider(&[]).await;
    let mut waiting = [pool.0.wait(), pool.0.wait()];
    let (first, _first) = http2_connection().await;
    let (second, _second) = http2_connection().await;

    pool.0.share(&first);
    pool.0.share(&second);

    for waits in &mut waiting {
        assert!(matches!(waits.try_recv().unwrap(), Connection::Http2 { .. }));
    }
    drop((first, waiting));
    assert!(ask(&pool).await.is_ok(), "the first one is kept");
}

#[tokio::test]
async fn connections_are_closed_with_their_pool() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let pool = ProviderClient::new(&base.parse().unwrap(), Duration::from_secs(5), None).pool;
    let provider = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(read_head(&mut stream).await);
        stream.write_all(WHOLE.as_bytes()).await.unwrap();
        stream.read(&mut [0]).await.unwrap()
    });
    ask(&pool).await.ok().unwrap();
    settled().await;

    drop(pool);

    assert_eq!(provider.await.unwrap(), 0, "the provider sees the end");
}

#[tokio::test]
async fn an_old_connection_is_not_used_even_where_nobody_has_closed_it_yet() {
    let (pool, connections) = provider(&[Turn::Answers(WHOLE), Turn::Answers(WHOLE)]).await;
    ask(&pool).await.ok().unwrap();
    settled().await;
    pool.0.kept().http1[0].since -= IDLE;

    ask(&pool).await.ok().unwrap();

    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_nobody_uses_for_long_is_closed() {
    let (pool, _) = provider(&[Turn::Answers(WHOLE), Turn::Answers(WHOLE)]).await;
    ask(&pool).await.ok().unwrap();
    settled().await;
    let mut kept = pool.0.kept();
    let since = kept.http1[0].since;

    kept.close_unused(since + IDLE - Duration::from_millis(1));
    assert_eq!(kept.http1.len(), 1);

    kept.close_unused(since + IDLE);
    assert!(kept.http1.is_empty());
}
