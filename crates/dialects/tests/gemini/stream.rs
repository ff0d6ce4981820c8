//! Streams: what comes when, and which ends are none.

use std::num::NonZeroU32;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, FinishReason, Unshown};
use tollgate_dialects::{Context, FaultKind, Undo};

use super::fixtures::{
    DIALECT, alone, decode_answer, decode_stream, encode_knowing, serving, sse, stream, valid,
};
use crate::harness;

fn response(parts: Value) -> Value {
    json!({"candidates": [{"content": {"role": "model", "parts": parts}}], "responseId": "r-1"})
}

fn last(parts: Value, reason: &str) -> Value {
    let usage = json!({"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7});
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason}],
           "usageMetadata": usage, "responseId": "r-1"})
}

/// The events as short words.
fn told(kinds: &[EventKind]) -> Vec<String> {
    let tell = |kind: &EventKind| match kind {
        EventKind::Start(_) => "start".to_owned(),
        EventKind::Text { text, .. } => format!("text {text}"),
        EventKind::Reasoning { text, .. } => format!("thought {text}"),
        EventKind::ToolCall {
            index,
            id,
            name,
            arguments,
            ..
        } => format!(
            "call {index} {} {}{arguments}",
            id.as_deref().unwrap_or("-"),
            name.as_deref().unwrap_or("-")
        ),
        EventKind::State { state, .. } => format!("state {:?} {}", state.place, state.json),
        EventKind::BlockEnd { .. } => "end of block".to_owned(),
        EventKind::Finish(finish) => format!("finish {}", finish.reason.as_str()),
        EventKind::Usage(usage) => format!("usage {}+{}", usage.prompt, usage.completion),
        other => format!("{other:?}"),
    };
    kinds.iter().map(tell).collect()
}

#[test]
fn thoughts_text_and_calls_are_blocks_and_the_finish_comes_at_the_end() {
    let streamed = stream(&[
        response(json!([{"text": "Let me ", "thought": true}])),
        response(json!([{"text": "see.", "thought": true}, {"text": "I will look."}])),
        response(json!([
            {"functionCall": {"name": "look", "args": {"at": "sky"}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"id": "own", "name": "look"}},
        ])),
        last(json!([{"text": ""}]), "STOP"),
    ]);
    assert_eq!(streamed.end, Ok(()));
    assert_eq!(
        told(&streamed.kinds()),
        [
            "start",
            "thought Let me ",
            "thought see.",
            "end of block",
            "text I will look.",
            "end of block",
            "call 0 call_r1_0 look{\"at\":\"sky\"}",
            "state OnCall(0) {\"thoughtSignature\":\"c2ln\"}",
            "end of block",
            "call 1 own look{}",
            "end of block",
            "usage 5+2",
            "finish tool_calls",
            "usage 5+2",
        ]
    );
}

#[test]
fn a_finish_that_is_taken_back_is_none() {
    let streamed = stream(&[
        last(json!([{"text": "one"}]), "STOP"),
        last(json!([{"text": " two"}]), "MAX_TOKENS"),
    ]);
    let told = told(&streamed.kinds());
    assert_eq!(
        told.iter()
            .filter(|event| event.starts_with("finish"))
            .collect::<Vec<_>>(),
        ["finish length"]
    );
    assert!(told.contains(&"text  two".to_owned()), "{told:?}");
}

#[test]
fn a_cut_is_taken_back_by_more_parts_and_by_nothing_else() {
    let finish = |responses: &[Value]| {
        let told = told(&stream(responses).kinds());
        let finishes: Vec<String> = told
            .into_iter()
            .filter(|event| event.starts_with("finish"))
            .collect();
        finishes
    };
    let cut = last(json!([{"text": "one"}]), "MAX_TOKENS");
    for empty in [json!([]), json!([{"text": ""}])] {
        assert_eq!(finish(&[cut.clone(), last(empty, "STOP")]), ["finish length"]);
    }
    let more = last(json!([{"text": " two"}]), "STOP");
    assert_eq!(finish(&[cut.clone(), more]), ["finish stop"]);
    let later = [cut, response(json!([{"text": " two"}])), last(json!([]), "STOP")];
    assert_eq!(finish(&later), ["finish stop"]);
    let filtered = [last(json!([{"text": "one"}]), "SAFETY"), last(json!([]), "STOP")];
    assert_eq!(finish(&filtered), ["finish content_filter"]);
}

#[test]
fn a_blocked_prompt_is_the_clients_and_a_blocked_answer_ends_as_filtered() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                         "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}});
    let fault = stream(std::slice::from_ref(&blocked)).end.unwrap_err();
    assert_eq!(fault.kind, FaultKind::ContentFilter);
    assert_eq!(fault.code.as_deref(), Some("PROHIBITED_CONTENT"));

    let streamed = stream(&[response(json!([{"text": "Once"}])), last(json!([]), "SAFETY")]);
    assert_eq!(streamed.end, Ok(()));
    let EventKind::Finish(finish) = &streamed.events[streamed.events.len() - 2].kind else {
        panic!("{:?}", streamed.kinds());
    };
    assert_eq!(finish.reason, FinishReason::ContentFilter);
    assert_eq!(finish.provider_reason.as_deref(), Some("SAFETY"));

    let late = stream(&[response(json!([{"text": "Once"}])), blocked]);
    assert_eq!(late.end, Ok(()), "the answer had begun");
    assert!(told(&late.kinds()).contains(&"finish content_filter".to_owned()));
}

