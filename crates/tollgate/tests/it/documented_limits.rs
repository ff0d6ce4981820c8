//! Each documented limit holds: what is just inside is answered, what is just outside is a 400 that names
//! the parameter.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    contract::gate_to_all,
    pages::{DEEPSEEK, DOUBAO, GEMINI, GENERAL, MODELS, QWEN},
    stage::{question_to, with},
};

/// One limit: a parameter with values just inside and just outside of it.
struct Limit {
    param: &'static str,
    inside: Vec<Value>,
    outside: Vec<Value>,
}

fn limit(param: &'static str, inside: Value, outside: Value) -> Limit {
    let list = |values: Value| values.as_array().unwrap().clone();
    Limit {
        param,
        inside: list(inside),
        outside: list(outside),
    }
}

fn stops(count: usize) -> Value {
    (0..count).map(|number| format!("stop {number}")).collect()
}

/// Limits that all five pages state alike.
fn common_limits() -> Vec<Limit> {
    vec![
        limit("temperature", json!([0, 2, 1.5]), json!([-0.01, 2.01, "1", true])),
        limit("top_p", json!([0, 1, 1.0]), json!([-0.01, 1.01, "0.5"])),
        limit("frequency_penalty", json!([-2, 2]), json!([-2.01, 2.01, "0"])),
        limit("presence_penalty", json!([-2, 2]), json!([-2.01, 2.01, []])),
        limit("stream", json!([false]), json!(["true", 1])),
        limit(
            "messages",
            json!([[{"role": "user", "content": ""}]]),
            json!([[], {}, "Hello!"]),
        ),
        limit("model", json!([]), json!(["", 7, [QWEN]])),
        // Not on every page; its shape is the same wherever it is taken.
        limit("n", json!([1, 128]), json!([0, 129, 1.5, "1"])),
        limit("enable_thinking", json!([true, false]), json!(["true", 0])),
        limit(
            "thinking",
            json!([{}, {"type": "enabled"}]),
            json!([true, "enabled"]),
        ),
        limit("user", json!(["", "me"]), json!([7])),
        limit(
            "response_format",
            json!([{"type": "text"}, {"type": "json_object"}]),
            json!(["json_object", []]),
        ),
        limit("tools", json!([[]]), json!([{}, "weather"])),
        limit("tool_choice", json!(["none", "auto"]), json!(["any", 7])),
    ]
}

fn own_limits(model: &str) -> Vec<Limit> {
    match model {
        QWEN => vec![
            limit(
                "max_completion_tokens",
                json!([1, 65536]),
                json!([0, 65537, 1.5, "1"]),
            ),
            limit("max_tokens", json!([1, 65536]), json!([0, 65537])),
            limit(
                "stop",
                json!([["x"], stops(16), []]),
                json!(["x", stops(17), [7], [""]]),
            ),
        ],
        DEEPSEEK => vec![
            limit("max_tokens", json!([1, 1_000_000]), json!([0, -1, 1.5])),
            limit(
                "stop",
                json!(["x", ["x"], stops(16)]),
                json!([stops(17), 7, [null]]),
            ),
            limit(
                "user_id",
                json!(["a", "a".repeat(512), "A-Z_09"]),
                json!(["", "a".repeat(513), "a b", "ä", 7]),
            ),
        ],
        DOUBAO => vec![
            limit("max_tokens", json!([1, 8192]), json!([0, 8193])),
            limit("max_completion_tokens", json!([1, 8192]), json!([0, 8193])),
            limit("stop", json!(["x", stops(16)]), json!([stops(17)])),
        ],
        GEMINI => vec![
            limit("max_tokens", json!([1, 1_000_000]), json!([0])),
            limit("stop", json!(["x", stops(16)]), json!([stops(17)])),
        ],
        GENERAL => vec![
            limit("max_tokens", json!([1, 1_000_000]), json!([0, -1, "1", 0.5])),
            limit("stop", json!(["x", stops(4), []]), json!([stops(5), {}])),
        ],
        other => panic!("{other} has no page"),
    }
}

#[tokio::test]
async fn every_documented_limit_holds_just_inside_and_just_outside() {
    let (_provider, gate) = gate_to_all().await;
    for model in MODELS {
        let question = question_to(model);
        let own = own_limits(model);
        let stated: BTreeSet<&str> = own.iter().map(|limit| limit.param).collect();
        let common = common_limits();
        let common = common.iter().filter(|limit| !stated.contains(limit.param));
        for Limit {
            param,
            inside,
            outside,
        } in own.iter().chain(common)
        {
            for value in inside {
                let answer = gate.post(&with(question.clone(), json!({*param: value}))).await;
                assert_eq!(answer.status, 200, "{model}: {param} = {value}: {answer:?}");
            }
            for value in outside {
                let answer = gate.post(&with(question.clone(), json!({*param: value}))).await;
                assert_eq!(answer.status, 400, "{model}: {param} = {value}");
                let named = answer.error_param().unwrap_or_default();
                assert!(
                    named.starts_with(param),
                    "{model}: {param} = {value}: it names {named:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn stream_options_need_a_stream_where_the_page_says_so() {
    let (_provider, gate) = gate_to_all().await;
    let options = json!({"stream_options": {"include_usage": true}});

    let refused = gate.post(&with(question_to(DEEPSEEK), options.clone())).await;
    let taken = gate.post(&with(question_to(GENERAL), options.clone())).await;
    let streamed = gate.stream(&with(question_to(DEEPSEEK), options)).await;

    assert_eq!(
        (refused.status, refused.error_param().as_deref()),
        (400, Some("stream_options"))
    );
    assert_eq!(taken.status, 200);
    assert!(streamed.summary().usage.is_some());
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let (_provider, gate) = gate_to_all().await;
    let wrong = json!({"temperature": 3, "top_p": 2, "n": 0, "stop": stops(5), "user": 1, "stream": "yes"});

    let answer = gate.post(&with(question_to(GENERAL), wrong)).await;

    assert_eq!(answer.status, 400);
    let message = answer.error_message().unwrap();
    let param = answer.error_param().unwrap();
    assert!(message.contains(&param), "{message}");
    let told = ["temperature", "top_p", "`n`", "stop", "user", "stream"]
        .iter()
        .filter(|name| message.contains(*name))
        .count();
    assert!(
        (5..=6).contains(&told),
        "five of six, and how many more: {message}"
    );
}
