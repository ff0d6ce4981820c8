//! What hosts do to chat streams, one trap a test, with fixtures of our own.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    chunk::{AnswerShape, Head},
    event::{Event, EventKind, FinishReason, Wire},
    usage::Usage,
};
use tollgate_dialects::{Dialect, Fault, FaultKind, Presentation};

struct Read {
    events: Vec<Event>,
    chunks: Vec<Value>,
}

impl Read {
    fn text(&self) -> String {
        self.pieces(|kind| match kind {
            EventKind::Text { text, .. } => Some(text.clone()),
            _ => None,
        })
    }

    fn reasoning(&self) -> String {
        self.pieces(|kind| match kind {
            EventKind::Reasoning { text, .. } => Some(text.clone()),
            _ => None,
        })
    }

    fn arguments(&self, call: u32) -> String {
        self.pieces(|kind| match kind {
            EventKind::ToolCall { index, arguments, .. } if *index == call => Some(arguments.clone()),
            _ => None,
        })
    }

    fn finish(&self) -> Option<FinishReason> {
        self.events.iter().find_map(|event| match &event.kind {
            EventKind::Finish(finish) => Some(finish.reason),
            _ => None,
        })
    }

    fn usage(&self) -> Option<Usage> {
        self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Usage(usage) => Some(usage),
            _ => None,
        })
    }

    fn pieces(&self, of: impl Fn(&EventKind) -> Option<String>) -> String {
        self.events.iter().filter_map(|event| of(&event.kind)).collect()
    }
}

fn presentation() -> Presentation {
    Presentation {
        head: Head {
            id: "chatcmpl-ours".to_owned(),
            created: 7,
            model: "asked".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: false,
        estimated_prompt_tokens: 0,
    }
}

fn read_with(quirks: Quirks, include_usage: bool, chunks: &[Value]) -> Result<Read, Fault> {
    let presentation = Presentation {
        include_usage,
        ..presentation()
    };
    let mut decoder = Dialect::OpenaiChat.stream_decoder(&quirks, presentation, 1 << 16);
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.read(Bytes::from(format!("data: {chunk}\n\n")), &mut events)?;
    }
    decoder.end(&mut events)?;
    let chunks = events
        .iter()
        .filter_map(|event| match &event.wire {
            Wire::Chunk(json) => Some(serde_json::from_slice(json).unwrap()),
            Wire::Unwritten | Wire::Covered => None,
        })
        .collect();
    Ok(Read { events, chunks })
}

fn read(chunks: &[Value]) -> Read {
    read_with(Quirks::default(), false, chunks).unwrap()
}

/// A chunk as OpenAI sends it.
fn chunk(delta: Value, finish: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "upstream",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    })
}

fn stop() -> Value {
    chunk(json!({}), json!("stop"))
}

#[test]
fn a_chunk_in_our_form_changes_its_model_and_nothing_else() {
    let raw = r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"up", "choices":[{"index":0,"delta":{"role":"assistant","content":"H\u00e9"},"finish_reason":"stop","logprobs":null}],"service_tier":"default"}"#;
    let mut decoder = Dialect::OpenaiChat.stream_decoder(
        &Quirks::default(),
        Presentation {
            head: Head {
                id: String::new(),
                created: 0,
                model: "asked".to_owned(),
                system_fingerprint: None,
            },
            shape: AnswerShape::default(),
            include_usage: false,
            estimated_prompt_tokens: 0,
        },
        1 << 16,
    );
    let mut events = Vec::new();
    decoder
        .read(Bytes::from(format!("data: {raw}\n\n")), &mut events)
        .unwrap();
    let written = events.iter().find_map(|event| match &event.wire {
        Wire::Chunk(json) => Some(json.clone()),
        Wire::Unwritten | Wire::Covered => None,
    });
    assert_eq!(written.unwrap(), raw.replace("\"up\"", "\"asked\""));
}

#[test]
fn finish_and_arguments_in_one_chunk_are_both_kept() {
    let call = json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":"}});
    let rest = json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(rest, json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{\"a\":1}");
    assert_eq!(read.finish(), Some(FinishReason::ToolCalls));
}

