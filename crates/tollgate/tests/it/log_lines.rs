//! The log has a line for every request and every attempt that is worth one, with the request's ID.

use std::time::Duration;

use serde_json::json;
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, accepts_and_says_nothing, fails, says, streams},
};

use crate::{
    explain::{ID, story, with_spare},
    stage::{MODEL, question, question_with, setup},
};

/// The line of the log with this message.
async fn line(gate: &Gate, message: &str) -> String {
    gate.logged(message).await;
    let logs = gate.logs();
    let line = logs.lines().find(|line| line.contains(message)).unwrap();
    line.to_owned()
}

#[tokio::test]
async fn the_log_tells_where_a_stream_broke_and_who_kept_a_client_waiting() {
    let (first, spare, gate) = with_spare("").await;
    first.next(fails(500, "", "boom"));
    spare.next(streams(["Hel"]).then_closes());
    gate.stream(&question()).await;

    let broke = line(&gate, "stream broke after its first output").await;
    for fact in [
        "channel=spare",
        "model=gpt-4o",
        "attempt=2",
        "outcome=",
        "request_id=",
    ] {
        assert!(broke.contains(fact), "{fact}: {broke}");
    }

    first.next(accepts_and_says_nothing());
    let asked = gate.send(gate.chat_request(gate.key(), question().to_string()));
    let patience = Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, asked).await.is_err(), "it hangs");

    let ended = line(&gate, "attempt ended").await;
    for fact in ["channel=first", "attempt=1", "outcome=cancelled"] {
        assert!(ended.contains(fact), "{fact}: {ended}");
    }
}

#[tokio::test]
async fn every_request_and_every_attempt_has_a_line_of_the_log_with_the_requests_id() {
    let (first, _spare, gate) = with_spare("").await;
    first.next(fails(500, "", "boom"));

    let detour = gate.post(&question()).await;
    let plain = gate.post(&question()).await;
    let refused = gate.post(&question_with(json!({"temperature": 9}))).await;

    gate.logged("request refused").await;
    let logs = gate.logs();
    let lines = |answer: &Answer| -> Vec<&str> {
        let id = format!("request_id={} ", answer.header(ID).unwrap());
        logs.lines().filter(|line| line.contains(&id)).collect()
    };
    let [failed, ended, request] = lines(&detour)[..] else {
        panic!("three lines: {:?}", lines(&detour));
    };
    assert!(
        failed.contains("WARN") && failed.contains("attempt failed"),
        "{failed}"
    );
    assert!(
        failed.contains("channel=first") && failed.contains("attempt=1"),
        "{failed}"
    );
    assert!(
        ended.contains("attempt ended") && ended.contains("channel=spare"),
        "{ended}"
    );
    assert!(ended.contains("attempt=2 outcome=ok"), "{ended}");
    assert!(
        request.contains("request ended") && request.contains("attempts=2"),
        "{request}"
    );
    let [only] = lines(&plain)[..] else {
        panic!("one line: {:?}", lines(&plain));
    };
    assert!(
        only.contains("request ended") && !only.contains("attempts="),
        "{only}"
    );
    let [refusal] = lines(&refused)[..] else {
        panic!("one line: {:?}", lines(&refused));
    };
    let told = "model=gpt-4o status=400 outcome=decimal_above_max_value param=temperature";
    assert!(refusal.contains(told), "{refusal}");
}

#[tokio::test]
async fn the_log_and_explain_number_attempts_alike_and_a_channel_without_a_place_is_none() {
    let full = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let fails = FakeProvider::start_with(fails(500, "", "boom")).await;
    let answers = FakeProvider::start_with(says("well")).await;
    let channel = |provider, name: &'static str, priority: &str| {
        let channel = Channel::to(provider).named(name).models([MODEL]);
        channel.set("priority", priority)
    };
    let gate = setup()
        .channel(channel(&full, "full", "0").set("concurrency", "1"))
        .channel(channel(&fails, "fails", "1"))
        .channel(channel(&answers, "answers", "2"))
        .start()
        .await;
    let hangs = gate.chat_request(gate.key(), question().to_string());

    let (answer, _) = tokio::join!(
        async {
            full.received(1).await;
            gate.post(&question()).await
        },
        tokio::time::timeout(Duration::from_millis(700), gate.send(hangs)),
    );

    let told = story(&gate, answer.header(ID)).await;
    let channels: Vec<_> = told["attempts"].as_array().unwrap().iter().collect();
    assert_eq!(channels.len(), 2);
    assert_eq!(
        (&channels[0]["channel"], &channels[1]["channel"]),
        (&json!("fails"), &json!("answers"))
    );
    let id = format!("request_id={} ", answer.header(ID).unwrap());
    let logs = gate.logs();
    let lines: Vec<&str> = logs.lines().filter(|line| line.contains(&id)).collect();
    let [failed, ended, request] = lines[..] else {
        panic!("three lines: {lines:#?}");
    };
    assert!(
        failed.contains("attempt failed") && failed.contains("channel=fails"),
        "{failed}"
    );
    assert!(failed.contains("attempt=1 "), "{failed}");
    assert!(
        ended.contains("channel=answers") && ended.contains("attempt=2 outcome=ok"),
        "{ended}"
    );
    assert!(request.contains("attempts=2"), "{request}");
}
