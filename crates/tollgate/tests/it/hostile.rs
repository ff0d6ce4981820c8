//! No input gives a 500 or ends a connection without an answer.

use std::cell::Cell;

use proptest::{
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, says},
    schema,
};

use crate::{
    pages::{MODELS, examples},
    stage::{setup, with},
};

const CASES: u32 = 400;

/// Values that parsers and checks have stumbled over.
fn odd_value() -> impl Strategy<Value = String> {
    let fixed = [
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        "0",
        "-0",
        "-1",
        "1.5",
        "1e400",
        "-1e-400",
        "9223372036854775808",
        "18446744073709551616",
        "1E2",
        "\"\\u0000\"",
        "\"\\ud83d\"",
        "\"\\ud83d\\ude00\"",
        "[null]",
        "[[]]",
        "[{}]",
        "{\"\":null}",
        "{\"type\":null}",
        "{\"type\":\"text\",\"type\":\"text\"}",
        "\"data:image/png;base64,====\"",
        "\"http://[::1\"",
        "\"auto\"",
        "\"none\"",
        "[\"\"]",
        "{\"include_usage\":null}",
        "nul",
        "'x'",
        "1.",
        "+1",
        "NaN",
    ];
    prop_oneof![
        4 => select(fixed.map(str::to_owned).to_vec()),
        1 => "\\PC{0,12}".prop_map(|text| Value::from(text).to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => (1_usize..400).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
    ]
}

/// Requests that start from a proper one and go wrong.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let mut proper: Vec<Value> = examples().into_iter().map(|example| example.request).collect();
    proper.push(with(
        proper[0].clone(),
        json!({"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "x"}
        ]}),
    ));
    let proper = select(proper);
    let replaced = (proper.clone(), any::<Index>(), odd_value()).prop_map(|(request, place, value)| {
        replace_a_value(&request.to_string(), place, &value).into_bytes()
    });
    let with_more = (proper.clone(), member_name(), odd_value())
        .prop_map(|(request, name, value)| add_member(&request.to_string(), &name, &value).into_bytes());
    let damaged =
        (proper, prop::collection::vec((any::<Index>(), any::<u8>()), 1..6)).prop_map(|(request, bytes)| {
            let mut text = request.to_string().into_bytes();
            for (place, byte) in bytes {
                let place = place.index(text.len());
                text[place] = byte;
            }
            text
        });
    let shortened = damaged.clone().prop_flat_map(|text| {
        let length = text.len();
        (Just(text), 0..length).prop_map(|(mut text, end)| {
            text.truncate(end);
            text
        })
    });
    prop_oneof![
        4 => replaced,
        4 => with_more,
        2 => damaged,
        1 => shortened,
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn member_name() -> impl Strategy<Value = String> {
    let known = [
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "stream",
        "stream_options",
        "stop",
        "n",
        "seed",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "reasoning_effort",
        "thinking",
        "enable_thinking",
        "thinking_budget",
        "user",
        "user_id",
        "metadata",
        "modalities",
        "audio",
        "prediction",
        "unknown",
    ];
    prop_oneof![
        9 => select(known.map(str::to_owned).to_vec()),
        1 => "\\PC{0,6}",
    ]
}

/// The text with one of its values replaced: whatever stands after a colon, a comma or a bracket.
fn replace_a_value(text: &str, place: Index, value: &str) -> String {
    let starts: Vec<usize> = text
        .char_indices()
        .filter(|(_, c)| matches!(c, ':' | ',' | '['))
        .map(|(at, _)| at + 1)
        .collect();
    let start = starts[place.index(starts.len())];
    let mut values =
        serde_json::Deserializer::from_str(&text[start..]).into_iter::<&serde_json::value::RawValue>();
    let end = match values.next() {
        Some(Ok(_)) => start + values.byte_offset(),
        _ => start,
    };
    format!("{}{value}{}", &text[..start], &text[end..])
}

/// The text with one more member at its end, in place of one of that name.
fn add_member(text: &str, name: &str, value: &str) -> String {
    let mut request: Value = serde_json::from_str(text).unwrap();
    request.as_object_mut().unwrap().remove(name);
    let text = request.to_string();
    format!("{},{}:{value}}}", &text[..text.len() - 1], Value::from(name))
}

#[test]
fn whatever_is_sent_is_answered_and_never_with_a_500() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_provider, gate) = runtime.block_on(async {
        let provider = FakeProvider::start_with(says("Hello")).await;
        let gate = setup()
            .channel(Channel::to(&provider).models(MODELS))
            .start()
            .await;
        (provider, gate)
    });
    let config = Config {
        cases: CASES,
        // A found case becomes a test of its own; files beside the sources would hide it.
        failure_persistence: None,
        ..Config::default()
    };
    let (answered, refused) = (Cell::new(0), Cell::new(0));

    let outcome = TestRunner::new(config).run(&bodies(), |body| {
        let answer = runtime.block_on(post_bytes(&gate, &body));
        let (status, text) =
            answer.ok_or_else(|| TestCaseError::fail("the connection ended without an answer"))?;
        match status {
            200 => answered.set(answered.get() + 1),
            400 | 404 => {
                refused.set(refused.get() + 1);
                let error: Value = serde_json::from_str(&text).map_err(|error| {
                    TestCaseError::fail(format!("{status} without an error object: {error}: {text}"))
                })?;
                prop_assert_eq!(schema::check_error(&error), vec![]);
            }
            other => return Err(TestCaseError::fail(format!("{other}: {text}"))),
        }
        Ok(())
    });

    if let Err(error) = outcome {
        panic!("{error}\n{}", gate.logs());
    }
    assert!(
        answered.get() > 20 && refused.get() > 100,
        "{} and {}",
        answered.get(),
        refused.get()
    );
}

/// Posts bytes that need not be text. `None` where no whole head and body come back.
async fn post_bytes(gate: &tollgate_testkit::gate::Gate, body: &[u8]) -> Option<(u16, String)> {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        gate.key(),
        body.len()
    );
    let mut raw = gate.raw().await;
    raw.write(head.as_bytes()).await;
    raw.write(body).await;
    let answer = raw.read_to_end().await;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
