//! The store of what providers want back: kept in time, within its bounds, and for nobody else. That it
//! goes back at all is `tool_exchange`.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, chunk, streams_events},
};

use crate::stage::{question_to, setup, stage_of, with};

/// A model whose provider wants the text of its thoughts back with the calls that they led to.
const MODEL: &str = "deepseek-v4-flash";
const THOUGHT: &str = "I should look it up.";

async fn stage(tables: &str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start().await;
    let channel = Channel::to(&provider).provider("deepseek").models([MODEL]);
    let gate = setup().channel(channel).config(tables).start().await;
    (provider, gate)
}

fn question() -> Value {
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}});
    with(question_to(MODEL), json!({"tools": [tool]}))
}

/// The chunks of a turn that thinks and calls, up to its finish.
fn calling(id: &str) -> [Value; 3] {
    let call = json!({"index": 0, "id": id, "type": "function",
        "function": {"name": "weather", "arguments": "{}"}});
    [
        chunk(json!({"role": "assistant", "reasoning_content": THOUGHT}), None),
        chunk(json!({"tool_calls": [call]}), None),
        chunk(json!({}), Some("tool_calls")),
    ]
}

/// The question, the call as a client of plain chat completions sends it back, and its result.
fn continued(id: &str) -> Value {
    let call = json!({"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}});
    let mut request = question();
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    messages.push(json!({"role": "tool", "tool_call_id": id, "content": "31 degrees"}));
    request
}

/// The thoughts that the provider was sent last, or what stands for them.
fn thoughts_sent(provider: &FakeProvider) -> Value {
    let requests = provider.requests();
    requests.last().unwrap().json()["messages"][1]["reasoning_content"].clone()
}

#[tokio::test]
async fn a_turn_is_kept_before_the_client_can_see_its_finish() {
    let (provider, gate) = stage("").await;
    // The provider goes on for a while after its finish; the client does not wait for that.
    provider.next(streams_events(calling("call-1")).then_stalls());
    let mut open = gate.open_stream(&question()).await;
    let mut finished = false;
    let reading = async {
        while let Some(event) = open.next_event().await {
            finished |= event.contains("\"finish_reason\":\"tool_calls\"");
            if finished {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), reading).await;
    assert!(
        !finished,
        "a finish before the end of the stream would come too early"
    );
    drop(open);

    provider.next(streams_events(calling("call-2")));
    let mut open = gate.open_stream(&question()).await;
    while let Some(event) = open.next_event().await {
        if event.contains("\"finish_reason\":\"tool_calls\"") {
            break;
        }
    }
    gate.post(&continued("call-2")).await;
    assert_eq!(thoughts_sent(&provider), THOUGHT);
}

#[tokio::test]
async fn output_does_not_wait_for_the_end() {
    let (provider, gate) = stage("").await;
    let text = chunk(json!({"role": "assistant", "content": "Hel"}), None);
    provider.next(streams_events([text]).then_stalls());

    let mut open = gate.open_stream(&question()).await;

    let event = open.next_event().await.unwrap();
    assert!(event.contains("Hel"), "{event}");
}

#[tokio::test]
async fn a_turn_that_broke_off_is_not_kept() {
    let (provider, gate) = stage("").await;
    let [thought, call, _] = calling("call-1");
    provider.next(streams_events([thought, call]).then_closes());
    gate.stream(&question()).await;

    gate.post(&continued("call-1")).await;

    assert_ne!(thoughts_sent(&provider), THOUGHT);
}

#[tokio::test]
async fn what_the_client_sends_itself_is_not_replaced() {
    let (provider, gate) = stage("").await;
    provider.next(streams_events(calling("call-1")));
    gate.stream(&question()).await;
    let mut request = continued("call-1");
    request["messages"][1]["reasoning_content"] = "My own words.".into();

    gate.post(&request).await;

    assert_eq!(thoughts_sent(&provider), "My own words.");
}

#[tokio::test]
async fn state_is_gone_after_its_time() {
    // Longer than two requests take, also on a busy machine.
    let (provider, gate) = stage("[reasoning_store]\nttl_s = 4\n").await;
    provider.next(streams_events(calling("call-1")));
    gate.stream(&question()).await;
    gate.post(&continued("call-1")).await;
    assert_eq!(thoughts_sent(&provider), THOUGHT);

    tokio::time::sleep(std::time::Duration::from_millis(4_200)).await;
    let answer = gate.post(&continued("call-1")).await;

    assert_eq!(answer.text(), "Hello", "without it the exchange goes on");
    assert_ne!(thoughts_sent(&provider), THOUGHT);
}

#[tokio::test]
async fn another_api_key_does_not_find_it_and_its_own_does_after_a_reload() {
    let (provider, gate) = stage("").await;
    provider.next(streams_events(calling("call-1")));
    gate.stream(&question()).await;
    let other = gate.create_key(&["--name", "other"]).await;

    gate.post_with(&other, &continued("call-1")).await;
    assert_ne!(thoughts_sent(&provider), THOUGHT);

    gate.signal(tollgate_testkit::gate::Signal::Reload);
    gate.logged("configuration reloaded").await;
    gate.post(&continued("call-1")).await;
    assert_eq!(thoughts_sent(&provider), THOUGHT);
}

#[tokio::test]
async fn another_credential_does_not_find_it() {
    let (provider, gate) = stage("").await;
    provider.next(streams_events(calling("call-1")));
    gate.stream(&question()).await;

    let config = std::fs::read_to_string(gate.config_path()).unwrap();
    let changed = config.replace("provider-credential", "another-credential");
    std::fs::write(gate.config_path(), changed).unwrap();
    gate.signal(tollgate_testkit::gate::Signal::Reload);
    gate.logged("configuration reloaded").await;
    gate.post(&continued("call-1")).await;

    assert_ne!(thoughts_sent(&provider), THOUGHT);
}

#[tokio::test]
async fn a_model_that_draws_takes_a_history_that_nobody_signed() {
    let model = "gemini-3-pro-image-preview";
    let (_provider, gate) = stage_of("gemini", model).await;
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    for turn in [
        json!({"role": "assistant", "content": "A cat?"}),
        json!({"role": "assistant", "content": "Here:", "images": [image]}),
        json!({"role": "assistant", "content": null, "images": [image]}),
        json!({"role": "assistant", "content": ""}),
    ] {
        let user = |text: &str| json!({"role": "user", "content": text});
        let messages = json!([user("Draw something."), turn, user("Yes, a red one.")]);

        let answer = gate.post(&json!({"model": model, "messages": messages})).await;

        assert_eq!(answer.text(), "Hello", "{turn}: {:?}", answer.error());
    }
}
