//! A tool exchange goes on while the model thinks, although chat clients send none of the thoughts
//! back that providers ask for: over two turns and more, whole and streamed, with what the gate keeps,
//! with what the client sends, and when both are lost. The providers refuse what the real ones refuse.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    grammar::{Summary, ToolCall},
    provider::{FakeProvider, Script, Turn, complains, decides, speaks},
};

use crate::stage::{MODEL, SPEAKERS, gate_to, question_to, setup, with};

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
async fn every_block_of_a_turn_comes_back_byte_for_byte_and_in_its_order() {
    let (preset, model) = CLAUDE;
    let turn = Turn::new()
        .thinks([])
        .signed("signature-only==")
        .thinks_in_secret("RW5jcnlwdGVkIQ==")
        .thinks(["Zwei\nZeilen — \"quoted\" \\ 🜁"])
        .signed("second/+==")
        .says(["Let me see."])
        .calls("call-1", "weather", json!({}))
        .calls("call-2", "weather", json!({}));
    let provider = FakeProvider::start_with(weather_after(turn)).await;
    let gate = gate_to(&provider, preset, model).await;
    for stream in [false, true] {
        let first = asked(&gate, &question(model), stream).await;
        let assistant = with(plain(first.tool_calls()), json!({"content": first.text()}));

        asked(&gate, &continued(question(model), assistant), stream).await;

        let sent = last_sent(&provider);
        let blocks = sent["messages"][1]["content"].as_array().unwrap();
        let expected = json!([
            {"type": "thinking", "thinking": "", "signature": "signature-only=="},
            {"type": "redacted_thinking", "data": "RW5jcnlwdGVkIQ=="},
            {"type": "thinking", "thinking": "Zwei\nZeilen — \"quoted\" \\ 🜁", "signature": "second/+=="},
            {"type": "text", "text": "Let me see."}
        ]);
        assert_eq!(Value::from(&blocks[..4]), expected, "stream: {stream}");
        assert_eq!(blocks.len(), 6, "two calls follow");
    }
}

#[tokio::test]
async fn texts_thoughts_and_calls_of_a_turn_come_back_in_the_order_in_which_they_came() {
    for (preset, model) in [CLAUDE, THINKERS[3]] {
        let turn = Turn::new()
            .thinks(["One."])
            .signed("c2lnbmVkIG9uZQ==")
            .calls("call-1", "weather", json!({"city": "Lisbon"}))
            .thinks(["Two."])
            .signed("c2lnbmVkIHR3bw==")
            .says(["And the", " other."])
            .calls("call-2", "weather", json!({"city": "Porto"}));
        let provider = FakeProvider::start_with(weather_after(turn)).await;
        let gate = gate_to(&provider, preset, model).await;
        for stream in [false, true] {
            let first = asked(&gate, &question(model), stream).await;
            let assistant = with(plain(first.tool_calls()), json!({"content": first.text()}));

            asked(&gate, &continued(question(model), assistant), stream).await;

            let sent = last_sent(&provider).to_string();
            let words = [
                "c2lnbmVkIG9uZQ==",
                "Lisbon",
                "c2lnbmVkIHR3bw==",
                "And the other.",
                "Porto",
            ];
            let places: Vec<_> = words.iter().map(|word| sent.find(word)).collect();
            assert!(
                places.iter().all(Option::is_some) && places.is_sorted(),
                "{model}: {sent}"
            );
        }
    }
}

/// The assistant's turn in each form in which clients keep thoughts themselves.
fn kept_by_the_client(preset: &str, plain: Value) -> Vec<(&'static str, Value)> {
    let member = |name: &str, value: Value| with(plain.clone(), json!({name: value}));
    let detail = |own: Value| member("reasoning_details", json!([own]));
    match preset {
        "anthropic" => vec![
            (
                "thinking_blocks",
                member(
                    "thinking_blocks",
                    json!([{"type": "thinking", "thinking": THOUGHT, "signature": SIGNATURE}]),
                ),
            ),
            (
                "reasoning_details",
                detail(
                    json!({"type": "reasoning.text", "text": THOUGHT, "signature": SIGNATURE, "format": "anthropic-claude-v1", "index": 0}),
                ),
            ),
        ],
        "gemini" => {
            let mut extra = plain.clone();
            extra["tool_calls"][0]["extra_content"] = json!({"google": {"thought_signature": SIGNATURE}});
            let mut packed = plain.clone();
            let id = plain["tool_calls"][0]["id"].as_str().unwrap();
            packed["tool_calls"][0]["id"] = format!("{id}__thought__{SIGNATURE}").into();
            vec![("extra_content", extra), ("__thought__", packed)]
        }
        "openai" => vec![(
            "reasoning_details",
            detail(
                json!({"type": "reasoning.encrypted", "data": SIGNATURE, "id": "rs_0", "format": "openai-responses-v1", "index": 0}),
            ),
        )],
        "minimax" => vec![(
            "reasoning_details",
            detail(
                json!({"type": "reasoning.text", "id": "reasoning-text-1", "format": "MiniMax-response-v1", "index": 0, "text": THOUGHT}),
            ),
        )],
        _ => vec![("reasoning_content", member("reasoning_content", THOUGHT.into()))],
    }
}

