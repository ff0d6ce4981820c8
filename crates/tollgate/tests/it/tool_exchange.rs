//! A tool exchange goes on while the model thinks, although chat clients send none of the thoughts
//! back that providers ask for: over two turns and more, whole and streamed, with what the gate keeps,
//! with what the client sends, and when both are lost. The providers refuse what the real ones refuse.

mod items;
mod kept_by_client;
mod lost;
mod order;
mod strangers;

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Gate,
    grammar::{Summary, ToolCall},
    provider::{FakeProvider, Script, Turn, decides, speaks},
};

use crate::stage::{MODEL, SPEAKERS, gate_to, question_to, with};

/// Presets and models that want their thoughts back, one for each way of wanting it.
const THINKERS: [(&str, &str); 7] = [
    ("anthropic", "claude-sonnet-4-6"),
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("gemini", "gemini-3-flash-preview"),
    ("openai", "gpt-5-3-codex"),
    ("deepseek", "deepseek-v4-flash"),
    ("moonshot", "kimi-k2.5"),
    ("minimax", "minimax-m2.5"),
];
const CLAUDE: (&str, &str) = THINKERS[1];
const GEMINI: (&str, &str) = THINKERS[2];
const SIGNATURE: &str = "c2lnbmVkLWJ5LXRoZS1wcm92aWRlcg==";
const THOUGHT: &str = "I should look it up.";
const ANSWER: &str = "It is 31 degrees.";

fn call_turn() -> Turn {
    call_turn_with("call-1")
}

fn call_turn_with(id: &str) -> Turn {
    let (first, rest) = THOUGHT.split_at(8);
    Turn::new()
        .thinks([first, rest])
        .signed(SIGNATURE)
        .calls(id, "weather", json!({"city": "Lisbon"}))
}

/// Calls a tool until there is a result, and then says it.
fn weather() -> Script {
    weather_after(call_turn())
}

fn weather_after(turn: Turn) -> Script {
    let (call, answer) = (speaks(turn), speaks(Turn::new().says([ANSWER])));
    decides(move |request| match request.ends_with_result() {
        true => answer.clone(),
        false => call.clone(),
    })
}

fn question(model: &str) -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": parameters}});
    with(
        question_to(model),
        json!({"tools": [tool], "reasoning_effort": "high"}),
    )
}

/// What a client says that keeps nothing but what OpenAI's API has.
fn plain(calls: &[ToolCall]) -> Value {
    let calls = calls.iter().map(|call| {
        json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
    });
    json!({"role": "assistant", "content": null, "tool_calls": calls.collect::<Vec<_>>()})
}

/// The conversation with an assistant's turn and the results of its calls.
fn continued(mut request: Value, assistant: Value) -> Value {
    let ids: Vec<Value> = assistant["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|call| call["id"].clone())
        .collect();
    let messages = request["messages"].as_array_mut().unwrap();
    messages.push(assistant);
    for id in ids {
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": "31 degrees"}));
    }
    request
}

async fn asked(gate: &Gate, request: &Value, stream: bool) -> Summary {
    if stream {
        let answer = gate.stream(request).await;
        assert_eq!(answer.status, 200, "{:?} after {request:#}", answer.error());
        assert!(answer.has_done(), "{:?}", answer.error());
        return answer.summary().clone();
    }
    let answer = gate.post(request).await;
    assert_eq!(answer.status, 200, "{:?} after {request:#}", answer.error());
    answer.summary()
}

fn last_sent(provider: &FakeProvider) -> Value {
    provider.requests().last().unwrap().json().clone()
}

/// Where a provider has to find the thought again that belongs to its call.
fn assert_thought_is_back(preset: &str, sent: &Value) {
    let text = sent.to_string();
    match preset {
        "anthropic" => {
            let block = json!({"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE});
            assert_eq!(sent["messages"][1]["content"][0], block, "{sent:#}");
        }
        "gemini" => {
            let parts = sent["contents"][1]["parts"].as_array().unwrap();
            let call = parts.iter().find(|part| !part["functionCall"].is_null()).unwrap();
            assert_eq!(call["thoughtSignature"], SIGNATURE, "{sent:#}");
        }
        "openai" => {
            let item = &sent["input"][1];
            assert_eq!(item["type"], "reasoning", "{sent:#}");
            assert_eq!(item["encrypted_content"], SIGNATURE, "{sent:#}");
        }
        "minimax" => {
            let details = &sent["messages"][1]["reasoning_details"];
            assert!(details.to_string().contains(THOUGHT), "{sent:#}");
        }
        _ => assert_eq!(sent["messages"][1]["reasoning_content"], THOUGHT, "{text}"),
    }
}

#[tokio::test]
async fn thoughts_that_the_client_drops_go_back_to_their_provider() {
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather()).await;
        let gate = gate_to(&provider, preset, model).await;
        for stream in [false, true] {
            let first = asked(&gate, &question(model), stream).await;
            assert_eq!(first.finish_reason(), Some("tool_calls"), "{model}");
            assert_eq!(first.reasoning(), THOUGHT, "{model}");

            let second = continued(question(model), plain(first.tool_calls()));
            let answer = asked(&gate, &second, stream).await;

            assert_eq!(answer.text(), ANSWER, "{model}");
            assert_thought_is_back(preset, &last_sent(&provider));
        }
    }
}

#[tokio::test]
async fn thoughts_go_back_although_the_client_has_changed_what_was_said_before() {
    // No other call has such an ID, so it is enough to know the turn by.
    let id = "call_9pYvIiPKH0vXy2AbCdEfGh1z";
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather_after(call_turn_with(id))).await;
        let gate = gate_to(&provider, preset, model).await;
        let first = asked(&gate, &question(model), false).await;

        let mut second = continued(question(model), plain(first.tool_calls()));
        let last = second["messages"]
            .as_array()
            .unwrap()
            .iter()
            .rposition(|message| message["role"] == "user");
        second["messages"][last.unwrap()]["content"] =
            json!("What is the weather in Oslo? It is half past nine.");
        asked(&gate, &second, false).await;

        assert_thought_is_back(preset, &last_sent(&provider));
    }
}