#[test]
fn a_call_without_arguments_ends_with_an_empty_object() {
    let call =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{}");
}

#[test]
fn arguments_that_the_limit_cut_are_not_repaired() {
    let call =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [call]}), Value::Null),
        chunk(json!({}), json!("length")),
    ]);
    assert_eq!(read.arguments(0), "");
    assert_eq!(read.finish(), Some(FinishReason::Length));
}

#[test]
fn an_empty_id_on_a_later_piece_does_not_open_another_call() {
    let first =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{"}});
    let later = json!({"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": "}"}});
    let read = read(&[
        chunk(
            json!({"role": "assistant", "content": null, "tool_calls": [first]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [later]}), Value::Null),
        chunk(json!({}), json!("tool_calls")),
    ]);
    assert_eq!(read.arguments(0), "{}");
    let piece = &read.chunks[1]["choices"][0]["delta"]["tool_calls"][0];
    assert!(
        piece.get("id").is_none() && piece["function"].get("name").is_none(),
        "{piece}"
    );
}

#[test]
fn calls_that_a_host_all_numbers_zero_get_an_index_each() {
    let call = |id: &str| json!({"index": 0, "id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let read = read(&[
        chunk(
            json!({"role": "assistant", "tool_calls": [call("a")]}),
            Value::Null,
        ),
        chunk(json!({"tool_calls": [call("b")]}), json!("tool_calls")),
    ]);
    assert_eq!(read.chunks[1]["choices"][0]["delta"]["tool_calls"][0]["index"], 1);
}

#[test]
fn a_call_without_id_and_index_gets_both() {
    let call = json!({"function": {"name": "f", "arguments": {"a": 1}}});
    let read = read(&[chunk(
        json!({"role": "assistant", "tool_calls": [call]}),
        json!("stop"),
    )]);
    let call = &read.chunks[0]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(call["index"], 0);
    assert_eq!(call["type"], "function");
    assert!(call["id"].as_str().unwrap().starts_with("call_"));
    assert_eq!(
        call["function"]["arguments"], "{\"a\":1}",
        "an object becomes its text"
    );
    assert_eq!(
        read.finish(),
        Some(FinishReason::ToolCalls),
        "a stop with calls is a call"
    );
}

