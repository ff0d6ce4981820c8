//! Whole answers: what hosts do to them, one trap a test.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    answer::Answer,
    assemble::Assembler,
    chunk::{AnswerShape, ChunkWriter, Head},
    event::{EventKind, Wire},
    usage::Usage,
};
use tollgate_dialects::{Fault, FaultKind, Undo};

use super::fixtures::{DIALECT, decode_answer, presentation};

fn decode(body: &Value) -> Result<Answer, Fault> {
    decode_answer(&body.to_string(), &Quirks::default())
}

/// An answer as OpenAI sends it.
fn answer(message: Value, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "upstream",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })
}

fn message(answer: &Answer) -> Value {
    let json: Value = serde_json::from_slice(&answer.json).unwrap();
    json["choices"][0]["message"].clone()
}

#[test]
fn content_in_text_parts_becomes_one_string() {
    let parts = json!([{"type": "text", "text": "He"}, {"type": "text", "text": "llo"}]);
    let answer = decode(&answer(json!({"role": "assistant", "content": parts}), "stop")).unwrap();
    assert_eq!(message(&answer)["content"], "Hello");
}

#[test]
fn ids_of_calls_are_their_own_within_a_choice() {
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let ids = |calls: Value| -> Vec<String> {
        let answer = answer(
            json!({"role": "assistant", "content": null, "tool_calls": calls}),
            "tool_calls",
        );
        let message = message(&decode(&answer).unwrap());
        let calls = message["tool_calls"].as_array().unwrap().iter();
        calls
            .map(|call| call["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(json!([call("a"), call("b")])), ["a", "b"]);
    assert_eq!(ids(json!([call("a"), call("a"), call("a")])), ["a", "a_2", "a_3"]);
    assert_eq!(
        ids(json!([call("a_2"), call("a"), call("a")])),
        ["a_2", "a", "a_3"]
    );
}

#[test]
fn what_a_message_says_and_nobody_can_read_is_a_fault() {
    for message in [
        json!({"content": 5}),
        json!({"content": {"text": "a"}}),
        json!({"content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}),
        json!({"content": [{"type": "text", "text": 5}]}),
        json!({"content": [5]}),
        json!({"content": "a", "reasoning_content": {"text": "hm"}}),
        json!({"content": "a", "reasoning": ["hm"]}),
        json!({"content": "a", "refusal": true}),
        json!({"content": null, "tool_calls": {"id": "a"}}),
        json!({"content": null, "tool_calls": ["a"]}),
        json!({"content": null, "tool_calls": [{"id": "a", "function": "f"}]}),
        json!({"content": null, "tool_calls": [{"id": "a", "function": {"name": 5, "arguments": "{}"}}]}),
    ] {
        let outcome = decode(&answer(message.clone(), "stop"));
        assert_eq!(
            outcome.err().map(|fault| fault.kind),
            Some(FaultKind::Malformed),
            "{message}"
        );
    }
    for text in [
        r#"{"choices":{"message":{"content":"a"},"finish_reason":"stop"}}"#,
        r#"{"choices":[{"message":{"content":"half of"},"finish_reason":null}]}"#,
        r#"{"choices":[{"message":{"content":"half of"},"finish_reason":""}]}"#,
    ] {
        let outcome = decode_answer(text, &Quirks::default());
        assert_eq!(
            outcome.err().map(|fault| fault.kind),
            Some(FaultKind::Malformed),
            "{text}"
        );
    }
}

#[test]
fn empty_reasoning_does_not_keep_think_tags_in_the_content() {
    let quirks = Quirks {
        think_tags: true,
        ..Quirks::default()
    };
    for name in ["reasoning", "reasoning_content"] {
        let body = answer(json!({"content": "<think>hm</think>Yes", name: ""}), "stop");
        let message = message(&decode_answer(&body.to_string(), &quirks).unwrap());
        assert_eq!(
            (&message["content"], &message["reasoning_content"]),
            (&json!("Yes"), &json!("hm")),
            "{name}"
        );
    }
}

#[test]
fn a_whole_answer_told_as_events_says_the_same_again() {
    let call =
        json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let image = json!({"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,AAAA"}});
    let mut body = answer(
        json!({
            "role": "assistant", "content": "Hi", "reasoning_content": "hm", "refusal": null,
            "tool_calls": [call], "images": [image],
        }),
        "tool_calls",
    );
    let token = json!({"token": "Hi", "logprob": -0.1, "bytes": null, "top_logprobs": []});
    body["choices"][0]["logprobs"] = json!({"content": [token], "refusal": null});
    let whole = decode(&body).unwrap();

    let told = DIALECT.decode_as_stream(
        &body.to_string().into(),
        &Quirks::default(),
        &presentation(),
        &Undo::default(),
    );
    let (events, turns) = told.unwrap();

    assert_eq!(turns, [], "this provider wants nothing back");

    assert!(events.iter().all(|event| event.wire == Wire::Unwritten));
    let EventKind::Start(start) = &events[0].kind else {
        panic!("{:?}", events[0])
    };
    assert_eq!(
        (start.id.as_deref(), start.created),
        (Some("chatcmpl-1"), Some(5))
    );
    assert_eq!(events.last().unwrap().kind, EventKind::Usage(whole.usage));
    let mut assembler = Assembler::default();
    for event in events {
        assembler.take(event.kind);
    }
    let head = Head {
        id: "chatcmpl-1".to_owned(),
        created: 5,
        ..presentation().head
    };
    let again = assembler.finish(&head, &AnswerShape::default(), Usage::default());
    let json = |answer: &Answer| serde_json::from_slice::<Value>(&answer.json).unwrap();
    assert_eq!(json(&again), json(&whole));
}

#[test]
fn an_answer_with_what_no_event_can_say_is_not_told_without_it() {
    let audio = json!({"id": "audio_1", "data": "AAAA", "transcript": "Hi", "expires_at": 9});
    let body = answer(
        json!({"role": "assistant", "content": null, "audio": audio}),
        "stop",
    );
    let outcome = DIALECT.decode_as_stream(
        &body.to_string().into(),
        &Quirks::default(),
        &presentation(),
        &Undo::default(),
    );
    assert_eq!(outcome.err().map(|fault| fault.kind), Some(FaultKind::Malformed));
}

#[test]
fn a_writer_says_the_role_of_each_choice_once() {
    let mut writer = ChunkWriter::new(presentation().head, false);
    assert!(writer.open_choice(0));
    assert!(!writer.open_choice(0));
    assert!(writer.open_choice(1));
}

#[test]
fn a_call_without_arguments_has_an_empty_object_whatever_the_host_writes() {
    for arguments in ["", " ", "null", "{}"] {
        let call =
            json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let body = answer(json!({"content": null, "tool_calls": [call]}), "tool_calls");
        let message = message(&decode(&body).unwrap());
        assert_eq!(
            message["tool_calls"][0]["function"]["arguments"], "{}",
            "{arguments:?}"
        );
    }
}

#[test]
fn arguments_that_end_as_no_object_are_a_fault_unless_the_answer_was_cut_off() {
    let called = |arguments: &str, finish: &str| {
        let call =
            json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        decode(&answer(json!({"content": null, "tool_calls": [call]}), finish))
    };
    for arguments in ["{\"ci", "[1]", "7", "{} {}", "{a:1}"] {
        for finish in ["tool_calls", "stop"] {
            let fault = called(arguments, finish).err();
            assert_eq!(
                fault.map(|fault| fault.kind),
                Some(FaultKind::Malformed),
                "{arguments} {finish}"
            );
        }
    }
    for (arguments, finish) in [
        ("{\"ci", "length"),
        ("{\"ci", "content_filter"),
        ("", "length"),
        ("", "content_filter"),
        (" {\"a\": {}} ", "tool_calls"),
        ("{\"half\":\"\\ud800\"}", "tool_calls"),
    ] {
        let message = message(&called(arguments, finish).unwrap());
        let kept = &message["tool_calls"][0]["function"]["arguments"];
        assert_eq!(kept, arguments, "{finish}");
    }
}

#[test]
fn half_a_character_is_replaced_and_the_rest_of_the_answer_stays() {
    let whole = answer(json!({"role": "assistant", "content": "HALF"}), "stop").to_string();
    for (half, shown) in [
        (r"a\ud83db", "a\u{fffd}b"),
        (r"\ude00", "\u{fffd}"),
        (r"\ud83d\ude00", "😀"),
    ] {
        let answer = decode_answer(&whole.replace("HALF", half), &Quirks::default()).unwrap();
        assert_eq!(message(&answer)["content"], shown);
    }
}
