//! Recorded answers of the Gemini API and of Vertex AI, read whole and cut in hostile places, and
//! compared with what the recorded bytes say when they are read without any of our code.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::event::EventKind;
use tollgate_dialects::{FaultKind, Undo};
use tollgate_testkit::{
    cuts::{cut_at, fault, framing::framings, hostile_cuts},
    grammar::{self, Asked},
    recordings::{Recording, recordings},
    schema,
};

use super::fixtures::{
    DIALECT, Streamed, assembled, client_stream, decode_answer, decode_stream, presentation, shown,
};

/// Reasons to which the gate answers with a fault (wire notes, section 4).
const FAULTS: [&str; 2] = ["UNEXPECTED_TOOL_CALL", "MALFORMED_FUNCTION_CALL"];

fn all() -> Vec<Recording> {
    let both = ["gemini", "vertex-gemini"].into_iter().filter_map(recordings);
    both.flatten().collect()
}

fn good() -> Vec<Recording> {
    let good = all()
        .into_iter()
        .filter(|recording| recording.response.status == 200);
    good.filter(|recording| {
        FAULTS
            .iter()
            .all(|word| !recording.has_tag(&format!("finish:{word}")))
    })
    .collect()
}

fn is_array(recording: &Recording) -> bool {
    recording.response.body.trim_ascii_start().starts_with(b"[")
}

/// Streams of server-sent events.
fn streams() -> Vec<Recording> {
    good()
        .into_iter()
        .filter(|recording| recording.is_stream())
        .collect()
}

fn whole_answers() -> Vec<Recording> {
    good().into_iter().filter(|recording| !recording.stream).collect()
}

/// Streams that came as one JSON array.
fn arrays() -> Vec<Recording> {
    good()
        .into_iter()
        .filter(|recording| recording.stream && is_array(recording))
        .collect()
}

/// The responses of a recorded body, whatever its framing.
fn responses(body: &Bytes) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    match serde_json::from_str(text) {
        Ok(Value::Array(responses)) => responses,
        Ok(response) => vec![response],
        Err(_) => {
            let lines = text.lines().filter_map(|line| line.strip_prefix("data:"));
            lines.map(|data| serde_json::from_str(data).unwrap()).collect()
        }
    }
}

/// What an answer says, by choice.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    reasoning: String,
    /// Names and arguments.
    calls: Vec<(String, Value)>,
    images: usize,
    finish: String,
}

fn word(reason: &Value) -> String {
    // Some recordings write enums as numbers.
    match reason.as_u64() {
        Some(1) => "STOP".to_owned(),
        Some(2) => "MAX_TOKENS".to_owned(),
        _ => reason.as_str().unwrap_or_default().to_owned(),
    }
}

/// Sets a value by Google's path of it: `$.items[0].name`.
fn set(arguments: &mut Value, path: &str, piece: &Value) {
    let mut place = arguments;
    for step in path
        .trim_start_matches("$.")
        .replace('[', ".")
        .replace(']', "")
        .split('.')
    {
        if let Ok(index) = step.parse::<usize>() {
            if !place.is_array() {
                *place = json!([]);
            }
            let list = place.as_array_mut().unwrap();
            while list.len() <= index {
                list.push(Value::Null);
            }
            place = &mut list[index];
        } else {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[step];
        }
    }
    match (&piece["stringValue"], &piece["numberValue"]) {
        (Value::String(text), _) => {
            let before = place.as_str().unwrap_or_default();
            *place = Value::String(format!("{before}{text}"));
        }
        (_, number) => *place = number.clone(),
    }
}

fn said(responses: &[Value]) -> BTreeMap<u64, Said> {
    let mut choices = BTreeMap::new();
    for response in responses {
        for candidate in response["candidates"].as_array().into_iter().flatten() {
            let index = candidate["index"].as_u64().unwrap_or_default();
            let said: &mut Said = choices.entry(index).or_default();
            for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
                let text = part["text"].as_str().unwrap_or_default();
                match part["thought"] == true {
                    true => said.reasoning.push_str(text),
                    false => said.text.push_str(text),
                }
                said.images += usize::from(part.get("inlineData").is_some());
                let Some(call) = part.get("functionCall") else {
                    continue;
                };
                if let Some(name) = call["name"].as_str() {
                    let arguments = call.get("args").cloned().unwrap_or_else(|| json!({}));
                    said.calls.push((name.to_owned(), arguments));
                }
                for piece in call["partialArgs"].as_array().into_iter().flatten() {
                    let (_, arguments) = said.calls.last_mut().unwrap();
                    set(arguments, piece["jsonPath"].as_str().unwrap(), piece);
                }
            }
            if let Some(reason) = candidate.get("finishReason") {
                said.finish = match (&*word(reason), said.calls.is_empty()) {
                    ("STOP", true) => "stop",
                    ("STOP", false) => "tool_calls",
                    ("MAX_TOKENS", _) => "length",
                    _ => "content_filter",
                }
                .to_owned();
            }
        }
    }
    choices
}