#[test]
fn a_role_stands_in_the_first_chunk_and_in_no_other() {
    let read = read(&[
        chunk(json!({"content": "a"}), Value::Null),
        chunk(json!({"role": "assistant", "content": "b"}), Value::Null),
        stop(),
    ]);
    assert_eq!(read.chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert!(read.chunks[1]["choices"][0]["delta"].get("role").is_none());
}

#[test]
fn reasoning_by_any_name_becomes_reasoning_content() {
    for (delta, expected) in [
        (json!({"reasoning": "hm", "content": null}), "hm"),
        (json!({"reasoning": "hm", "reasoning_content": "hm"}), "hm"),
        (json!({"reasoning_details": [{"text": "h"}, {"text": "m"}]}), "hm"),
    ] {
        let read = read(&[chunk(delta, Value::Null), stop()]);
        assert_eq!(read.reasoning(), expected);
        let delta = &read.chunks[0]["choices"][0]["delta"];
        assert_eq!(delta["reasoning_content"], expected);
        assert!(delta.get("reasoning").is_none(), "{delta}");
    }
}

#[test]
fn think_tags_across_chunks_become_reasoning_where_the_catalogue_says_so() {
    let quirks = Quirks {
        think_tags: true,
        ..Quirks::default()
    };
    let pieces = ["<thi", "nk>hm", "</th", "ink>\n\nYes"];
    let mut chunks: Vec<Value> = pieces
        .iter()
        .map(|piece| chunk(json!({"content": piece}), Value::Null))
        .collect();
    chunks.push(stop());
    let read = read_with(quirks, false, &chunks).unwrap();
    assert_eq!((read.reasoning().as_str(), read.text().as_str()), ("hm", "Yes"));
}

#[test]
fn usage_is_found_wherever_a_host_puts_it_and_never_passes_through() {
    let counts = json!({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5});
    let mut with_choice = stop();
    with_choice["usage"] = counts.clone();
    let mut in_choice = stop();
    in_choice["choices"][0]["usage"] = counts.clone();
    let mut alone = stop();
    alone["choices"] = json!([]);
    alone["usage"] = counts;
    for last in [vec![with_choice], vec![in_choice], vec![stop(), alone]] {
        let mut chunks = vec![chunk(json!({"role": "assistant", "content": "a"}), Value::Null)];
        chunks.extend(last);
        let read = read_with(Quirks::default(), true, &chunks).unwrap();
        assert_eq!(read.usage().unwrap().total(), 5);
        for chunk in &read.chunks {
            assert_eq!(chunk["usage"], Value::Null, "{chunk}");
        }
    }
}

#[test]
fn reasoning_that_a_host_leaves_out_of_the_completion_is_added() {
    let mut last = stop();
    last["usage"] = json!({
        "prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 20,
        "completion_tokens_details": {"reasoning_tokens": 6},
        "prompt_tokens_details": {"cached_tokens": 99},
    });
    let usage = read(&[chunk(json!({"content": "a"}), Value::Null), last])
        .usage()
        .unwrap();
    assert_eq!((usage.completion, usage.total(), usage.reasoning), (10, 20, 6));
    assert_eq!(
        usage.cached, 10,
        "more cached tokens than the prompt has cannot be"
    );
}

#[test]
fn chunks_without_choices_or_delta_are_passed_over() {
    let filter = json!({"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []});
    let mut no_delta = stop();
    no_delta["choices"][0] = json!({"index": 0, "content_filter_offsets": {}, "finish_reason": null});
    let read = read(&[
        filter,
        chunk(json!({"content": "a"}), Value::Null),
        no_delta,
        stop(),
    ]);
    assert_eq!(read.text(), "a");
    assert_eq!(read.chunks.len(), 2);
    assert_eq!(read.chunks[0]["id"], "chatcmpl-1", "an empty ID is none");
}

#[test]
fn a_finish_that_is_none_is_a_fault() {
    for (word, kind) in [
        ("insufficient_system_resource", FaultKind::Overloaded),
        ("network_error", FaultKind::Server),
        ("error", FaultKind::Server),
        ("MALFORMED_FUNCTION_CALL", FaultKind::Server),
        ("unexpected_tool_call", FaultKind::Server),
        ("malformed_response", FaultKind::Server),
    ] {
        let outcome = read_with(
            Quirks::default(),
            false,
            &[chunk(json!({"content": "a"}), json!(word))],
        );
        assert_eq!(outcome.err().unwrap().kind, kind);
    }
}

#[test]
fn errors_with_status_200_are_told_apart_in_a_stream_too() {
    for (event, kind) in [
        (
            json!({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}),
            FaultKind::RateLimited,
        ),
        (
            json!({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
            FaultKind::Quota,
        ),
        (
            json!({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}),
            FaultKind::RateLimited,
        ),
        (
            json!({"code": "DataInspectionFailed", "message": "inappropriate content"}),
            FaultKind::ContentFilter,
        ),
        (
            json!({"error": "Internal error", "code": "500"}),
            FaultKind::Server,
        ),
    ] {
        let outcome = read_with(Quirks::default(), false, std::slice::from_ref(&event));
        assert_eq!(outcome.err().unwrap().kind, kind, "{event}");
    }
}

#[test]
fn the_choices_of_one_answer_are_followed_apart() {
    let of = |index: u32, text: &str, finish: Value| {
        let mut chunk = chunk(json!({"role": "assistant", "content": text}), finish);
        chunk["choices"][0]["index"] = json!(index);
        chunk
    };
    let chunks = [of(0, "a", Value::Null), of(1, "b", json!("stop"))];
    let outcome = read_with(Quirks::default(), false, &chunks);
    assert_eq!(
        outcome.err().unwrap().kind,
        FaultKind::Cut,
        "choice 0 never finished"
    );
}

/// What a decoder makes of one event as it stands, with the stream's end.
fn fault_of(event: &str) -> Option<FaultKind> {
    let mut decoder = Dialect::OpenaiChat.stream_decoder(&Quirks::default(), presentation(), 1 << 16);
    let mut events = Vec::new();
    let read = decoder.read(Bytes::from(format!("data: {event}\n\n")), &mut events);
    read.err().map(|fault| fault.kind)
}

#[test]
fn content_in_text_parts_becomes_one_string() {
    let parts = json!([{"type": "text", "text": "He"}, {"type": "text", "text": "llo"}]);
    let read = read(&[chunk(json!({"content": parts}), Value::Null), stop()]);
    assert_eq!(read.text(), "Hello");
    assert_eq!(read.chunks[0]["choices"][0]["delta"]["content"], "Hello");
}

#[test]
fn what_a_chunk_says_and_nobody_can_read_is_a_fault() {
    for delta in [
        json!({"content": 5}),
        json!({"content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
        json!({"content": [{"type": "text"}]}),
        json!({"reasoning_content": ["hm"]}),
        json!({"reasoning": {"text": "hm"}}),
        json!({"refusal": 1}),
        json!({"tool_calls": {"id": "a"}}),
        json!({"tool_calls": ["a"]}),
        json!({"tool_calls": [{"id": "a", "function": "f"}]}),
    ] {
        let event = chunk(delta, Value::Null).to_string();
        assert_eq!(fault_of(&event), Some(FaultKind::Malformed), "{event}");
    }
    for event in [
        r#"{"choices":[{"index":0,"delta":{"content":"\ud83d"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"\ud83d"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"\ud83d"}}]},"finish_reason":null}]}"#,
        r#"{"choices":{"index":0,"delta":{"content":"a"}}}"#,
        r#"{"choices":"a"}"#,
    ] {
        assert_eq!(fault_of(event), Some(FaultKind::Malformed), "{event}");
    }
}

#[test]
fn a_name_that_comes_after_its_id_is_told_when_it_comes() {
    let first =
        json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "", "arguments": ""}});
    let named = json!({"index": 0, "function": {"name": "f", "arguments": "{"}});
    let again = json!({"index": 0, "function": {"name": "f", "arguments": "}"}});
    let read = read(&[
        chunk(json!({"role": "assistant", "tool_calls": [first]}), Value::Null),
        chunk(json!({"tool_calls": [named]}), Value::Null),
        chunk(json!({"tool_calls": [again]}), json!("tool_calls")),
    ]);
    let function = |chunk: usize| &read.chunks[chunk]["choices"][0]["delta"]["tool_calls"][0]["function"];
    assert!(
        function(0).get("name").is_none(),
        "an empty name would be taken for the name"
    );
    assert_eq!(function(1)["name"], "f");
    assert!(
        function(2).get("name").is_none(),
        "clients glue the pieces of a name together"
    );
    assert_eq!(read.arguments(0), "{}");
}

#[test]
fn an_unreadable_event_after_the_finish_of_every_choice_is_passed_over() {
    let mut decoder = Dialect::OpenaiChat.stream_decoder(&Quirks::default(), presentation(), 1 << 16);
    let mut events = Vec::new();
    let body = format!(
        "data: {}\n\ndata: {}\n\ndata: {{\"usa\n\ndata: bye\n\n",
        chunk(json!({"content": "a"}), Value::Null),
        stop()
    );
    decoder.read(Bytes::from(body), &mut events).unwrap();
    decoder.end(&mut events).unwrap();
    let early = format!(
        "data: {}\n\ndata: bye\n\n",
        chunk(json!({"content": "a"}), Value::Null)
    );
    let mut decoder = Dialect::OpenaiChat.stream_decoder(&Quirks::default(), presentation(), 1 << 16);
    let fault = decoder.read(Bytes::from(early), &mut events).unwrap_err();
    assert_eq!(
        fault.kind,
        FaultKind::Malformed,
        "before the finish it may have been content"
    );
}

#[test]
fn an_error_after_the_finish_is_still_an_error() {
    let error = json!({"error": {"message": "no", "code": 500}});
    let outcome = read_with(
        Quirks::default(),
        false,
        &[chunk(json!({"content": "a"}), json!("stop")), error],
    );
    assert_eq!(outcome.err().unwrap().kind, FaultKind::Server);
}

#[test]
fn a_finish_is_read_whatever_its_case_and_host() {
    for (word, expected) in [
        ("STOP", FinishReason::Stop),
        ("MAX_TOKENS", FinishReason::Length),
        ("Length", FinishReason::Length),
        ("SAFETY", FinishReason::ContentFilter),
        ("recitation", FinishReason::ContentFilter),
        ("BLOCKLIST", FinishReason::ContentFilter),
        ("prohibited_content", FinishReason::ContentFilter),
        ("SPII", FinishReason::ContentFilter),
        ("IMAGE_SAFETY", FinishReason::ContentFilter),
    ] {
        let read = read(&[chunk(json!({"content": "a"}), json!(word))]);
        assert_eq!(read.finish(), Some(expected), "{word}");
        assert_eq!(
            read.chunks[0]["choices"][0]["finish_reason"],
            expected.as_str(),
            "{word}"
        );
    }
}

#[test]
fn more_choices_than_can_be_asked_for_are_a_fault() {
    let of = |index: u32| {
        let mut chunk = chunk(json!({"content": "a"}), json!("stop"));
        chunk["choices"][0]["index"] = json!(index);
        chunk
    };
    let most: Vec<Value> = (0..128).map(of).collect();
    assert_eq!(read(&most).chunks.len(), 128);
    let beyond: Vec<Value> = (0..129).map(of).collect();
    let outcome = read_with(Quirks::default(), false, &beyond);
    assert_eq!(outcome.err().unwrap().kind, FaultKind::Malformed);
}

fn think_tags() -> Quirks {
    Quirks {
        think_tags: true,
        ..Quirks::default()
    }
}

#[test]
fn text_held_for_a_tag_is_told_even_where_the_last_chunk_has_no_delta() {
    for last in [
        json!({"index": 0, "finish_reason": "stop"}),
        json!({"index": 0, "delta": null, "finish_reason": "stop"}),
    ] {
        let mut end = stop();
        end["choices"][0] = last;
        let read = read_with(
            think_tags(),
            false,
            &[chunk(json!({"content": "<thi"}), Value::Null), end],
        )
        .unwrap();
        assert_eq!(read.text(), "<thi");
        assert_eq!(read.chunks[1]["choices"][0]["delta"], json!({"content": "<thi"}));
    }
}

#[test]
fn empty_reasoning_does_not_keep_think_tags_in_the_content() {
    for name in ["reasoning", "reasoning_content"] {
        let delta = json!({"content": "<think>hm</think>Yes", name: ""});
        let read = read_with(think_tags(), false, &[chunk(delta, Value::Null), stop()]).unwrap();
        assert_eq!(
            (read.reasoning().as_str(), read.text().as_str()),
            ("hm", "Yes"),
            "{name}"
        );
        let delta = &read.chunks[0]["choices"][0]["delta"];
        assert_eq!(
            (&delta["reasoning_content"], &delta["content"]),
            (&json!("hm"), &json!("Yes")),
            "{name}"
        );
    }
}

#[test]
fn white_space_before_a_tag_is_held_only_so_far() {
    let blank = chunk(json!({"content": " ".repeat(600)}), Value::Null);
    let read = read_with(think_tags(), false, &[blank.clone(), blank, stop()]).unwrap();
    let told = &read.chunks[1]["choices"][0];
    assert_eq!(told["finish_reason"], Value::Null, "it does not wait for the end");
    assert_eq!(told["delta"]["content"].as_str().map(str::len), Some(1_200));
}
