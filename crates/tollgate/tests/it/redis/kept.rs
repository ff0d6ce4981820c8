//! What one gate keeps and another finds: state of reasoning, and answers for a client's own retry.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, accepts_and_says_nothing, chunk, fails, says, streams, streams_events},
};

use super::{Servers, all_find_it, ask, named, servers};
use crate::{
    credit::{eventually, run},
    stage::{question, question_to, question_with, setup, with},
};

/// A model whose provider wants the text of its thoughts back with the calls that they led to.
pub const THINKER: &str = "deepseek-v4-flash";

/// Two gates that know of each other and serve [`THINKER`].
pub async fn two_thinkers(servers: &Servers, provider: &FakeProvider) -> Vec<Gate> {
    let setups = ["one", "two"].map(|name| {
        let channel = Channel::to(provider).provider("deepseek").models([THINKER]);
        setup().config(&servers.tables()).channel(channel).key_named(name)
    });
    servers.started(setups).await
}

#[tokio::test]
async fn the_second_turn_of_a_tool_exchange_at_another_gate_has_its_thoughts() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start().await;
    let gates = two_thinkers(&servers, &provider).await;
    let usual = gates[0].key().to_owned();
    run(&gates[0], &["accounts", "create", "--name", "team"]).await;
    let credit = ["accounts", "credit", "--name", "team", "--amount", "1"];
    run(&gates[0], &credit).await;
    // It looks for thoughts before anything is sent, to hold for them.
    let settings = ["--name", "app", "--account", "team", "--reserve", "full"];
    let holding = gates[0].create_key(&settings).await;
    for key in [usual, holding] {
        thoughts_go_from_gate_to_gate(&servers, &provider, &gates, &key).await;
    }
}

async fn thoughts_go_from_gate_to_gate(
    servers: &Servers,
    provider: &FakeProvider,
    gates: &[Gate],
    key: &str,
) {
    think(servers, provider, &gates[0], key).await;

    provider.always(says("It is 31 degrees."));
    let answer = gates[1].post_with(key, &second_turn()).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    let requests = provider.requests();
    let sent = requests.last().unwrap().json();
    assert_eq!(sent["messages"][1]["reasoning_content"], THOUGHT);
}

/// What the provider thinks before it calls a function in the first turn.
pub const THOUGHT: &str = "I should look it up.";

/// A question in whose first turn [`THINKER`] is to call a function.
fn first_turn() -> Value {
    let function = json!({"name": "weather", "parameters": {"type": "object"}});
    with(
        question_to(THINKER),
        json!({"stream": true, "tools": [{"type": "function", "function": function}]}),
    )
}