#[tokio::test]
async fn what_the_client_has_kept_itself_is_used() {
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather()).await;
        let before = gate_to(&provider, preset, model).await;
        let first = asked(&before, &question(model), false).await;
        // A gate that has kept nothing.
        let gate = gate_to(&provider, preset, model).await;
        for (form, assistant) in kept_by_the_client(preset, plain(first.tool_calls())) {
            let answer = asked(&gate, &continued(question(model), assistant), false).await;

            assert_eq!(answer.text(), ANSWER, "{model}: {form}");
            assert_thought_is_back(preset, &last_sent(&provider));
        }
    }
}

/// MiniMax asks for its thoughts, but takes a turn that has lost them, and nothing may stand in for them.
fn forgives(provider: &FakeProvider, preset: &str) {
    if preset == "minimax" {
        provider.lenient();
    }
}

#[tokio::test]
async fn an_exchange_whose_thoughts_are_lost_goes_on() {
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather()).await;
        let before = gate_to(&provider, preset, model).await;
        let first = asked(&before, &question(model), false).await;
        let gate = gate_to(&provider, preset, model).await;
        forgives(&provider, preset);
        for stream in [false, true] {
            let second = continued(question(model), plain(first.tool_calls()));
            let answer = asked(&gate, &second, stream).await;

            assert_eq!(answer.text(), ANSWER, "{model}");
            assert!(!last_sent(&provider).to_string().contains(SIGNATURE), "{model}");
        }
    }
}

#[tokio::test]
async fn thoughts_that_their_provider_no_longer_takes_stay_away_on_a_second_try() {
    const REFUSALS: [&str; 4] = [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "Corrupted thought signature.",
        "The encrypted content gAAA...Rg== could not be verified.",
    ];
    for ((preset, model), refusal) in THINKERS.into_iter().zip(REFUSALS) {
        let kind = match preset {
            "gemini" => "INVALID_ARGUMENT",
            _ => "invalid_request_error",
        };
        let answers = weather();
        let provider = FakeProvider::start_with(answers.clone()).await;
        let gate = gate_to(&provider, preset, model).await;
        let first = asked(&gate, &question(model), false).await;
        provider.always(decides(move |request| {
            match request.json().to_string().contains(SIGNATURE) {
                true => complains(400, kind, refusal),
                false => answers.clone(),
            }
        }));
        let second = continued(question(model), plain(first.tool_calls()));
        for (stream, tries) in [(false, 2), (true, 1)] {
            let before = provider.requests().len();

            let answer = asked(&gate, &second, stream).await;

            assert_eq!(answer.text(), ANSWER, "{model}");
            let made = provider.requests().len() - before;
            assert_eq!(made, tries, "{model}: what was refused once is not tried again");
        }

        let kept = kept_by_the_client(preset, plain(first.tool_calls())).remove(0).1;
        let answer = gate.post(&continued(question(model), kept)).await;

        assert_eq!(answer.text(), ANSWER, "{model}: {answer:?}");
        let notes = answer.header("x-tollgate-notes").unwrap_or_default();
        assert!(notes.contains("omitted:messages.reasoning"), "{model}: {notes}");
    }
}

