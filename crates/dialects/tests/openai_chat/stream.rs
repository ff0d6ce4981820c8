//! What hosts do to chat streams, one trap a test, with fixtures of our own.

use std::num::NonZeroU32;

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, FinishReason, Start, Wire};
use tollgate_dialects::{FaultKind, Undo};

use super::{
    fixtures::{DIALECT, chunks as chunks_of, presentation, stream_decoder},
    streamed::{chunk, fault_of, read, read_with, stop},
};
use crate::harness::EVENT_LIMIT;

#[test]
fn a_chunk_in_our_form_changes_its_model_and_nothing_else() {
    let said = r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"up", "choices":[{"index":0,"delta":{"role":"assistant","content":"H\u00e9"},"finish_reason":null,"logprobs":null}],"service_tier":"default"}"#;
    let ended = r#"{"id":"c","object":"chat.completion.chunk","created":5,"model":"up", "choices":[{"index":0,"delta":{},"finish_reason":"stop","logprobs":null}],"service_tier":"default"}"#;
    let mut decoder = stream_decoder();
    let mut events = Vec::new();
    for raw in [said, ended] {
        let event = Bytes::from(format!("data: {raw}\n\n"));
        decoder.read(event, &mut events).unwrap();
    }
    decoder.end(&mut events).unwrap();
    let written: Vec<String> = events
        .iter()
        .filter_map(|event| match &event.wire {
            Wire::Chunk(json) => Some(String::from_utf8(json.to_vec()).unwrap()),
            Wire::Unwritten | Wire::Covered => None,
        })
        .collect();
    assert_eq!(
        written,
        [said, ended].map(|raw| raw.replace("\"up\"", "\"asked\""))
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
fn thoughts_that_only_the_total_shows_are_added() {
    // Prompt, completion, total and what else is told; the completion and the thoughts that come of it.
    let details = |details: Value| json!({"completion_tokens_details": details});
    for (counts, also, wanted) in [
        // As Gemini's chat completions count.
        ((35, 12, 109), json!({}), (74, 62)),
        ((35, 12, 109), details(json!({"reasoning_tokens": 0})), (74, 62)),
        ((35, 12, 47), json!({}), (12, 0)),
        // Less than what was counted is not believed.
        ((35, 12, 40), json!({}), (12, 0)),
        // What is told to be thoughts is all of them.
        ((35, 12, 109), details(json!({"reasoning_tokens": 5})), (12, 5)),
        // Tokens read from a cache are no thoughts.
        (
            (35, 12, 109),
            json!({"prompt_tokens_details": {"cached_tokens": 62}}),
            (12, 0),
        ),
        // Nor are those that were written to it, nor both together.
        (
            (35, 12, 109),
            json!({"prompt_tokens_details": {"cached_tokens": 0, "cache_creation_tokens": 62}}),
            (12, 0),
        ),
        (
            (35, 12, 109),
            json!({"prompt_tokens_details": {"cached_tokens": 22, "cache_creation_tokens": 40}}),
            (12, 0),
        ),
        (
            (35, 12, 109),
            json!({"prompt_tokens_details": {"audio_tokens": 62}}),
            (12, 0),
        ),
    ] {
        let (prompt, completion, total) = counts;
        let mut last = stop();
        last["usage"] =
            json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total});
        for (name, value) in also.as_object().unwrap() {
            last["usage"][name] = value.clone();
        }

        let usage = read(&[chunk(json!({"content": "a"}), Value::Null), last.clone()])
            .usage()
            .unwrap();

        assert_eq!((usage.completion, usage.reasoning), wanted, "{}", last["usage"]);
    }
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

/// A chunk of the choice with that number.
fn numbered(index: u32, text: &str, finish: Value) -> Value {
    let mut chunk = chunk(json!({"role": "assistant", "content": text}), finish);
    chunk["choices"][0]["index"] = json!(index);
    chunk
}

#[test]
fn the_one_choice_that_was_asked_for_is_number_0() {
    let decode = |chunks: &[Value]| {
        let undo = Undo {
            choices: NonZeroU32::new(1),
            ..Undo::default()
        };
        let mut decoder = DIALECT.stream_decoder(&Quirks::default(), presentation(), undo, EVENT_LIMIT);
        let mut events = Vec::new();
        for chunk in chunks {
            decoder.read(Bytes::from(format!("data: {chunk}\n\n")), &mut events)?;
        }
        decoder.end(&mut events).map(|()| chunks_of(&events))
    };
    let read = decode(&[numbered(1, "a", Value::Null), numbered(1, "", json!("stop"))]).unwrap();
    assert_eq!(read.len(), 2);
    for chunk in &read {
        assert_eq!(chunk["choices"][0]["index"], 0, "{chunk}");
    }
    let second = [numbered(0, "a", Value::Null), numbered(1, "b", Value::Null)];
    assert_eq!(decode(&second).unwrap_err().kind, FaultKind::Malformed);
}

#[test]
fn two_choices_of_a_chunk_with_the_same_number_are_a_fault() {
    let mut both = numbered(0, "a", Value::Null);
    both["choices"] = json!([both["choices"][0], numbered(0, "b", Value::Null)["choices"][0]]);
    assert_eq!(fault_of(&both.to_string()), Some(FaultKind::Malformed));
}