/// What a client sends when the function has answered, without the thought.
pub fn second_turn() -> Value {
    let call =
        json!({"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    let mut second = first_turn();
    second["stream"] = false.into();
    let messages = second["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    messages.push(json!({"role": "tool", "tool_call_id": "call-1", "content": "31 degrees"}));
    second
}

/// The first turn at this gate, until its thought is kept for the others.
pub async fn think(servers: &Servers, provider: &FakeProvider, gate: &Gate, key: &str) {
    let call = json!({"index": 0, "id": "call-1", "type": "function",
        "function": {"name": "weather", "arguments": "{}"}});
    provider.next(streams_events([
        chunk(json!({"role": "assistant", "reasoning_content": THOUGHT}), None),
        chunk(json!({"tool_calls": [call]}), None),
        chunk(json!({}), Some("tool_calls")),
    ]));
    let names = || servers.redis.ask(&["KEYS", "tollgate:*:reasoning:*"]);
    let before = names();
    let request = gate.chat_request(key, first_turn().to_string());
    gate.open_stream_of(request).await.rest().await;
    eventually(true, async || names() != before).await;
}

/// How often gates have asked this Redis for several values at once.
fn lookups(servers: &Servers) -> u64 {
    let told = servers.redis.ask(&["INFO", "commandstats"]);
    let counted = told.split("cmdstat_mget:calls=").nth(1);
    let counted = counted.and_then(|rest| rest.split(',').next());
    counted.map_or(0, |calls| calls.parse().expect("a number"))
}

#[tokio::test]
async fn what_is_kept_for_several_channels_is_looked_up_at_once_and_for_none_that_is_refused() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let model = "kimi-k2.5";
    let channels = ["one", "two", "three"].map(|name| {
        let channel = Channel::to(&provider).provider("moonshot").models([model]);
        channel.named(name).api_key(&format!("credential-{name}"))
    });
    let gate = channels
        .into_iter()
        .fold(setup(), |setup, channel| setup.channel(channel));
    let gate = gate.config(&servers.tables()).start().await;
    run(&gate, &["accounts", "create", "--name", "team"]).await;
    run(
        &gate,
        &["accounts", "credit", "--name", "team", "--amount", "100"],
    )
    .await;
    let settings = ["--name", "app", "--account", "team", "--reserve", "full"];
    let key = gate.create_key(&settings).await;
    let call =
        json!({"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    let mut asked = question_to(model);
    let messages = asked["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    messages.push(json!({"role": "tool", "tool_call_id": "call-1", "content": "31 degrees"}));
    let mut by_url = asked.clone();
    let image = json!({"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}});
    by_url["messages"][0]["content"] = json!([{"type": "text", "text": "What is it?"}, image]);

    let refused = gate.post_with(&key, &by_url).await;
    assert_eq!(
        refused.error_code().as_deref(),
        Some("unbounded_prompt"),
        "{refused:?}"
    );
    assert_eq!(
        lookups(&servers),
        0,
        "nothing is looked up for what cannot be held for"
    );

    let answer = gate.post_with(&key, &asked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(lookups(&servers), 1);
}

fn streamed() -> Value {
    question_with(json!({"stream": true}))
}

/// Waits until no request is under way whose answer other gates may wait for.
pub async fn answers_are_kept(servers: &Servers, count: usize) {
    let kept = async || {
        let names = servers.redis.ask(&["KEYS", "tollgate:*:replay:*"]);
        // Each name, and before all of them their number.
        let first = names.lines().next().unwrap_or_default().to_owned();
        first == format!("*{count}")
    };
    eventually(true, kept).await;
}

#[tokio::test]
async fn a_retry_at_another_gate_gets_the_answer_which_was_made_once() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0].key();
    for (name, body) in [("whole", question()), ("streamed", streamed())] {
        if name == "streamed" {
            provider.always(streams(["Hel", "lo"]));
        }
        let asked_before = provider.requests().len();

        let first = ask(&gates[0], key, name, &body).await;
        let again = ask(&gates[1], key, name, &body).await;
        let other = ask(&gates[2], key, name, &question_with(json!({"n": 2}))).await;

        assert_eq!((first.status, again.status), (200, 200), "{again:?}");
        assert_eq!(again.body, first.body);
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(
            again.header("x-tollgate-replayed"),
            first.header("x-tollgate-request-id")
        );
        assert_eq!(other.error_code().as_deref(), Some("idempotency_key_reused"));
        assert_eq!(provider.requests().len(), asked_before + 1);
    }
    // Nobody else's request has that name.
    let own = ask(&gates[1], gates[1].key(), "whole", &question()).await;
    assert_eq!(own.header("x-tollgate-replayed"), None);
}

#[tokio::test]
async fn retries_at_other_gates_wait_for_an_answer_that_is_on_its_way() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello").delays(Duration::from_millis(500))).await;
    let gates = servers.three_gates(&provider).await;
    let (key, body) = (gates[0].key(), question());

    let asks = (0..12).map(|turn| ask(&gates[turn % 3], key, "one", &body));
    let answers = join_all(asks).await;

    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.body),
            (200, &answers[0].body),
            "{answer:?}"
        );
    }
    provider.request();
}

#[tokio::test]
async fn a_stream_that_waits_for_another_gate_has_its_head_and_is_kept_alive() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start().await;
    let impatient = "[limits]\nkeep_alive_ms = 200\n";
    let setups = [("one", ""), ("two", impatient)]
        .map(|(name, tables)| servers.gate(&provider).config(tables).key_named(name));
    let gates = servers.started(setups).await;
    let key = gates[0].key();
    let slow = Duration::from_secs(3);
    for (asked_before, (name, made, text, code)) in [
        ("answered", streams(["Hel", "lo"]).delays(slow), "Hello", None),
        (
            "refused",
            fails(400, "invalid_value", "odd").delays(slow),
            "",
            Some("invalid_value"),
        ),
        ("failed", fails(500, "", "boom").delays(slow), "anew", None),
    ]
    .into_iter()
    .enumerate()
    {
        provider.next(made).always(streams(["anew"]));
        let first = gates[0].open_stream_of(named(&gates[0], key, name, &streamed()));
        let second = async {
            provider.received(asked_before + 1).await;
            let asked = Instant::now();
            let request = named(&gates[1], key, name, &streamed());
            let mut open = gates[1].open_stream_of(request).await;
            let piece = open.next_piece().await;
            assert!(asked.elapsed() < slow / 2, "{name}: {:?}", asked.elapsed());
            assert_eq!(piece.as_deref(), Some(&b": keep-alive\n\n"[..]), "{name}");
            open.rest().await
        };
        let (_first, second) = tokio::join!(first, second);

        assert_eq!((second.text(), second.error_code()), (text, code), "{name}");
        assert_eq!(second.has_done(), code.is_none(), "{name}");
    }
}

#[tokio::test]
async fn an_answer_goes_on_for_a_retry_that_waits_at_another_gate() {
    let Some(servers) = servers() else { return };
    let slow = says("Hello").delays(Duration::from_secs(4));
    let provider = FakeProvider::start_with(slow).await;
    let brief = "[idempotency]\nlinger_ms = 500\n";
    let setups = ["one", "two"].map(|name| servers.gate(&provider).config(brief).key_named(name));
    let gates = servers.started(setups).await;
    let key = gates[0].key();
    for (asked_before, (name, body)) in [("whole", question()), ("streamed", streamed())]
        .into_iter()
        .enumerate()
    {
        let asked = ask(&gates[0], key, name, &body);
        let lost = tokio::time::timeout(Duration::from_millis(300), asked).await;
        assert!(lost.is_err(), "the answer was not to be there yet");

        let back = ask(&gates[1], key, name, &body).await;

        assert_eq!(back.status, 200, "{back:?}");
        assert_eq!(provider.requests().len(), asked_before + 1, "it was bought twice");
    }
    assert_eq!(provider.cancellations(), 0);
}

#[tokio::test]
async fn an_answer_ends_once_the_retry_at_another_gate_has_gone_as_well() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let brief = "[idempotency]\nlinger_ms = 500\n";
    let setups = ["one", "two"].map(|name| servers.gate(&provider).config(brief).key_named(name));
    let gates = servers.started(setups).await;
    let (key, body) = (gates[0].key(), question());
    for (gate, patience) in [(&gates[0], 300), (&gates[1], 2_000)] {
        let asked = ask(gate, key, "one", &body);
        let patience = Duration::from_millis(patience);
        assert!(tokio::time::timeout(patience, asked).await.is_err());
    }
    assert_eq!(provider.cancellations(), 0, "somebody was waiting");

    provider.cancelled().await;

    gates[0].logged("client_gone").await;
    provider.request();
}