#[tokio::test]
async fn thoughts_of_one_credential_are_not_sent_to_another() {
    for (preset, model) in &THINKERS[..4] {
        let first = FakeProvider::start_with(weather()).await;
        let second = FakeProvider::start_with(weather()).await;
        let gate = setup()
            .channel(
                Channel::of(preset, &first)
                    .models([*model])
                    .api_key("first-credential"),
            )
            .channel(
                Channel::of(preset, &second)
                    .named("spare")
                    .api_key("second-credential")
                    .models([*model])
                    .set("priority", "1"),
            )
            .start()
            .await;
        let turn = asked(&gate, &question(model), false).await;
        first.always(complains(529, "overloaded_error", "busy"));

        let answer = asked(
            &gate,
            &continued(question(model), plain(turn.tool_calls())),
            false,
        )
        .await;

        assert_eq!(answer.text(), ANSWER, "{model}");
        let sent = last_sent(&second).to_string();
        assert!(!sent.contains(SIGNATURE), "{model}: {sent}");
    }
}

#[tokio::test]
async fn thoughts_of_one_api_key_are_not_used_for_another() {
    let (preset, model) = GEMINI;
    let provider = FakeProvider::start_with(weather()).await;
    let gate = gate_to(&provider, preset, model).await;
    let first = asked(&gate, &question(model), false).await;
    let other = gate.create_key(&["--name", "other"]).await;

    let second = continued(question(model), plain(first.tool_calls()));
    let answer = gate.post_with(&other, &second).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!last_sent(&provider).to_string().contains(SIGNATURE));
}

#[tokio::test]
async fn another_family_gets_a_conversation_without_thoughts_that_are_not_its_own() {
    for (from, from_model) in THINKERS {
        for (to, to_model) in THINKERS.into_iter().filter(|(to, _)| *to != from) {
            let (first, second) = (
                FakeProvider::start_with(weather()).await,
                FakeProvider::start_with(weather()).await,
            );
            let gate = setup()
                .channel(Channel::of(from, &first).models([from_model]))
                .channel(Channel::of(to, &second).models([to_model]))
                .start()
                .await;
            forgives(&second, to);
            let turn = asked(&gate, &question(from_model), false).await;
            let plain = plain(turn.tool_calls());
            let forms = kept_by_the_client(from, plain.clone());
            for (form, assistant) in forms.into_iter().chain([("dropped", plain)]) {
                let answer = asked(&gate, &continued(question(to_model), assistant), false).await;

                assert_eq!(answer.text(), ANSWER, "{from_model} to {to_model}: {form}");
                let sent = last_sent(&second).to_string();
                for word in [SIGNATURE, "thinking_blocks", "extra_content", "__thought__"] {
                    assert!(
                        !sent.contains(word),
                        "{from_model} to {to_model}: {word} in {sent}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_signature_of_text_comes_back_although_nothing_names_it() {
    let (preset, model) = GEMINI;
    let turn = Turn::new().thinks(["Hm."]).says(["Hel", "lo."]).signed(SIGNATURE);
    let provider = FakeProvider::start_with(speaks(turn)).await;
    let gate = gate_to(&provider, preset, model).await;
    for stream in [false, true] {
        let first = asked(&gate, &question_to(model), stream).await;
        let mut request = question_to(model);
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": first.text()}));
        messages.push(json!({"role": "user", "content": "Go on."}));

        asked(&gate, &request, stream).await;

        let sent = last_sent(&provider);
        assert!(sent["contents"][1].to_string().contains(SIGNATURE), "{sent:#}");
    }
}

#[tokio::test]
async fn an_image_that_comes_back_has_its_signature() {
    const DRAWS: &str = "gemini-3.1-flash-image-preview";
    let turn = Turn::new()
        .draws("image/gif", "R0lGODlhAQABAAAAACw=")
        .signed(SIGNATURE);
    let provider = FakeProvider::start_with(speaks(turn)).await;
    let gate = gate_to(&provider, "gemini", DRAWS).await;
    for stream in [false, true] {
        let first = asked(&gate, &question_to(DRAWS), stream).await;
        let images: Vec<Value> = first
            .images()
            .iter()
            .map(|url| json!({"type": "image_url", "image_url": {"url": url}}))
            .collect();
        let mut request = question_to(DRAWS);
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": "", "images": images}));
        messages.push(json!({"role": "user", "content": "Now in blue."}));

        asked(&gate, &request, stream).await;

        let parts = &last_sent(&provider)["contents"][1]["parts"];
        assert_eq!(
            parts[0]["inlineData"]["data"], "R0lGODlhAQABAAAAACw=",
            "{parts:#}"
        );
        assert_eq!(parts[0]["thoughtSignature"], SIGNATURE, "{parts:#}");
    }
}
