//! A channel has no more calls at once than it may, whatever makes them.

use std::time::Duration;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, Tokens, Turn, accepts_and_says_nothing, says, speaks, streams},
};

use crate::stage::{get_from_admin, question_to, setup, with};

/// A model whose provider gives one choice a request.
const SINGLE: &str = "kimi-k2.5";
/// One of a provider that bills on when its client goes.
const BILLS_ON: &str = "gemini-3-flash-preview";

async fn stage(preset: &str, model: &str, script: Script, concurrency: &str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    let channel = Channel::of(preset, &provider).models([model]);
    let gate = setup()
        .channel(channel.set("concurrency", concurrency))
        .start()
        .await;
    (provider, gate)
}

fn choices(n: u32, stream: bool) -> Value {
    with(question_to(SINGLE), json!({"n": n, "stream": stream}))
}

pub async fn in_flight(gate: &Gate, channel: &str) -> String {
    let metrics = get_from_admin(gate, "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let start = format!("tollgate_channel_in_flight{{channel=\"{channel}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap().to_owned()
}

#[tokio::test]
async fn calls_for_several_choices_take_a_place_each() {
    for (stream, hangs) in [
        (false, accepts_and_says_nothing()),
        (true, streams(["Hel"]).then_stalls()),
    ] {
        let (provider, gate) = stage("moonshot", SINGLE, hangs, "2").await;
        let request = gate.chat_request(gate.key(), choices(6, stream).to_string());
        let asked = gate.send(request);
        let meanwhile = async {
            provider.received(2).await;
            let refused = gate.post(&question_to(SINGLE)).await;
            assert_eq!(refused.status, 503);
            assert_eq!(provider.requests().len(), 2);
            assert_eq!(in_flight(&gate, "moonshot").await, "2");
        };

        tokio::select! {
            _ = asked => panic!("it hangs"),
            () = meanwhile => {}
        }
    }
}

#[tokio::test]
async fn calls_wait_for_each_other_and_give_their_places_back() {
    for concurrency in ["1", "2", "100"] {
        let script = says("x").delays(Duration::from_millis(20));
        let (provider, gate) = stage("moonshot", SINGLE, script, concurrency).await;

        let whole = gate.post(&choices(6, false)).await;
        let stream = gate.stream(&choices(6, false)).await;

        assert_eq!(whole.json()["choices"].as_array().map(Vec::len), Some(6));
        assert!(stream.has_done());
        assert_eq!(provider.requests().len(), 12);
        assert_eq!(in_flight(&gate, "moonshot").await, "0");
    }
}

#[tokio::test]
async fn a_call_that_is_read_on_keeps_its_place() {
    let turn = || {
        let tokens = Tokens {
            fresh: 100,
            answer: 77,
            ..Tokens::default()
        };
        Turn::new().says(["Hel", "lo"]).took(tokens)
    };
    let (provider, gate) = stage("gemini", BILLS_ON, speaks(turn()).then_stalls(), "1").await;
    for stream in [true, false] {
        let body = with(question_to(BILLS_ON), json!({"stream": stream})).to_string();
        let asked = gate.send(gate.chat_request(gate.key(), body));
        let left = tokio::time::timeout(Duration::from_millis(300), asked).await;
        // Of a stream the head has come; dropping its answer is leaving.
        drop(left);
    }

    let answer = gate.post(&question_to(BILLS_ON)).await;

    assert_eq!(answer.status, 503, "the place is taken until the call is read");
    assert_eq!(provider.requests().len(), 1);
    assert_eq!(in_flight(&gate, "gemini").await, "1");
}