#[tokio::test]
async fn what_failed_at_one_gate_is_tried_anew_at_another() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(fails(500, "", "boom")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0].key();
    let failed = ask(&gates[0], key, "one", &question()).await;
    assert_eq!(failed.status, 502, "{failed:?}");

    provider.always(says("fine"));
    let again = ask(&gates[1], key, "one", &question()).await;

    assert_eq!((again.status, again.header("x-tollgate-replayed")), (200, None));
}

#[tokio::test]
async fn a_request_of_a_gate_that_was_killed_can_be_made_at_another() {
    let Some(servers) = servers() else { return };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let gates = servers.three_gates(&provider).await;
    let (key, body) = (gates[0].key(), question());
    let asked = ask(&gates[0], key, "one", &body);
    let _gone = tokio::time::timeout(Duration::from_millis(500), asked).await;
    answers_are_kept(&servers, 1).await;
    gates[0].signal(Signal::Kill);

    provider.always(says("fine"));
    let again = ask(&gates[1], key, "one", &body).await;

    assert_eq!(again.status, 200, "{again:?}");
    assert_eq!(again.header("x-tollgate-replayed"), None);
}

#[tokio::test]
async fn without_redis_a_retry_still_finds_its_answer_at_the_same_gate() {
    let Some(mut servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0].key();
    servers.redis.stop();
    all_find_it(&gates, false).await;

    let first = ask(&gates[0], key, "one", &question()).await;
    let again = ask(&gates[0], key, "one", &question()).await;

    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(again.body, first.body);
    provider.request();
}

#[tokio::test]
async fn a_retry_at_another_gate_finds_its_answer_also_after_redis_was_away() {
    let Some(mut servers) = servers() else { return };
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gates = servers.three_gates(&provider).await;
    let key = gates[0].key();
    for gate in &gates {
        assert_eq!(ask(gate, key, "before", &question()).await.status, 200);
    }
    let asked_before = provider.requests().len();
    servers.redis.stop();
    all_find_it(&gates, false).await;
    servers.redis.start_again();
    all_find_it(&gates, true).await;

    for gate in &gates {
        assert_eq!(ask(gate, key, "after", &question()).await.status, 200);
    }

    assert_eq!(
        (asked_before, provider.requests().len()),
        (1, 2),
        "each name is asked for once"
    );
}
