//! What the gate does to answers of hosts that lack something, streamed and whole.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::{Quirks, ReasoningHistory};
use tollgate_chat::{
    chunk::ChunkWriter,
    event::{Event, EventKind, Finish, FinishReason, Wire},
};
use tollgate_dialects::{
    Decoded, Fault, FaultKind, Missing, ProviderRequest, Undo,
    turn_state::{KeptTurn, TurnKey},
};

use super::{
    fixtures::{DIALECT, encode_with, presentation},
    streamed::{chunk, stop},
};
use crate::harness;

fn undo(quirks: &Quirks, members: Value) -> Undo {
    let request: ProviderRequest = encode_with(quirks.clone(), "gpt-4o", members).unwrap();
    request.undo
}

fn stream(quirks: &Quirks, undo: &Undo, chunks: &[Value]) -> (Vec<Event>, Result<Vec<KeptTurn>, Fault>) {
    let decoder = harness::stream_decoder(DIALECT, quirks, undo.clone());
    let pieces = chunks
        .iter()
        .map(|chunk| Bytes::from(format!("data: {chunk}\n\n")));
    let streamed = harness::decode_stream(decoder, pieces);
    (streamed.events, streamed.end.map(|()| streamed.turns))
}

fn whole(quirks: &Quirks, undo: &Undo, message: Value, finish: &str) -> Result<Decoded, Fault> {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "upstream",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    });
    harness::decode_answer(DIALECT, quirks, undo, &body.to_string().into())
}

fn choice(decoded: &Decoded) -> Value {
    harness::shown(&decoded.answer)["choices"][0].take()
}

fn text(events: &[Event]) -> String {
    let texts = events.iter().filter_map(|event| match &event.kind {
        EventKind::Text { text, .. } => Some(&**text),
        _ => None,
    });
    texts.collect()
}

fn finish(events: &[Event]) -> Option<&Finish> {
    events.iter().find_map(|event| match &event.kind {
        EventKind::Finish(finish) => Some(finish),
        _ => None,
    })
}

fn no_stop() -> Quirks {
    Quirks {
        stop_max: 0,
        ..Quirks::default()
    }
}

fn no_formats() -> Quirks {
    Quirks {
        response_formats: vec![],
        ..Quirks::default()
    }
}

fn person() -> Value {
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    json!({"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}})
}

#[test]
fn a_stop_text_cuts_a_stream_and_a_whole_answer_alike() {
    let undo = undo(&no_stop(), json!({"stop": "END"}));
    let pieces = ["one E", "N", "D two"].map(|piece| chunk(json!({"content": piece}), Value::Null));
    let (events, turns) = stream(&no_stop(), &undo, &[&pieces[..], &[stop()]].concat());
    assert!(turns.is_ok());
    assert_eq!(text(&events), "one ");
    let expected = Finish {
        choice: 0,
        reason: FinishReason::Stop,
        matched_stop: Some("END".to_owned()),
        provider_reason: None,
    };
    assert_eq!(finish(&events), Some(&expected));
    let decoded = whole(&no_stop(), &undo, json!({"content": "one END two"}), "length").unwrap();
    let choice = choice(&decoded);
    assert_eq!(
        (
            &choice["message"]["content"],
            &choice["finish_reason"],
            &choice["matched_stop"]
        ),
        (&json!("one "), &json!("stop"), &json!("END"))
    );
    assert_eq!(
        decoded.answer.usage.completion, 2,
        "what the provider counted is charged"
    );
}

#[test]
fn no_chunk_of_the_providers_own_passes_while_something_is_emulated() {
    let undo = undo(&no_stop(), json!({"stop": "END"}));
    let (events, _) = stream(
        &no_stop(),
        &undo,
        &[chunk(json!({"content": "END"}), Value::Null), stop()],
    );
    assert!(
        events.iter().all(|event| event.wire == Wire::Unwritten),
        "{events:?}"
    );
    let mut writer = ChunkWriter::new(presentation().head, false);
    let chunks: Vec<String> = events
        .iter()
        .filter_map(|event| writer.write(&event.kind))
        .collect();
    assert!(
        !chunks.is_empty() && !chunks.concat().contains("\"content\""),
        "{chunks:?}"
    );
}

#[test]
fn the_arguments_of_the_content_tool_are_the_content() {
    let undo = undo(&no_formats(), person());
    let call = |arguments: &str| json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "person", "arguments": arguments}}]);
    let later = json!([{"index": 0, "function": {"arguments": "\"Ada\"}"}}]);
    let (events, turns) = stream(
        &no_formats(),
        &undo,
        &[
            chunk(
                json!({"role": "assistant", "tool_calls": call("{\"name\":")}),
                Value::Null,
            ),
            chunk(json!({"tool_calls": later}), json!("tool_calls")),
        ],
    );
    assert!(turns.is_ok());
    assert_eq!(text(&events), "{\"name\":\"Ada\"}");
    assert_eq!(finish(&events).unwrap().reason, FinishReason::Stop);
    let message = json!({"content": null, "tool_calls": call("{\"name\":\"Ada\"}")});
    let choice = choice(&whole(&no_formats(), &undo, message, "tool_calls").unwrap());
    assert_eq!(choice["message"]["content"], "{\"name\":\"Ada\"}");
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"].get("tool_calls").is_none());
}

