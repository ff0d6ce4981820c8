//! Each model keeps the contract of its page: what is documented is answered, placeholders and broken
//! messages are refused by their place, and documented defaults reach the provider.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, says, streams_deltas},
};

use crate::{
    pages::{DEEPSEEK, DOUBAO, GEMINI, GENERAL, MODELS, QWEN, examples, placeholders},
    stage::{question_to, setup, with},
};

/// Every page's model behind one provider that takes whatever it is sent, so that only the contract
/// decides.
pub async fn gate_to_all() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .channel(Channel::to(&provider).models(MODELS))
        .start()
        .await;
    (provider, gate)
}

/// The pages' models behind the providers that serve them, as far as they speak chat completions.
async fn gate_to_their_providers() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let channel = |preset: &str, models: &[&'static str]| {
        let models = models.iter().copied();
        Channel::to(&provider)
            .named(preset)
            .provider(preset)
            .models(models)
    };
    let gate = setup()
        .channel(channel("dashscope", &[QWEN]))
        .channel(channel("deepseek", &[DEEPSEEK]))
        .channel(channel("ark", &[DOUBAO]))
        .channel(channel("anyfast", &[GEMINI, GENERAL]))
        .start()
        .await;
    (provider, gate)
}

#[tokio::test]
async fn every_documented_example_is_answered() {
    let (_provider, gate) = gate_to_their_providers().await;
    for example in examples() {
        let whole = gate.post(&example.request).await;
        let stream = gate.stream(&example.request).await;

        assert_eq!(
            (whole.status, whole.text().as_str()),
            (200, "Hello"),
            "{}",
            example.name
        );
        assert_eq!((stream.status, stream.text()), (200, "Hello"), "{}", example.name);
        assert!(stream.has_done(), "{}", example.name);
    }
}

#[tokio::test]
async fn placeholders_that_stand_for_nothing_are_refused_by_name() {
    let (provider, gate) = gate_to_all().await;
    for (example, param) in placeholders() {
        let answer = gate.post(&example.request).await;

        assert_eq!(answer.status, 400, "{}", example.name);
        assert_eq!(answer.error_param().as_deref(), Some(param), "{}", example.name);
    }
    assert!(
        provider.requests().is_empty(),
        "no provider is called for a broken request"
    );
}

#[tokio::test]
async fn documented_defaults_reach_a_provider_whose_own_are_others() {
    let (provider, gate) = gate_to_their_providers().await;
    let sent = async |request: Value| {
        gate.post(&request).await;
        provider.requests().pop().unwrap().json().clone()
    };

    let qwen = sent(question_to(QWEN)).await;
    let qwen_with_own = sent(with(
        question_to(QWEN),
        json!({"max_tokens": 7, "enable_thinking": true}),
    ))
    .await;
    let qwen_with_effort = sent(with(question_to(QWEN), json!({"reasoning_effort": "high"}))).await;
    let doubao = sent(question_to(DOUBAO)).await;
    let doubao_with_own = sent(with(question_to(DOUBAO), json!({"max_completion_tokens": 9}))).await;
    let deepseek = sent(question_to(DEEPSEEK)).await;

    assert_eq!(qwen["max_completion_tokens"], 65536);
    assert_eq!(qwen["enable_thinking"], false);
    assert_eq!(
        qwen_with_own["max_completion_tokens"], 7,
        "the two names are one limit"
    );
    assert_eq!(qwen_with_own.get("max_tokens"), None, "a limit is sent once");
    assert_eq!(qwen_with_own["enable_thinking"], true);
    assert_eq!(qwen_with_effort["enable_thinking"], true, "another switch came");
    assert_eq!(doubao["max_tokens"], 8192);
    assert_eq!(doubao_with_own["max_tokens"], 9);
    assert_eq!(doubao_with_own.get("max_completion_tokens"), None);
    for unsaid in ["max_tokens", "max_completion_tokens", "temperature", "thinking"] {
        assert_eq!(
            deepseek.get(unsaid),
            None,
            "{unsaid}: nothing was said, and nothing is documented"
        );
    }
}