/// Prompt, completion, cached and reasoning tokens; none where Vertex counted nothing, and our estimate of a
/// prompt that was not counted.
fn counted(responses: &[Value]) -> [u64; 4] {
    let usage = responses.iter().map(|response| &response["usageMetadata"]);
    let counts = |usage: &&Value| {
        let mut names = ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount"].into_iter();
        names.any(|name| usage.get(name).is_some())
    };
    let Some(usage) = usage.rev().find(counts) else {
        return [0; 4];
    };
    let count = |name: &str| usage[name].as_u64().unwrap_or_default();
    let completion = count("candidatesTokenCount") + count("thoughtsTokenCount");
    let mut prompt = count("promptTokenCount") + count("toolUsePromptTokenCount");
    match usage.get("promptTokenCount") {
        Some(_) => assert_eq!(count("totalTokenCount"), prompt + completion),
        None => prompt = presentation().estimated_prompt_tokens,
    }
    [
        prompt,
        completion,
        count("cachedContentTokenCount"),
        count("thoughtsTokenCount"),
    ]
}

/// The same, as our answer says it.
fn said_by(answer: &Value) -> BTreeMap<u64, Said> {
    let choices = answer["choices"].as_array().unwrap().iter();
    let said = choices.map(|choice| {
        let message = &choice["message"];
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let calls = message["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|call| {
                let function = &call["function"];
                let arguments = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
                (function["name"].as_str().unwrap().to_owned(), arguments)
            });
        let said = Said {
            text: text("content"),
            reasoning: text("reasoning_content"),
            calls: calls.collect(),
            images: message["images"].as_array().map_or(0, Vec::len),
            finish: choice["finish_reason"].as_str().unwrap().to_owned(),
        };
        (choice["index"].as_u64().unwrap(), said)
    });
    said.collect()
}

fn counted_by(answer: &Value) -> [u64; 4] {
    let usage = &answer["usage"];
    let count = |value: &Value| value.as_u64().unwrap();
    assert_eq!(
        count(&usage["total_tokens"]),
        count(&usage["prompt_tokens"]) + count(&usage["completion_tokens"])
    );
    [
        count(&usage["prompt_tokens"]),
        count(&usage["completion_tokens"]),
        count(&usage["prompt_tokens_details"]["cached_tokens"]),
        count(&usage["completion_tokens_details"]["reasoning_tokens"]),
    ]
}

fn decoded(recording: &Recording) -> Streamed {
    let streamed = decode_stream([recording.response.body.clone()]);
    assert_eq!(streamed.end, Ok(()), "{}", recording.id);
    streamed
}

#[test]
fn every_recorded_stream_says_and_counts_what_its_events_do() {
    for recording in streams().into_iter().chain(arrays()) {
        let recorded = responses(&recording.response.body);
        let answer = assembled(decoded(&recording).kinds());
        assert_eq!(said_by(&answer), said(&recorded), "{}", recording.id);
        assert_eq!(counted_by(&answer), counted(&recorded), "{}", recording.id);
    }
}

#[test]
fn every_recorded_answer_says_and_counts_what_its_body_does() {
    for recording in whole_answers() {
        let recorded = responses(&recording.response.body);
        let decoded = decode_answer(&recording.response.body)
            .unwrap_or_else(|fault| panic!("{}: {fault}", recording.id));
        let answer = shown(&decoded.answer);
        assert_eq!(said_by(&answer), said(&recorded), "{}", recording.id);
        assert_eq!(counted_by(&answer), counted(&recorded), "{}", recording.id);
        assert!(!decoded.answer.counted_by.is_estimate(), "{}", recording.id);
    }
}

#[test]
fn every_recorded_answer_keeps_to_the_grammar_and_to_openais_schema() {
    let asked = Asked {
        model: Some("asked".to_owned()),
        usage: true,
    };
    for recording in whole_answers() {
        let decoded = decode_answer(&recording.response.body).unwrap();
        let answer = shown(&decoded.answer);
        assert_eq!(schema::check_answer(&answer), [], "{}: {answer}", recording.id);
        let checked = grammar::check_answer(&answer, &asked);
        assert_eq!(checked.violations, [], "{}: {answer}", recording.id);
    }
    for recording in streams() {
        let bytes = client_stream(&decoded(&recording).kinds());
        let checked = grammar::check_stream(&bytes, &asked);
        assert_eq!(checked.violations, [], "{}", recording.id);
        for chunk in responses(&bytes.slice(..bytes.len() - "data: [DONE]\n\n".len())) {
            assert_eq!(schema::check_chunk(&chunk), [], "{}: {chunk}", recording.id);
        }
    }
}