#[test]
fn content_in_text_parts_becomes_one_string() {
    let parts = json!([{"type": "text", "text": "He"}, {"type": "text", "text": "llo"}]);
    let read = read(&[chunk(json!({"content": parts}), Value::Null), stop()]);
    assert_eq!(read.text(), "Hello");
    assert_eq!(read.chunks[0]["choices"][0]["delta"]["content"], "Hello");
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
        let first = chunk(json!({"role": "assistant", "content": "a"}), Value::Null);
        let read = read(&[first, chunk(json!({}), json!(word))]);
        assert_eq!(read.finish(), Some(expected), "{word}");
        assert_eq!(
            read.chunks[1]["choices"][0]["finish_reason"],
            expected.as_str(),
            "{word}"
        );
    }
}

#[test]
fn log_probabilities_and_images_are_told_beside_the_text() {
    let token = json!({"token": "a", "logprob": -0.5, "bytes": null, "top_logprobs": []});
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let mut with_logprobs = chunk(json!({"content": "a"}), Value::Null);
    with_logprobs["choices"][0]["logprobs"] = json!({"content": [token]});
    let read = read(&[
        with_logprobs,
        chunk(json!({"images": [image]}), Value::Null),
        stop(),
    ]);
    assert_eq!(
        read.chunks[0]["choices"][0]["logprobs"],
        json!({"content": [token], "refusal": null})
    );
    let told: Vec<&EventKind> = read.events.iter().map(|event| &event.kind).collect();
    let logprobs = EventKind::Logprobs {
        choice: 0,
        json: json!([token]).to_string(),
    };
    let drawn = EventKind::Image {
        choice: 0,
        url: "data:image/png;base64,AAAA".to_owned(),
    };
    assert!(told.contains(&&logprobs) && told.contains(&&drawn), "{told:?}");
    assert_eq!(
        read.chunks.len(),
        3,
        "what is told in an event of its own has no chunk of its own"
    );
}

/// The texts of a stream whose chunks have deltas as they stand here, and what its chunks say of a member.
fn with_deltas(deltas: &[&str], member: &str) -> (String, String) {
    let mut decoder = stream_decoder();
    let mut events = Vec::new();
    for (number, delta) in deltas.iter().enumerate() {
        let finish = if number + 1 == deltas.len() {
            "\"stop\""
        } else {
            "null"
        };
        let chunk =
            format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]}}"#);
        decoder
            .read(Bytes::from(format!("data: {chunk}\n\n")), &mut events)
            .unwrap();
    }
    decoder.end(&mut events).unwrap();
    let (mut said, mut written) = (String::new(), String::new());
    for event in &events {
        match &event.kind {
            EventKind::Text { text, .. } | EventKind::Reasoning { text, .. } => said.push_str(text),
            EventKind::ToolCall { arguments, .. } => said.push_str(arguments),
            _ => {}
        }
        if let Wire::Chunk(json) = &event.wire {
            let chunk: Value = serde_json::from_slice(json).unwrap();
            written.push_str(chunk["choices"][0]["delta"][member].as_str().unwrap_or_default());
        }
    }
    (said, written)
}

#[test]
fn a_character_cut_in_two_by_chunks_is_put_together_and_half_a_one_replaced() {
    for (deltas, shown) in [
        (
            vec![r#"{"content":"a\ud83d"}"#, r#"{"content":"\ude00b"}"#, "{}"],
            "a😀b",
        ),
        (
            vec![
                r#"{"content":"a\ud83d"}"#,
                r#"{"role":"assistant"}"#,
                r#"{"content":"\ude00b"}"#,
            ],
            "a😀b",
        ),
        (vec![r#"{"content":"a\ud83db"}"#, "{}"], "a\u{fffd}b"),
        (
            vec![r#"{"content":"a\ud83d"}"#, r#"{"content":"b"}"#],
            "a\u{fffd}b",
        ),
        (vec![r#"{"content":"a\ud83d"}"#, "{}"], "a\u{fffd}"),
        (vec![r#"{"content":"\ude00b"}"#, "{}"], "\u{fffd}b"),
        (vec![r#"{"content":"\ud83d\ude00"}"#, "{}"], "😀"),
    ] {
        let (said, written) = with_deltas(&deltas, "content");
        assert_eq!((said.as_str(), written.as_str()), (shown, shown), "{deltas:?}");
    }
    let thought = [
        r#"{"reasoning_content":"t\ud83d"}"#,
        r#"{"content":"\u0041"}"#,
        "{}",
    ];
    assert_eq!(
        with_deltas(&thought, "reasoning_content"),
        ("t\u{fffd}A".to_owned(), "t\u{fffd}".to_owned())
    );
    let call = [
        r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":\"\ud83d\"}"}}]}"#,
        "{}",
    ];
    assert_eq!(with_deltas(&call, "content").0, "{\"a\":\"\u{fffd}\"}");
}

#[test]
fn a_start_says_something_once_and_before_anything_is_said() {
    let mut second = chunk(json!({"role": "assistant", "content": ""}), Value::Null);
    second["choices"][0]["index"] = json!(1);
    let opener = chunk(json!({"role": "assistant", "content": ""}), Value::Null);
    let mut end = stop();
    end["choices"] = json!([
        {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"},
        {"index": 1, "delta": {"content": "b"}, "finish_reason": "stop"},
    ]);
    let read = read(&[opener, second, end]);
    let starts: Vec<usize> = (0..read.events.len())
        .filter(|at| matches!(&read.events[*at].kind, EventKind::Start(start) if *start != Start::default()))
        .collect();
    assert_eq!(
        starts,
        [0],
        "those without a word only carry the chunk that opens a choice"
    );
    assert_eq!(read.chunks.len(), 3);
}