#[tokio::test]
async fn a_null_is_as_good_as_nothing_at_every_depth() {
    let (provider, gate) = gate_to_all().await;
    let nulls = json!({
        "max_tokens": null, "max_completion_tokens": null, "temperature": null, "top_p": null, "n": null,
        "stop": null, "stream": null, "stream_options": null, "tools": null, "tool_choice": null,
        "response_format": null, "thinking": null, "enable_thinking": null, "reasoning_effort": null,
        "user": null, "user_id": null, "frequency_penalty": null, "presence_penalty": null,
        "logprobs": null, "logit_bias": null, "seed": null,
        "messages": [
            {"role": "system", "content": "Be brief.", "name": null},
            {"role": "user", "name": null, "content": [{"type": "text", "text": "Hi", "cache_control": null}]},
            {"role": "assistant", "content": null, "refusal": null, "function_call": null, "audio": null,
             "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}, "index": null}]},
            {"role": "tool", "tool_call_id": "c", "content": "done", "name": null}
        ]
    });
    for model in MODELS {
        let answer = gate.post(&with(question_to(model), nulls.clone())).await;

        assert_eq!(answer.status, 200, "{model}: {answer:?}");
        let sent = String::from_utf8(provider.requests().pop().unwrap().body.to_vec()).unwrap();
        let without_content = sent
            .replace(r#""content":null"#, "")
            .replace(r#""content": null"#, "");
        assert!(!without_content.contains("null"), "{model}: {sent}");
    }
}

#[tokio::test]
async fn a_parameter_without_effect_is_never_a_reason_to_refuse() {
    let (provider, gate) = gate_to_their_providers().await;
    let idle =
        json!({"n": 1, "tools": [], "stop": [], "logprobs": false, "logit_bias": {}, "top_logprobs": 0});
    for model in MODELS {
        let answer = gate.post(&with(question_to(model), idle.clone())).await;

        assert_eq!(answer.status, 200, "{model}: {answer:?}");
        assert_eq!(
            answer.header("x-tollgate-notes"),
            None,
            "{model}: nothing was changed"
        );
    }
    assert_eq!(provider.requests().len(), MODELS.len());
}

#[tokio::test]
async fn an_answers_message_comes_back_as_it_was_sent() {
    let (provider, gate) = gate_to_their_providers().await;
    let call = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "weather", "arguments": "{}"}}]});
    let thought = json!({"reasoning_content": "Let me look."});
    let tools = json!([{"type": "function", "function": {"name": "weather"}}]);
    for model in MODELS {
        let asked = with(question_to(model), json!({"tools": tools}));
        // A whole answer that is fetched as a stream is one, too.
        provider.next(streams_deltas([thought.clone(), call.clone()], "tool_calls"));
        let streamed = gate.stream(&asked).await;
        let message = sdk_message(streamed.summary());
        let mut turns = asked["messages"].as_array().unwrap().clone();
        turns.push(message);
        turns.push(json!({"role": "tool", "tool_call_id": "call_1", "content": "sunny"}));

        let answer = gate.post(&with(asked, json!({"messages": turns}))).await;

        assert_eq!(answer.status, 200, "{model}: {answer:?}");
        let sent = provider.requests().pop().unwrap();
        let message = &sent.json()["messages"][1];
        assert_eq!(message["tool_calls"][0]["id"], "call_1", "{model}");
        for refused in ["refusal", "annotations", "audio", "function_call"] {
            assert_eq!(
                message.get(refused),
                None,
                "{model}: providers refuse `{refused}` here"
            );
        }
    }
}

/// The message as an SDK keeps it: with every member that its types know.
fn sdk_message(answer: &tollgate_testkit::grammar::Summary) -> Value {
    let calls: Vec<Value> = answer
        .tool_calls()
        .iter()
        .map(|call| json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}))
        .collect();
    json!({
        "role": "assistant", "content": null, "refusal": null, "annotations": [], "audio": null,
        "function_call": null, "reasoning_content": answer.reasoning(), "tool_calls": calls
    })
}