#[test]
fn where_the_bytes_are_cut_and_how_they_are_framed_changes_nothing() {
    for recording in streams() {
        let body = &recording.response.body;
        let whole = decoded(&recording);
        for cut in hostile_cuts(body, 7) {
            let streamed = decode_stream(cut.pieces);
            assert_eq!(streamed.end, Ok(()), "{}, {}", recording.id, cut.name);
            assert!(streamed.events == whole.events, "{}, {}", recording.id, cut.name);
            assert!(streamed.turns == whole.turns, "{}, {}", recording.id, cut.name);
        }
        for framed in framings(body) {
            let streamed = decode_stream([framed.bytes]);
            assert!(
                streamed.events == whole.events,
                "{}, {}",
                recording.id,
                framed.name
            );
        }
    }
}

#[test]
fn a_stream_in_one_array_reads_the_same_however_it_is_cut() {
    for recording in arrays() {
        let body = &recording.response.body;
        let whole = decoded(&recording);
        let as_answer = DIALECT
            .decode_as_stream(body, &Default::default(), &presentation(), &Undo::default())
            .unwrap();
        let as_answer: Vec<EventKind> = as_answer.0.into_iter().map(|event| event.kind).collect();
        assert!(as_answer == whole.kinds(), "{}", recording.id);
        for cut in hostile_cuts(body, 11) {
            let streamed = decode_stream(cut.pieces);
            assert!(streamed.events == whole.events, "{}, {}", recording.id, cut.name);
        }
        for end in (0..body.trim_ascii_end().len()).step_by(7) {
            let fault = decode_stream([body.slice(..end)]).end.unwrap_err();
            assert_eq!(fault.kind, FaultKind::Cut, "{} at {end}", recording.id);
        }
    }
}

#[test]
fn a_stream_that_stops_early_is_a_fault_unless_it_had_said_how_it_ends() {
    for recording in streams() {
        let body = &recording.response.body;
        let events = fault::events(body);
        for count in 0..events.len() {
            let head = fault::cut_after(body, count);
            let finished = String::from_utf8_lossy(&head).contains("\"finishReason\"");
            let end = decode_stream([head]).end;
            match finished {
                true => assert_eq!(end, Ok(()), "{} after {count}", recording.id),
                false => assert_eq!(
                    end.unwrap_err().kind,
                    FaultKind::Cut,
                    "{} after {count}",
                    recording.id
                ),
            }
            let halved = decode_stream([fault::with_event_halved(body, count)]);
            assert_eq!(
                halved.end.unwrap_err().kind,
                FaultKind::Malformed,
                "{}: event {count} halved, its content is lost",
                recording.id
            );
        }
    }
}

#[test]
fn an_answer_that_stops_early_is_never_taken_for_one() {
    for recording in whole_answers() {
        let body = &recording.response.body;
        let length = body.trim_ascii_end().len();
        let ends = [0, 1, length / 4, length / 2, length - 1];
        for end in ends {
            let outcome = decode_answer(&body.slice(..end));
            assert!(outcome.is_err(), "{}: {end} of {length} bytes", recording.id);
        }
        let cut = cut_at("one byte at a time", body, 1..body.len());
        let streamed = decode_stream(cut.pieces);
        assert_eq!(
            streamed.end,
            Ok(()),
            "{}: a body where a stream was asked for",
            recording.id
        );
    }
}

#[test]
fn a_call_that_google_itself_calls_a_mistake_is_a_fault_and_nothing_of_it_gets_out() {
    let mut seen = 0;
    for recording in all() {
        if FAULTS
            .iter()
            .any(|word| recording.has_tag(&format!("finish:{word}")))
        {
            let fault = decode_answer(&recording.response.body).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Server, "{}", recording.id);
            seen += 1;
        }
    }
    assert!(seen > 0 || all().is_empty(), "the recordings have such calls");
}

#[test]
fn recorded_errors_are_told_apart() {
    let mut seen: Vec<(u16, FaultKind, Option<String>)> = Vec::new();
    for recording in all() {
        let status = recording.response.status;
        if status == 200 {
            continue;
        }
        let fault = DIALECT.fault(status, &recording.response.body);
        assert!(!fault.message.is_empty(), "{}", recording.id);
        let row = (status, fault.kind, fault.code);
        if !seen.contains(&row) {
            seen.push(row);
        }
    }
    seen.sort_by_key(|(status, kind, _)| (*status, format!("{kind:?}")));
    let seen: Vec<String> = seen
        .into_iter()
        .map(|(status, kind, code)| format!("{status} {kind:?} {}", code.unwrap_or_default()))
        .collect();
    if !all().is_empty() {
        assert_eq!(
            seen,
            [
                "400 BadRequest INVALID_ARGUMENT",
                "400 ContextLength INVALID_ARGUMENT",
                "400 Credential API_KEY_INVALID",
                "404 ModelUnknown NOT_FOUND",
                "429 RateLimited RESOURCE_EXHAUSTED",
            ]
        );
    }
}