#[tokio::test]
async fn an_answer_without_a_word_comes_back_as_it_was() {
    for (preset, model) in SPEAKERS
        .into_iter()
        .chain([("openai-compatible", MODEL), ("deepseek", "deepseek-v4-flash")])
    {
        let provider = FakeProvider::start_with(speaks(Turn::new().says(["Yes?"]))).await;
        let gate = gate_to(&provider, preset, model).await;
        let silent = json!({"role": "assistant", "content": null, "refusal": null});
        let request = json!({"model": model, "messages": [
            {"role": "user", "content": "Hello?"}, silent, {"role": "user", "content": "Anybody there?"},
        ]});

        let answer = gate.post(&request).await;

        assert_eq!((answer.status, answer.text().as_str()), (200, "Yes?"), "{model}");
        let sent = last_sent(&provider).to_string();
        assert!(
            sent.contains("Anybody there?") && !sent.contains("null"),
            "{model}: {sent}"
        );
    }
}

#[tokio::test]
async fn each_step_of_a_long_exchange_keeps_its_own_thoughts() {
    for (preset, model) in THINKERS {
        let step = |number: usize| {
            let (id, thought) = (format!("call-{number}"), format!("Step {number}."));
            Turn::new()
                .thinks([thought.as_str()])
                .signed(&format!("{SIGNATURE}{number}"))
                .calls(&id, "weather", json!({"step": number}))
        };
        let provider = FakeProvider::start().await;
        let gate = gate_to(&provider, preset, model).await;
        let mut request = question(model);

        for number in 0..3 {
            provider.next(speaks(step(number)));
            let answer = asked(&gate, &request, number % 2 == 0).await;
            request = continued(request, plain(answer.tool_calls()));
        }
        provider.next(speaks(Turn::new().says([ANSWER])));
        asked(&gate, &request, false).await;

        let sent = last_sent(&provider).to_string();
        let wanted = |number: usize| match preset {
            "anthropic" | "gemini" | "openai" => format!("{SIGNATURE}{number}"),
            _ => format!("Step {number}."),
        };
        let places: Vec<_> = (0..3).map(|number| sent.find(&wanted(number))).collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{model}: {sent}"
        );
    }
}

#[tokio::test]
async fn a_turn_that_the_client_sends_back_in_two_messages_is_the_one_that_it_was() {
    for (preset, model) in [("anthropic", "claude-sonnet-4-6"), CLAUDE] {
        let turn = Turn::new()
            .thinks([THOUGHT])
            .signed(SIGNATURE)
            .says(["Let me see."])
            .calls("call-1", "weather", json!({"city": "Lisbon"}));
        let provider = FakeProvider::start_with(weather_after(turn)).await;
        let gate = gate_to(&provider, preset, model).await;
        let first = asked(&gate, &question(model), false).await;
        let mut second = question(model);
        let words = json!({"role": "assistant", "content": first.text()});
        second["messages"].as_array_mut().unwrap().push(words);

        let answer = asked(&gate, &continued(second, plain(first.tool_calls())), false).await;

        assert_eq!(answer.text(), ANSWER, "{model}");
        assert_thought_is_back(preset, &last_sent(&provider));
    }
}

#[tokio::test]
async fn a_later_step_without_a_thought_goes_back_without_one_and_the_model_goes_on_thinking() {
    let (preset, model) = CLAUDE;
    let provider = FakeProvider::start().await;
    let gate = gate_to(&provider, preset, model).await;
    let mut request = question(model);
    let later = Turn::new().calls("call-2", "weather", json!({}));
    for turn in [call_turn(), later] {
        provider.next(speaks(turn));
        let answer = asked(&gate, &request, false).await;
        request = continued(request, plain(answer.tool_calls()));
    }
    provider.next(speaks(Turn::new().says([ANSWER])));

    let answer = asked(&gate, &request, false).await;

    assert_eq!(answer.text(), ANSWER);
    let sent = last_sent(&provider);
    assert_eq!(sent["thinking"]["type"], "enabled");
    assert_eq!(
        sent["messages"][3]["content"].as_array().unwrap().len(),
        1,
        "{sent:#}"
    );
}