#[test]
fn an_answer_that_breaks_its_schema_is_a_fault_before_or_after_its_words() {
    let undo = undo(&no_formats(), person());
    let wrong = "{\"name\":1}";
    let fault = whole(&no_formats(), &undo, json!({"content": wrong}), "stop").unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotAsAsked(Missing::Schema));
    assert!(
        !fault.message.contains("name"),
        "an answer's words do not belong into a log"
    );
    let quirks = Quirks {
        tools: false,
        ..no_formats()
    };
    let in_words = self::undo(&quirks, person());
    let (events, turns) = stream(
        &quirks,
        &in_words,
        &[chunk(json!({"content": wrong}), Value::Null), stop()],
    );
    assert_eq!(text(&events), wrong, "a stream has shown it already");
    assert_eq!(turns.unwrap_err().kind, FaultKind::NotAsAsked(Missing::Schema));
    assert_eq!(finish(&events), None, "and does not end as if all were well");
}

#[test]
fn thoughts_are_kept_under_the_call_that_followed_them() {
    for history in [ReasoningHistory::Require, ReasoningHistory::Details] {
        let quirks = Quirks {
            reasoning_history: history,
            ..Quirks::default()
        };
        let call = json!([{"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        let chunks = [
            chunk(
                json!({"role": "assistant", "reasoning_details": [{"text": "h"}]}),
                Value::Null,
            ),
            chunk(json!({"reasoning_details": [{"text": "m"}]}), Value::Null),
            chunk(json!({"tool_calls": call}), json!("tool_calls")),
        ];
        let (_, turns) = stream(&quirks, &Undo::default(), &chunks);
        let message = json!({"content": null, "reasoning_content": "hm", "tool_calls": call});
        let whole = whole(&quirks, &Undo::default(), message, "tool_calls").unwrap();
        for turns in [turns.unwrap(), whole.turns] {
            assert_eq!(turns.len(), 1, "{history:?}");
            assert_eq!(turns[0].keys[0].0, TurnKey::Call("call_1".to_owned()));
            assert_eq!(&*turns[0].state.pieces[0].json, r#"{"reasoning_content":"hm"}"#);
        }
    }
}

#[test]
fn a_call_of_another_tool_than_the_named_one_is_no_answer() {
    let kimi = Quirks {
        named_tool_binds: false,
        ..Quirks::default()
    };
    let named = json!({
        "tools": [
            {"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    });
    let undo = undo(&kimi, named);
    let calling = |name: &str| {
        let function = json!({"name": name, "arguments": "{}"});
        json!({"role": "assistant", "content": null,
               "tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
    };
    for (name, is_it) in [("f", true), ("g", false)] {
        let (_, turns) = stream(&kimi, &undo, &[chunk(calling(name), json!("tool_calls"))]);
        let whole = whole(&kimi, &undo, calling(name), "tool_calls");
        for fault in [turns.map(drop).err(), whole.map(drop).err()] {
            let expected = (!is_it).then_some(FaultKind::NotAsAsked(Missing::Call));
            assert_eq!(fault.map(|fault| fault.kind), expected, "{name}");
        }
    }
}

#[test]
fn a_stop_text_behind_a_call_ends_a_stream_that_breaks_where_the_call_is_whole() {
    let undo = undo(
        &no_stop(),
        json!({"stop": ["END"], "tools": [{"type": "function", "function": {"name": "f"}}]}),
    );
    let call = |arguments: &str| {
        json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
            "function": {"name": "f", "arguments": arguments}}]})
    };
    let broken = |arguments: &str| {
        let chunks = [
            chunk(call(arguments), Value::Null),
            chunk(json!({"content": "so END of"}), Value::Null),
        ];
        stream(&no_stop(), &undo, &chunks)
    };

    let (events, end) = broken("{}");
    assert!(end.is_ok(), "{end:?}");
    let finish = finish(&events).unwrap();
    assert_eq!(finish.reason, FinishReason::ToolCalls);
    assert_eq!(finish.matched_stop.as_deref(), Some("END"));

    for half in ["", "{\"a\":"] {
        let (_, end) = broken(half);
        assert_eq!(
            end.unwrap_err().kind,
            FaultKind::Cut,
            "nobody can run half a call"
        );
    }
}

#[test]
fn a_stream_that_breaks_before_its_stop_text_is_none() {
    let undo = undo(&no_stop(), json!({"stop": ["END"]}));
    let (_, end) = stream(
        &no_stop(),
        &undo,
        &[chunk(json!({"content": "so EN"}), Value::Null)],
    );
    assert_eq!(end.unwrap_err().kind, FaultKind::Cut);
}
