use std::time::Duration;

use tollgate_testkit::provider::{FakeProvider, Script, fails, hangs_up, says, streams};

use super::*;

const WHOLE: &[u8] = b"POST /chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
const STREAM: &[u8] =
    b"POST /chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 15\r\n\r\n{\"stream\":true}";

async fn connected(script: Script) -> (FakeProvider, Connection) {
    let provider = FakeProvider::start_with(script).await;
    let connection = Connection::open(provider.address()).await;
    (provider, connection.expect("the provider listens"))
}

#[tokio::test]
async fn one_connection_serves_whole_answers_and_streams() {
    let (provider, mut connection) = connected(says("Hello")).await;

    for request in [WHOLE, STREAM, WHOLE, STREAM] {
        connection.ask(request).await.expect("an answer");
    }

    assert_eq!(provider.requests().len(), 4);
    assert_eq!(provider.open_connections(), 1);
}

#[tokio::test]
async fn the_first_token_is_noticed_before_the_end() {
    let gap = Duration::from_millis(50);
    let (_provider, mut connection) = connected(streams(["one", "two"]).pauses(gap)).await;
    let started = std::time::Instant::now();
    let mut first = None;
    let mut note = || first = Some(started.elapsed());

    let until = Some((&b"\"one\""[..], &mut note as &mut dyn FnMut()));
    connection.ask_until(STREAM, until).await.expect("an answer");

    let first = first.expect("it was there");
    assert!(first + gap < started.elapsed(), "at {first:?}");
}

#[tokio::test]
async fn what_is_no_proper_answer_is_an_error() {
    let (_provider, mut connection) = connected(fails(503, "busy", "too much")).await;
    let refused = connection.ask(WHOLE).await;
    assert!(
        matches!(&refused, Err(LoadError::Refused { head, body })
            if head.contains("503") && body.contains("too much")),
        "{refused:?}"
    );

    let (_provider, mut connection) = connected(hangs_up()).await;
    assert!(matches!(connection.ask(WHOLE).await, Err(LoadError::Closed)));

    let (_provider, mut connection) = connected(streams(["Hel"]).then_closes()).await;
    let cut = connection.ask(STREAM).await;
    assert!(matches!(cut, Err(LoadError::Closed)), "{cut:?}");
}
