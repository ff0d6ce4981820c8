//! What a model says of its work before its answer, where the answer has to be JSON.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_dialects::{Decoded, Undo};

use super::fixtures::{DIALECT, assembled, body, encode, encode_knowing, serving, shown, stream_of, valid};
use crate::harness;

const MODEL: &str = "gpt-5-3-codex";
const ANSWER: &str = "{\"sky\":\"blue\"}";

fn message(id: &str, phase: &str, text: &str) -> Value {
    json!({
        "type": "message", "id": id, "role": "assistant", "phase": phase, "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}],
    })
}

fn output() -> Vec<Value> {
    vec![
        json!({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "The sky."}],
            "encrypted_content": "sealed"}),
        message("msg_1", "commentary", "Let me look."),
        message("msg_2", "final_answer", ANSWER),
    ]
}

fn whole() -> Bytes {
    let response = json!({"id": "resp_1", "status": "completed", "output": output()});
    Bytes::from(response.to_string())
}

fn streamed() -> Bytes {
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_1"}})];
    for (at, item) in output().into_iter().enumerate() {
        let mut announced = item.clone();
        announced["content"] = json!([]);
        let text = item["content"][0]["text"].as_str().unwrap_or_default();
        events.push(json!({"type": "response.output_item.added", "output_index": at, "item": announced}));
        events.extend(text.split_inclusive(' ').map(|delta| {
            json!({"type": "response.output_text.delta", "output_index": at, "content_index": 0, "delta": delta})
        }));
        events.push(json!({"type": "response.output_item.done", "output_index": at, "item": item}));
    }
    let response = json!({"id": "resp_1", "status": "completed", "output": output()});
    events.push(json!({"type": "response.completed", "response": response}));
    stream_of(&events)
}

fn undo(members: Value) -> Undo {
    encode(MODEL, members).unwrap().undo
}

fn read(undo: &Undo) -> Decoded {
    harness::decode_answer(DIALECT, &Quirks::default(), undo, &whole()).unwrap()
}

fn formats() -> [Value; 2] {
    let schema = json!({"type": "object", "properties": {"sky": {"type": "string"}}, "required": ["sky"],
        "additionalProperties": false});
    [
        json!({"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "JSON!"}]}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema}}}),
    ]
}

#[test]
fn it_stands_among_the_thoughts_where_the_content_has_to_be_json() {
    for format in formats() {
        let undo = undo(format);
        let whole = shown(&read(&undo).answer)["choices"][0]["message"].take();
        assert_eq!(
            whole["content"], ANSWER,
            "whoever parses it must not meet a word before it"
        );
        assert_eq!(whole["reasoning_content"], "The sky.\n\nLet me look.");
        let decoder = harness::stream_decoder(DIALECT, &Quirks::default(), undo);
        let streamed = harness::decode_stream(decoder, [streamed()]);
        assert_eq!(streamed.end, Ok(()));
        let streamed = assembled(streamed.kinds())["choices"][0]["message"].take();
        assert_eq!(streamed, whole);
    }
}

#[test]
fn it_is_content_where_that_may_be_anything() {
    let whole = shown(&read(&undo(json!({}))).answer)["choices"][0]["message"].take();
    assert_eq!(whole["content"], format!("Let me look.\n\n{ANSWER}"));
    assert_eq!(whole["reasoning_content"], "The sky.");
}

#[test]
fn it_goes_back_where_it_was() {
    let [_, format] = formats();
    let turns = read(&undo(format.clone())).turns;
    let mut members = format;
    members["messages"] = json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": ANSWER},
        {"role": "user", "content": "And the sea?"},
    ]);
    let request = encode_knowing(
        &serving(MODEL),
        &valid(MODEL, members),
        &turns,
        &Default::default(),
    )
    .unwrap();
    let input = body(&request)["input"].take();
    let ids: Vec<&str> = input
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["id"].as_str())
        .collect();
    assert_eq!(ids, ["rs_1", "msg_1", "msg_2"], "{input:#}");
    assert_eq!(input[2], output()[1]);
    assert_eq!(input[3]["content"][0]["text"], ANSWER);
}