#[tokio::test]
async fn messages_that_no_provider_can_take_are_refused_by_their_place() {
    let (provider, gate) = gate_to_all().await;
    let user = json!({"role": "user", "content": "Hi"});
    let calls = json!({"role": "assistant", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "x"});
    let image =
        |url: &str| json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]});
    for (messages, param) in [
        (json!([{"role": "robot", "content": "x"}]), "messages[0].role"),
        (json!(["x"]), "messages[0]"),
        (json!([{"role": "user"}]), "messages[0].content"),
        (json!([{"role": "user", "content": 7}]), "messages[0].content"),
        (
            json!([user, {"role": "user", "content": []}]),
            "messages[1].content",
        ),
        (
            json!([{"role": "user", "content": [{"type": "song"}]}]),
            "messages[0].content[0].type",
        ),
        (
            json!([{"role": "user", "content": [{"type": "image_url"}]}]),
            "messages[0].content[0].image_url",
        ),
        (
            json!([image("photo.jpg")]),
            "messages[0].content[0].image_url.url",
        ),
        (
            json!([image("file:///etc/passwd")]),
            "messages[0].content[0].image_url.url",
        ),
        (json!([user, result("a")]), "messages[1].tool_call_id"),
        (
            json!([user, calls, result("a"), user]),
            "messages[1].tool_calls[1]",
        ),
        (
            json!([user, calls, result("a"), result("a")]),
            "messages[3].tool_call_id",
        ),
        (json!([{"role": "assistant"}]), "messages[0].content"),
    ] {
        let answer = gate
            .post(&with(question_to(GENERAL), json!({"messages": messages})))
            .await;

        assert_eq!(answer.status, 400, "{messages}");
        assert_eq!(answer.error_param().as_deref(), Some(param), "{messages}");
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_providers_own_storage_is_closed_unless_the_operator_opens_it() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let open = Channel::to(&provider)
        .named("open")
        .models(["gpt-4o-mini"])
        .set("provider_files", "true");
    let gate = setup()
        .channel(Channel::to(&provider).models(["gpt-4o"]))
        .channel(open)
        .start()
        .await;
    for part in [
        json!({"type": "file", "file": {"file_id": "file-abc"}}),
        json!({"type": "image_url", "image_url": {"url": "ms://abc"}}),
        json!({"type": "image_url", "image_url": {"url": "gs://bucket/x.png"}}),
    ] {
        let messages = json!({"messages": [{"role": "user", "content": [part]}]});

        let closed = gate.post(&with(question_to("gpt-4o"), messages.clone())).await;
        let opened = gate
            .post(&with(question_to("gpt-4o-mini"), messages.clone()))
            .await;

        assert_eq!(
            closed.status, 400,
            "{messages}: it would open with the operator's credential"
        );
        assert!(
            closed.error_param().unwrap().starts_with("messages[0].content"),
            "{closed:?}"
        );
        assert_eq!(opened.status, 200, "{messages}: {opened:?}");
    }
}

#[tokio::test]
async fn the_older_functions_go_where_they_are_known_and_else_are_told_their_successor() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .channel(
            Channel::to(&provider)
                .named("openai")
                .provider("openai")
                .models(["gpt-4o"]),
        )
        .channel(
            Channel::to(&provider)
                .named("deepseek")
                .provider("deepseek")
                .models([DEEPSEEK]),
        )
        .start()
        .await;
    let functions = json!({"functions": [{"name": "weather", "parameters": {"type": "object"}}], "function_call": "auto"});

    let known = gate.post(&with(question_to("gpt-4o"), functions.clone())).await;
    let unknown = gate.post(&with(question_to(DEEPSEEK), functions)).await;

    assert_eq!(known.status, 200);
    assert_eq!(provider.requests()[0].json()["functions"][0]["name"], "weather");
    assert_eq!(unknown.status, 400);
    assert_eq!(unknown.error_param().as_deref(), Some("functions"));
    assert!(
        unknown.error_message().unwrap().contains("`tools`"),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn switches_for_thinking_that_contradict_are_refused() {
    let (_provider, gate) = gate_to_all().await;
    for model in MODELS {
        for switches in [
            json!({"thinking": {"type": "disabled"}, "reasoning_effort": "high"}),
            json!({"enable_thinking": true, "thinking": {"type": "disabled"}}),
            json!({"enable_thinking": false, "reasoning_effort": "low"}),
        ] {
            let answer = gate.post(&with(question_to(model), switches.clone())).await;
            assert_eq!(answer.status, 400, "{model}: {switches}");
        }
    }
}

#[tokio::test]
async fn what_a_provider_cannot_do_is_refused_by_name() {
    let (provider, gate) = gate_to_their_providers().await;
    let tools = json!([{"type": "function", "function": {"name": "weather"}}]);
    let image = json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]);
    for (model, members, param) in [
        (DEEPSEEK, json!({"messages": image}), "messages"),
        (
            DEEPSEEK,
            json!({"tools": tools, "tool_choice": "required", "thinking": {"type": "enabled"}}),
            "tool_choice",
        ),
    ] {
        let answer = gate.post(&with(question_to(model), members.clone())).await;

        assert_eq!(answer.status, 400, "{model}: {members}");
        let named = answer.error_param().unwrap_or_default();
        assert!(named.starts_with(param), "{model}: {members}: it names {named:?}");
    }
    assert!(provider.requests().is_empty());
}
