//! Providers that are reached through a proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, nobody_listens, says},
};

use crate::stage::{MODEL, question, setup};

const PATIENCE: Duration = Duration::from_secs(5);

/// An HTTP proxy that knows CONNECT alone. Dropping it ends it.
struct Proxy {
    address: SocketAddr,
    /// Heads of the requests to it.
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// One that wants this value of `Proxy-Authorization`.
    async fn start(wanted: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(timeout(PATIENCE, tunnel(client, wanted, Arc::clone(&heads))));
            }
        });
        Self {
            address,
            asked,
            serving,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn tunnel(mut client: TcpStream, wanted: &str, heads: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let target = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let is_allowed = head
        .lines()
        .any(|line| line.eq_ignore_ascii_case(&format!("proxy-authorization: {wanted}")));
    heads.lock().unwrap().push(head);
    if !is_allowed {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(refusal).await.ok();
    }
    let mut provider = TcpStream::connect(target).await.ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    copy_bidirectional(&mut client, &mut provider).await.ok()?;
    Some(())
}

/// `user:secret` as Basic has it.
const CREDENTIAL: &str = "Basic dXNlcjpzZWNyZXQ=";

async fn gate_behind(proxy: &str, provider: &FakeProvider) -> Gate {
    let behind = Channel::to(provider)
        .named("behind")
        .models([MODEL])
        .set("proxy", &format!("{proxy:?}"));
    setup().channel(behind).start().await
}

#[tokio::test]
async fn a_request_goes_through_the_channels_proxy() {
    let proxy = Proxy::start(CREDENTIAL).await;
    let provider = FakeProvider::start_with(says("hello")).await;
    let gate = gate_behind(&format!("http://user:secret@{}", proxy.address), &provider).await;

    let whole = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!(whole.status, 200, "{}", whole.text());
    assert!(stream.has_done());
    let asked = proxy.asked();
    assert_eq!(
        asked.len(),
        1,
        "the second request uses the same tunnel: {asked:?}"
    );
    assert!(
        asked[0].starts_with(&format!("CONNECT {} ", provider.address())),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_the_operators_trouble_and_its_password_no_ones() {
    let proxy = Proxy::start("Basic other").await;
    let provider = FakeProvider::start_with(says("hello")).await;
    let gate = gate_behind(&format!("http://user:secret@{}", proxy.address), &provider).await;

    let answer = gate.post(&question()).await;

    assert_eq!(answer.status, 502, "{}", answer.text());
    gate.logged("proxy authorization required").await;
    for told in [gate.logs(), answer.text()] {
        assert!(
            !told.contains("secret") && !told.contains("dXNlcjpzZWNyZXQ"),
            "{told}"
        );
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn another_channel_answers_while_the_proxy_is_away() {
    let provider = FakeProvider::start_with(says("hello")).await;
    let away = nobody_listens().await;
    let behind = Channel::to(&provider)
        .named("behind")
        .models([MODEL])
        .set("proxy", &format!("\"{}\"", away.trim_end_matches("/v1")));
    let direct = Channel::to(&provider)
        .named("direct")
        .models([MODEL])
        .set("priority", "1");
    let gate = setup().channel(behind).channel(direct).start().await;

    let answer = gate.post(&question()).await;

    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("x-tollgate-channel"), Some("direct"));
    assert_eq!(provider.requests().len(), 1);
    assert_eq!(provider.request().json()["model"], MODEL);
}
