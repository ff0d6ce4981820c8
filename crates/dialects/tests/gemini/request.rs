//! What goes to Google beside messages and tools, one rule a test.

use serde_json::{Value, json};
use tollgate_dialects::{Context, turn_state::TurnStates};

use super::{
    fixtures::{alone, body, encode, encode_knowing, notes, sent, serving, valid},
    tools::tool,
};

fn refusal(model: &str, members: Value) -> String {
    let refused = encode(model, members).unwrap_err();
    format!("{}: {}", refused.param, refused.problem)
}

#[test]
fn the_path_names_the_model_and_the_way_of_the_answer() {
    let path = |stream: bool| {
        encode("gemini-2.5-flash", json!({ "stream": stream }))
            .unwrap()
            .path
    };
    assert_eq!(path(false), "/v1beta/models/gemini-2.5-flash:generateContent");
    assert_eq!(
        path(true),
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    );
    let mut odd = (*serving("gemini-2.5-flash")).clone();
    odd.upstream_id = "a/b?c d".into();
    let encoded = encode_knowing(&valid("gemini-2.5-flash", json!({})), &odd, &alone()).unwrap();
    assert_eq!(encoded.path, "/v1beta/models/a%2Fb%3Fc%20d:generateContent");
}

#[test]
fn limits_and_sampling_go_under_googles_names_or_are_told() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"max_completion_tokens": 100_000, "max_tokens": 5, "temperature": 2, "top_p": 0.5, "top_k": 7,
               "seed": 8_589_934_593_i64, "stop": ["a", "b"], "frequency_penalty": 1, "presence_penalty": 0,
               "logit_bias": {"1": 2}, "user": "u", "logprobs": false, "n": 3}),
    )
    .unwrap();
    assert_eq!(
        body(&encoded)["generationConfig"],
        json!({"maxOutputTokens": 65_536, "temperature": 2.0, "topP": 0.5, "topK": 7, "seed": 1,
               "stopSequences": ["a", "b"], "candidateCount": 3, "thinkingConfig": {"includeThoughts": true}})
    );
    let mut told = notes(&encoded);
    told.sort();
    assert_eq!(
        told,
        [
            "moved:max_completion_tokens",
            "moved:seed",
            "omitted:frequency_penalty",
            "omitted:logit_bias",
            "omitted:user",
        ]
    );
}

#[test]
fn choices_are_asked_for_as_the_gateway_divides_them() {
    let known = Context {
        choices: 3,
        ..alone()
    };
    let request = valid("gemini-2.5-flash", json!({"n": 11}));
    let encoded = encode_knowing(&request, &serving("gemini-2.5-flash"), &known).unwrap();
    assert_eq!(body(&encoded)["generationConfig"]["candidateCount"], 3);
    assert_eq!(
        serving("gemini-3-flash-preview").quirks.n_max,
        1,
        "it has no candidates"
    );
}

#[test]
fn models_that_draw_are_asked_for_text_and_images() {
    let sent = sent("gemini-3-pro-image-preview", json!({"temperature": 0.5}));
    assert_eq!(
        sent["generationConfig"]["responseModalities"],
        json!(["TEXT", "IMAGE"])
    );
    assert_eq!(sent["generationConfig"]["temperature"], 0.5);
    assert!(refusal("gemini-3-pro-image-preview", json!({"tools": [tool("f")]})).starts_with("tools: "));
}

#[test]
fn what_has_no_counterpart_and_changes_the_answer_is_refused_by_its_name() {
    for (members, param) in [
        (json!({"logprobs": true}), "logprobs"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
    ] {
        let refused = refusal("gemini-2.5-flash", members);
        assert!(refused.starts_with(&format!("{param}: ")), "{refused}");
    }
    let no_effect = encode(
        "gemini-2.5-flash",
        json!({"modalities": ["text"], "functions": [], "tools": [], "stop": [], "logprobs": false, "logit_bias": {}}),
    )
    .unwrap();
    assert_eq!(notes(&no_effect), Vec::<String>::new());
}

#[test]
fn a_request_is_the_same_whatever_was_kept_for_other_turns() {
    let request = valid("gemini-2.5-flash", json!({}));
    let known = Context {
        states: &TurnStates::new(),
        ..alone()
    };
    let once = encode_knowing(&request, &serving("gemini-2.5-flash"), &known).unwrap();
    let twice = encode_knowing(&request, &serving("gemini-2.5-flash"), &known).unwrap();
    assert_eq!(once.body, twice.body);
}

#[test]
fn messages_of_the_kind_before_tools_are_refused_by_their_place() {
    let user = json!({"role": "user", "content": "Hi"});
    let call = json!({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}});
    let result = json!({"role": "function", "name": "f", "content": "1"});
    for (messages, param) in [
        (json!([user, call, result]), "messages[1].function_call"),
        (json!([user, result]), "messages[1].role"),
    ] {
        let refused = refusal("gemini-2.5-flash", json!({ "messages": messages }));
        assert!(refused.starts_with(&format!("{param}: ")), "{refused}");
        assert!(refused.contains("`tools`"), "{refused}");
    }
}