#[test]
fn what_google_calls_a_failure_is_one() {
    for reason in [
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "OTHER",
        "MALFORMED_RESPONSE",
    ] {
        let streamed = stream(&[last(json!([{"functionCall": {"name": "f"}}]), reason)]);
        assert_eq!(
            streamed.end.as_ref().unwrap_err().kind,
            FaultKind::Server,
            "{reason}"
        );
        assert_eq!(told(&streamed.kinds()), ["start"], "nothing of it gets out");
    }
    let empty = stream(&[last(json!([]), "A_REASON_OF_TOMORROW")]);
    assert!(
        empty.end.is_err(),
        "nobody knows what it means, and there is nothing to show"
    );
    let spoken = stream(&[last(json!([{"text": "Hi"}]), "A_REASON_OF_TOMORROW")]);
    assert_eq!(spoken.end, Ok(()));
}

#[test]
fn several_candidates_are_several_choices() {
    let both = |texts: [&str; 2], reason: Option<&str>| {
        let candidate = |(index, text): (usize, &&str)| {
            let mut candidate = json!({"index": index, "content": {"parts": [{"text": text}]}});
            if let Some(reason) = reason {
                candidate["finishReason"] = reason.into();
            }
            candidate
        };
        json!({"candidates": texts.iter().enumerate().map(candidate).collect::<Vec<_>>()})
    };
    let streamed = stream(&[both(["a", "b"], None), both(["A", "B"], Some("STOP"))]);
    assert_eq!(streamed.end, Ok(()));
    let of = |wanted: u32| -> String {
        let texts = streamed.events.iter().filter_map(|event| match &event.kind {
            EventKind::Text { choice, text } if *choice == wanted => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    };
    assert_eq!((of(0), of(1)), ("aA".to_owned(), "bB".to_owned()));
    let one_open = stream(&[both(["a", "b"], None), last(json!([]), "STOP")]);
    assert_eq!(
        one_open.end.unwrap_err().kind,
        FaultKind::Cut,
        "the second has not ended"
    );
}

#[test]
fn unknown_parts_and_hosted_tools_are_passed_over_and_broken_ones_are_not() {
    let streamed = stream(&[last(
        json!([
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"toolCall": {"id": "x", "toolType": "GOOGLE_SEARCH_WEB"}},
            {"somethingNew": {"deep": [1, 2]}},
            {"text": "2"},
        ]),
        "STOP",
    )]);
    assert_eq!(streamed.end, Ok(()));
    assert_eq!(told(&streamed.kinds())[1], "text 2");
    for parts in [
        json!([{"text": 7}]),
        json!(["text"]),
        json!({"text": "x"}),
        json!([{"functionCall": {"args": {}}}]),
        json!([{"functionCall": "f"}]),
        json!([{"functionCall": {"name": "f", "args": [1]}}]),
        json!([{"inlineData": {"mimeType": "image/png"}}]),
    ] {
        let fault = stream(&[last(parts.clone(), "STOP")]).end.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{parts}: content may be lost");
    }
}

#[test]
fn a_call_in_pieces_that_broke_off_keeps_what_came() {
    let pieces = json!([{"functionCall": {"name": "write", "willContinue": true,
        "partialArgs": [{"jsonPath": "$.text", "stringValue": "Once up", "willContinue": true}]}}]);
    let streamed = stream(&[response(pieces.clone()), last(json!([]), "MAX_TOKENS")]);
    assert_eq!(streamed.end, Ok(()));
    assert!(told(&streamed.kinds()).contains(&"call 0 call_r1_0 write{\"text\":\"Once up".to_owned()));
    let streamed = stream(&[response(pieces), last(json!([]), "STOP")]);
    assert_eq!(
        streamed.end.unwrap_err().kind,
        FaultKind::Malformed,
        "it was never ended"
    );
}

#[test]
fn nothing_and_half_a_stream_are_cut() {
    for body in [
        "",
        "\r\n\r\n",
        ": comment\n\n",
        "data: {\"candidates\":[]}\n\n",
        "[",
        "[]",
    ] {
        let fault = decode_stream([Bytes::from_static(body.as_bytes())])
            .end
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Cut, "{body:?}");
    }
    for body in [
        "<html>",
        "data: <html>\n\n",
        "data: \"text\"\n\n",
        "[1]",
        "data: {\"candidates\":{}}\n\n",
    ] {
        let outcome = decode_stream([Bytes::from_static(body.as_bytes())]).end;
        assert!(outcome.is_err(), "{body:?}");
    }
}

