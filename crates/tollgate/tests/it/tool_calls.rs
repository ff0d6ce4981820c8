//! Tool calls reach the client whole, however a provider has written them: with IDs, in order, with
//! arguments that are JSON.

use serde_json::{Value, json};
use tollgate_testkit::{
    grammar::ToolCall,
    provider::{chunk, says, streams_deltas, streams_events},
};

use crate::{
    answer::says_message,
    stage::{question, stage, with},
};

fn call(id: Value, name: &str, arguments: Value) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

/// The names and arguments of calls, whose IDs the grammar has found to be there and different.
fn named(calls: &[ToolCall]) -> Vec<(&str, &str)> {
    calls
        .iter()
        .map(|call| (call.name.as_str(), call.arguments.as_str()))
        .collect()
}

#[tokio::test]
async fn half_written_tool_calls_of_a_whole_answer_are_made_whole() {
    let (provider, gate) = stage(says("unused")).await;
    for (what, calls, expected) in [
        (
            "no IDs",
            json!([
                call(json!(null), "a", json!("{}")),
                call(json!(""), "b", json!("{}"))
            ]),
            vec![("a", "{}"), ("b", "{}")],
        ),
        (
            "no arguments",
            json!([call(json!("x"), "a", json!(""))]),
            vec![("a", "{}")],
        ),
        (
            "arguments that are null",
            json!([call(json!("x"), "a", json!(null))]),
            vec![("a", "{}")],
        ),
        (
            "arguments that are no text",
            json!([call(json!("x"), "a", json!({"b": 1}))]),
            vec![("a", "{\"b\":1}")],
        ),
        (
            "no type",
            json!([{"id": "x", "function": {"name": "a", "arguments": "{}"}}]),
            vec![("a", "{}")],
        ),
    ] {
        let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
        provider.always(says_message(message, "tool_calls"));

        let answer = gate.post(&question()).await;

        assert_eq!(named(answer.summary().tool_calls()), expected, "{what}");
    }
}

#[tokio::test]
async fn half_written_tool_calls_of_a_stream_are_made_whole() {
    let (provider, gate) = stage(says("unused")).await;
    let piece = |call: Value| json!({"tool_calls": [call]});
    let opens =
        |index: Value, id: &str, name: &str| with(call(json!(id), name, json!("")), json!({"index": index}));
    let goes_on =
        |index: Value, arguments: &str| json!({"index": index, "function": {"arguments": arguments}});
    for (what, deltas, expected) in [
        (
            "as OpenAI sends them",
            vec![
                piece(opens(json!(0), "x", "a")),
                piece(goes_on(json!(0), "{\"b\"")),
                piece(goes_on(json!(0), ":1}")),
                piece(opens(json!(1), "y", "c")),
                piece(goes_on(json!(1), "{}")),
            ],
            vec![("a", "{\"b\":1}"), ("c", "{}")],
        ),
        (
            "an empty ID and name in later pieces",
            vec![
                piece(opens(json!(0), "x", "a")),
                piece(
                    json!({"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": "{}"}}),
                ),
                piece(json!({"index": 0, "id": "", "function": {"arguments": ""}})),
            ],
            vec![("a", "{}")],
        ),
        (
            "everything again in later pieces",
            vec![
                piece(with(call(json!("x"), "a", json!("{\"b\"")), json!({"index": 0}))),
                piece(with(call(json!("x"), "a", json!(":1}")), json!({"index": 0}))),
            ],
            vec![("a", "{\"b\":1}")],
        ),
        (
            "no index",
            vec![
                piece(call(json!("x"), "a", json!("{}"))),
                piece(call(json!("y"), "b", json!("{}"))),
            ],
            vec![("a", "{}"), ("b", "{}")],
        ),
        (
            "index 0 for all",
            vec![
                piece(with(call(json!("x"), "a", json!("{}")), json!({"index": 0}))),
                piece(with(call(json!("y"), "b", json!("{}")), json!({"index": 0}))),
            ],
            vec![("a", "{}"), ("b", "{}")],
        ),
        (
            "an index that starts at 1",
            vec![piece(opens(json!(1), "x", "a")), piece(goes_on(json!(1), "{}"))],
            vec![("a", "{}")],
        ),
        (
            "no ID",
            vec![piece(
                json!({"index": 0, "function": {"name": "a", "arguments": "{}"}}),
            )],
            vec![("a", "{}")],
        ),
        (
            "no arguments at all",
            vec![piece(opens(json!(0), "x", "a"))],
            vec![("a", "{}")],
        ),
        (
            "several in one chunk",
            vec![json!({"tool_calls": [
                with(call(json!("x"), "a", json!("{}")), json!({"index": 0})),
                with(call(json!("y"), "b", json!("")), json!({"index": 1}))
            ]})],
            vec![("a", "{}"), ("b", "{}")],
        ),
        (
            "a null beside text",
            vec![
                json!({"content": "", "tool_calls": null}),
                piece(call(json!("x"), "a", json!("{}"))),
            ],
            vec![("a", "{}")],
        ),
    ] {
        for finish in ["tool_calls", "stop"] {
            provider.always(streams_deltas(deltas.clone(), finish));

            let answer = gate.stream(&question()).await;

            assert_eq!(named(answer.summary().tool_calls()), expected, "{what}");
            assert_eq!(
                answer.finish_reason(),
                Some("tool_calls"),
                "{what}, finish {finish}"
            );
        }
    }
}

#[tokio::test]
async fn arguments_that_come_with_the_finish_are_kept() {
    let (provider, gate) = stage(says("unused")).await;
    let last = json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]});
    provider.always(streams_events([
        chunk(json!({"role": "assistant", "tool_calls": [with(call(json!("x"), "a", json!("{\"b\":")), json!({"index": 0}))]}), None),
        chunk(last, Some("tool_calls")),
    ]));

    let answer = gate.stream(&question()).await;

    assert_eq!(named(answer.summary().tool_calls()), [("a", "{\"b\":1}")]);
}
