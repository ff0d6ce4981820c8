#![allow(clippy::unwrap_used)]

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::buffered::Buffered;

async fn fetch(url: &str, allowed: &[&str]) -> Result<Bytes, Problem> {
    let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
    let client = FetchClient::new(Reachable::new(allowed));
    let mut held = Buffered::new(1 << 20).hold();
    let found = client.fetch(url, Kind::Image, 1024, &mut held).await?;
    Ok(found.bytes)
}

/// A listener that counts whoever connects.
async fn trap() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Answers the first request with these bytes.
fn answers(listener: TcpListener, answer: String) {
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        socket.write_all(answer.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
}

async fn nobody_came(listener: TcpListener) -> bool {
    let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept());
    accepted.await.is_err()
}

#[tokio::test]
async fn this_machine_is_not_reached_however_it_is_written() {
    let (listener, port) = trap().await;

    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "0.0.0.0",
        "0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
    ] {
        let fetched = fetch(&format!("http://{host}:{port}/a.png"), &[]).await;
        assert_eq!(fetched.unwrap_err(), Problem::Unreachable, "{host}");
    }
    assert!(nobody_came(listener).await, "no connection is made to find out");
}

#[tokio::test]
async fn what_is_not_a_plain_web_address_is_refused_before_anything_is_resolved() {
    let long = format!("http://example.com/{}", "a".repeat(URL_BYTES));
    for url in [
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com/a",
        "data:image/png;base64,AAAA",
        "http://user@example.com/",
        "http://user:password@example.com/",
        "http://:password@example.com/",
        "http://",
        "example.com/a.png",
        &long,
    ] {
        assert_eq!(fetch(url, &[]).await.unwrap_err(), Problem::Url, "{url}");
    }
}

#[tokio::test]
async fn a_redirect_is_looked_at_like_the_first_address() {
    let (forbidden, secret_port) = trap().await;
    for location in [
        format!("http://[::ffff:127.0.0.1]:{secret_port}/"),
        format!("http://localhost:{secret_port}/"),
        format!("//127.0.0.2:{secret_port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://user@127.0.0.1/".to_owned(),
    ] {
        // Allowed is the one host that redirects, at 127.0.0.9.
        let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        answers(listener, answer);

        let fetched = fetch(&format!("http://{address}/a.png"), &["127.0.0.9/32"]).await;

        let problem = fetched.unwrap_err();
        assert!(
            matches!(problem, Problem::Unreachable | Problem::Url),
            "{location}: {problem}"
        );
    }
    assert!(nobody_came(forbidden).await);
}

#[tokio::test]
async fn a_host_that_the_operator_allows_is_reached_by_address_and_by_name() {
    for host in ["127.0.0.1", "localhost"] {
        let (listener, port) = trap().await;
        answers(
            listener,
            "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd".to_owned(),
        );

        let fetched = fetch(&format!("http://{host}:{port}/#part"), &["127.0.0.0/8"]).await;

        assert_eq!(fetched.unwrap(), "abcd", "{host}");
    }
}