#[test]
fn a_response_that_grows_beyond_the_limit_is_a_fault_and_no_memory() {
    let mut decoder = super::fixtures::DIALECT.stream_decoder(
        &Default::default(),
        super::fixtures::presentation(),
        Undo::default(),
        1_000,
    );
    let mut events = Vec::new();
    for framing in ["[{\"a\":\"", "data: {\"a\":\""] {
        let long = format!("{framing}{}", "x".repeat(2_000));
        let fault = decoder.read(Bytes::from(long), &mut events).unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooLarge, "{framing}");
    }
    let fine = sse(&[last(json!([{"text": "x"}]), "STOP")]);
    assert!(decode_stream([fine]).end.is_ok());
}

/// Pieces of responses, put together in any order.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "data: ",
        "\n",
        "\r\n\r\n",
        "[",
        "]",
        "{",
        "}",
        "\"",
        ":",
        ",",
        "\\",
        "null",
        "7",
        "-1e999",
        "\u{fc}",
        "\"candidates\":[",
        "\"content\":{\"parts\":[",
        "{\"text\":\"a\"}",
        "\"finishReason\":\"STOP\"",
        "{\"functionCall\":{\"name\":\"f\",\"willContinue\":true}}",
        "{\"functionCall\":{}}",
        "{\"functionCall\":{\"partialArgs\":[{\"jsonPath\":\"$.a[0]\",\"stringValue\":\"x\"}]}}",
        "\"usageMetadata\":{\"promptTokenCount\":-5}",
        "\"index\":4294967295",
        "\"error\":{}",
        "\"promptFeedback\":{\"blockReason\":\"x\"}",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"}]}\n\n",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_answer_or_a_fault_and_read_the_same_however_cut(bytes in fragments(), cut in 0_usize..64) {
        let bytes = Bytes::from(bytes);
        let whole = decode_stream([bytes.clone()]);
        let (head, tail) = bytes.split_at(cut.min(bytes.len()));
        let pieces = [head, tail].map(Bytes::copy_from_slice);
        let cut = decode_stream(pieces);
        prop_assert_eq!(whole.end.map_err(|fault| fault.kind), cut.end.map_err(|fault| fault.kind));
        prop_assert_eq!(whole.events, cut.events);
        let _ = super::fixtures::decode_answer(&bytes);
    }
}

#[test]
fn candidates_beyond_those_that_were_asked_for_are_not_the_clients() {
    let candidate = |index: u32, text: &str| json!({"index": index, "content": {"parts": [{"text": text}]}, "finishReason": "STOP"});
    let surplus = json!({"index": 2, "content": {"parts": "broken"}, "finishReason": "MALFORMED_RESPONSE"});
    let response = json!({"candidates": [
        candidate(0, "a"), candidate(1, "b"), surplus, candidate(4_000_000, "c"),
    ]});
    let undo = Undo {
        choices: NonZeroU32::new(2),
        ..Undo::default()
    };
    let decoder = harness::stream_decoder(DIALECT, &Quirks::default(), undo.clone());
    let streamed = harness::decode_stream(decoder, [sse(std::slice::from_ref(&response))]);
    assert_eq!(streamed.end, Ok(()));
    let whole = harness::decode_answer(
        DIALECT,
        &Quirks::default(),
        &undo,
        &Bytes::from(response.to_string()),
    );
    for answer in [
        harness::assembled(streamed.kinds()),
        harness::shown(&whole.unwrap().answer),
    ] {
        let texts: Vec<&Value> = answer["choices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|choice| &choice["message"]["content"])
            .collect();
        assert_eq!(texts, ["a", "b"]);
    }
}

#[test]
fn a_request_says_how_many_candidates_are_the_clients() {
    let asked = |n: u32| {
        let request = valid("gemini-2.5-flash", json!({ "n": n }));
        let context = Context {
            choices: n,
            ..alone()
        };
        let encoded = encode_knowing(&request, &serving("gemini-2.5-flash"), &context).unwrap();
        encoded.undo.choices.map(NonZeroU32::get)
    };
    assert_eq!((asked(1), asked(3)), (Some(1), Some(3)));
}

#[test]
fn output_that_an_answer_has_no_place_for_is_named() {
    let sound = json!([{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": "AAAA"}}]);
    let streamed = stream(&[last(sound.clone(), "STOP")]);
    assert_eq!(streamed.end, Ok(()));
    let named = EventKind::Unshown {
        choice: 0,
        kind: Unshown::Audio,
    };
    assert!(streamed.kinds().contains(&named), "{:?}", streamed.kinds());
    let whole = decode_answer(&Bytes::from(last(sound, "STOP").to_string())).unwrap();
    assert_eq!(Vec::from_iter(whole.answer.unshown.clone()), [Unshown::Audio]);
    let message = &harness::shown(&whole.answer)["choices"][0];
    assert_eq!(
        (&message["message"]["content"], &message["finish_reason"]),
        (&Value::Null, &json!("stop"))
    );
    let sketch =
        json!([{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}, "thought": true}, {"text": "a"}]);
    let thought = decode_answer(&Bytes::from(last(sketch, "STOP").to_string())).unwrap();
    assert!(thought.answer.unshown.is_empty(), "a thought is no output");
}
