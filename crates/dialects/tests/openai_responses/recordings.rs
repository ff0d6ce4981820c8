//! Recorded traffic of every host that speaks Responses, read whole and cut in hostile places.

use bytes::Bytes;
use serde_json::Value;
use tollgate_chat::{
    event::{EventKind, FinishReason},
    usage::Usage,
};
use tollgate_dialects::{
    FaultKind,
    turn_state::{KeptTurn, TurnKey},
};
use tollgate_testkit::{
    cuts::{fault, framing::framings, hostile_cuts},
    recordings::{Recording, recordings},
    schema::check_answer,
};

use super::fixtures::{
    DIALECT, assembled, decode_answer, decode_stream, decode_whole, decoder, order, shown,
};

/// What an answer says, whoever reads it.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    refusal: String,
    reasoning: String,
    /// ID, name and arguments.
    calls: Vec<(String, String, String)>,
    finish: Option<FinishReason>,
    usage: Option<Usage>,
}

impl Said {
    /// As our events say it. The gaps between thoughts are ours.
    fn of_events(events: &[EventKind]) -> Self {
        let mut said = Self::default();
        for event in events {
            match event {
                EventKind::Text { text, .. } => said.text.push_str(text),
                EventKind::Refusal { text, .. } => said.refusal.push_str(text),
                EventKind::Reasoning { text, .. } => said.reasoning.push_str(text),
                EventKind::ToolCall {
                    index,
                    id,
                    name,
                    arguments,
                    ..
                } => {
                    if let (Some(id), Some(name)) = (id, name) {
                        assert_eq!(*index as usize, said.calls.len(), "indices are dense");
                        said.calls.push((id.clone(), name.clone(), String::new()));
                    }
                    said.calls[*index as usize].2.push_str(arguments);
                }
                EventKind::Finish(finish) => {
                    assert_eq!(said.finish, None, "one finish");
                    said.finish = Some(finish.reason);
                }
                EventKind::Usage(usage) => said.usage = Some(*usage),
                _ => {}
            }
        }
        said.reasoning = said.reasoning.replace("\n\n", "");
        said
    }

    /// As a recorded response says it, read without any of our code.
    fn of_response(response: &Value) -> Self {
        let mut said = Self::default();
        let texts = |list: &Value, name: &str| -> String {
            let parts = list.as_array().into_iter().flatten();
            parts.filter_map(|part| part[name].as_str()).collect()
        };
        for item in response["output"].as_array().into_iter().flatten() {
            match item["type"].as_str().unwrap() {
                "message" => {
                    let text = texts(&item["content"], "text");
                    if !said.text.is_empty() && !text.is_empty() {
                        // A commentary and the answer are two messages.
                        said.text.push_str("\n\n");
                    }
                    said.text.push_str(&text);
                    said.refusal.push_str(&texts(&item["content"], "refusal"));
                }
                "reasoning" => {
                    said.reasoning.push_str(&texts(&item["summary"], "text"));
                    said.reasoning.push_str(&texts(&item["content"], "text"));
                }
                "function_call" => said.calls.push((
                    item["call_id"].as_str().unwrap().to_owned(),
                    item["name"].as_str().unwrap().to_owned(),
                    item["arguments"].as_str().unwrap().to_owned(),
                )),
                _ => {}
            }
        }
        said.reasoning = said.reasoning.replace("\n\n", "");
        said.finish = Some(match response["incomplete_details"]["reason"].as_str() {
            Some("max_output_tokens") => FinishReason::Length,
            Some(other) => panic!("{other}"),
            None if said.calls.is_empty() => FinishReason::Stop,
            None => FinishReason::ToolCalls,
        });
        let count = |pointer: &str| response["usage"].pointer(pointer).and_then(Value::as_u64);
        said.usage = count("/input_tokens").map(|prompt| Usage {
            prompt,
            completion: count("/output_tokens").unwrap(),
            cached: count("/input_tokens_details/cached_tokens").unwrap_or(0),
            cache_write: count("/input_tokens_details/cache_write_tokens").unwrap_or(0),
            reasoning: count("/output_tokens_details/reasoning_tokens").unwrap_or(0),
            ..Usage::default()
        });
        said
    }
}

fn all() -> Vec<Recording> {
    recordings("openai-responses").unwrap_or_default()
}

/// Streams that end as the protocol wants, and whose end says the same as their pieces: somebody has
/// shortened the pieces of one by hand.
fn streams() -> Vec<Recording> {
    let streams = all()
        .into_iter()
        .filter(|recording| recording.is_stream() && !recording.cut);
    let plain =
        streams.filter(|recording| !recording.has_tag("midstream-error") && !is_of_custom_tool(recording));
    plain
        .filter(|recording| {
            let (response, deltas) = ended(&recording.response.body);
            let said = Said::of_response(&response).text;
            said.is_empty() || said == deltas
        })
        .collect()
}

/// Whole answers of finished responses.
fn answers() -> Vec<(Recording, Value)> {
    let whole = all()
        .into_iter()
        .filter(|recording| !recording.is_stream() && recording.response.status == 200);
    let parsed = whole.map(|recording| {
        let response: Value = serde_json::from_slice(&recording.response.body).unwrap();
        (recording, response)
    });
    parsed
        .filter(|(_, response)| response["status"] != "queued")
        .collect()
}

/// Chat clients cannot offer tools that take free text.
fn is_of_custom_tool(recording: &Recording) -> bool {
    String::from_utf8_lossy(&recording.response.body).contains("\"custom_tool_call\"")
}

fn data_of(event: &Bytes) -> Option<Value> {
    let event = String::from_utf8(event.to_vec()).unwrap();
    let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
    serde_json::from_str(&data.collect::<String>()).ok()
}

/// The response of a stream's last event, and the text of the deltas before it. One recording has several
/// responses behind each other; the first one counts.
fn ended(body: &Bytes) -> (Value, String) {
    let mut text = String::new();
    for event in fault::events(body).iter().filter_map(data_of) {
        match event["type"].as_str() {
            Some("response.output_text.delta") => text.push_str(event["delta"].as_str().unwrap()),
            Some("response.completed" | "response.incomplete") => return (event["response"].clone(), text),
            _ => {}
        }
    }
    panic!("a stream without an end");
}

#[test]
fn every_recorded_stream_says_what_its_response_says_at_the_end() {
    for recording in streams() {
        let name = format!("{} of {}", recording.id, recording.provider);
        let (events, _, outcome) = decode_stream([recording.response.body.clone()]);
        outcome.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let (response, deltas) = ended(&recording.response.body);
        let (said, expected) = (Said::of_events(&events), Said::of_response(&response));
        assert_eq!(said.text, deltas, "{name}");
        assert_eq!(said.usage, expected.usage, "{name}");
        // Some hosts leave `output` empty there.
        if response["output"]
            .as_array()
            .is_some_and(|output| !output.is_empty())
        {
            assert_eq!(said, expected, "{name}");
        }
    }
}

#[test]
fn every_recorded_answer_says_what_it_says() {
    for (recording, response) in answers() {
        let name = format!("{} of {}", recording.id, recording.provider);
        let (events, _) =
            decode_whole(&recording.response.body).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(Said::of_events(&events), Said::of_response(&response), "{name}");
    }
}

#[test]
fn a_stream_and_its_last_response_give_the_same_answer_and_the_same_state() {
    for recording in streams() {
        let name = format!("{} of {}", recording.id, recording.provider);
        let (response, _) = ended(&recording.response.body);
        if response["output"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        let (streamed, streamed_turns, _) = decode_stream([recording.response.body.clone()]);
        let (whole, turns) = decode_whole(&Bytes::from(response.to_string())).unwrap();
        assert_eq!(Said::of_events(&streamed), Said::of_events(&whole), "{name}");
        let orders = |turns: &[KeptTurn]| -> Vec<Vec<String>> { turns.iter().map(outline).collect() };
        assert_eq!(orders(&streamed_turns), orders(&turns), "{name}");
    }
}

#[test]
fn where_the_bytes_are_cut_and_how_they_are_framed_changes_nothing() {
    for recording in streams() {
        let body = &recording.response.body;
        let (whole, turns, _) = decode_stream([body.clone()]);
        for cut in hostile_cuts(body, 7) {
            let (events, kept, outcome) = decode_stream(cut.pieces);
            outcome.unwrap();
            assert!(events == whole && kept == turns, "{}, {}", recording.id, cut.name);
        }
        for framed in framings(body) {
            let (events, _, outcome) = decode_stream([framed.bytes]);
            outcome.unwrap();
            assert!(
                meaning(&events) == meaning(&whole),
                "{}, {}",
                recording.id,
                framed.name
            );
        }
    }
}

/// Events, those that hold the provider's JSON without the white space in which framing may differ.
fn meaning(events: &[EventKind]) -> Vec<(EventKind, Option<Value>)> {
    let nothing = EventKind::BlockEnd { choice: 0 };
    let meaning = |event: &EventKind| match event {
        EventKind::Logprobs { json, .. } => (nothing.clone(), serde_json::from_str(json).ok()),
        EventKind::State { state, .. } => (nothing.clone(), serde_json::from_str(&state.json).ok()),
        other => (other.clone(), None),
    };
    events.iter().map(meaning).collect()
}

#[test]
fn a_stream_cut_at_any_event_before_its_last_is_a_fault_and_says_nothing_else() {
    for recording in streams() {
        let body = &recording.response.body;
        let (whole, ..) = decode_stream([body.clone()]);
        let events = fault::events(body);
        let kinds: Vec<Option<String>> = events
            .iter()
            .map(|event| Some(data_of(event)?["type"].as_str()?.to_owned()))
            .collect();
        let is_end = |kind: &Option<String>| {
            matches!(
                kind.as_deref(),
                Some("response.completed" | "response.incomplete")
            )
        };
        let last = kinds.iter().position(is_end).unwrap();
        let (mut decoder, mut said) = (decoder(), Vec::new());
        for (count, event) in events[..last].iter().enumerate() {
            // Deltas behind each other are alike; the first of them tells.
            if count == 0 || kinds[count] != kinds[count - 1] {
                let (_, _, outcome) = decode_stream([fault::cut_after(body, count)]);
                let kind = outcome.unwrap_err().kind;
                assert_eq!(kind, FaultKind::Cut, "{} after {count}", recording.id);
            }
            decoder.read(event.clone(), &mut said).unwrap();
            assert!(!decoder.is_complete(), "{} after {count}", recording.id);
            assert!(
                !said
                    .iter()
                    .any(|event| matches!(event.kind, EventKind::Finish(_))),
                "{} after {count}: it would pass for an answer",
                recording.id
            );
        }
        let said: Vec<EventKind> = said.into_iter().map(|event| event.kind).collect();
        assert_eq!(said[..], whole[..said.len()], "{}", recording.id);
        let (_, _, outcome) = decode_stream([fault::with_bad_json(body, last)]);
        assert_eq!(
            outcome.unwrap_err().kind,
            FaultKind::Malformed,
            "{}",
            recording.id
        );
    }
}

#[test]
fn a_folded_stream_is_the_answer_that_its_response_would_have_been() {
    for recording in streams() {
        let (events, ..) = decode_stream([recording.response.body.clone()]);
        let folded = assembled(events);
        let misfits = check_answer(&folded);
        assert!(misfits.is_empty(), "{}: {folded:#}: {misfits:#?}", recording.id);
        let (response, _) = ended(&recording.response.body);
        if response["output"]
            .as_array()
            .is_some_and(|output| !output.is_empty())
        {
            let whole = decode_answer(&Bytes::from(response.to_string())).unwrap().answer;
            let whole = shown(&whole);
            for said in ["/choices/0/message", "/choices/0/finish_reason", "/usage"] {
                let (folded, whole) = (folded.pointer(said), whole.pointer(said));
                assert_eq!(folded, whole, "{}: {said}", recording.id);
            }
        }
    }
}

#[test]
fn every_recorded_answer_leaves_in_our_form() {
    for (recording, _) in answers() {
        let answer = shown(&decode_answer(&recording.response.body).unwrap().answer);
        assert_eq!(answer["model"], "asked");
        let misfits = check_answer(&answer);
        assert!(misfits.is_empty(), "{}: {answer:#}: {misfits:#?}", recording.id);
    }
}

#[test]
fn no_recorded_thought_is_kept_without_the_item_that_followed_it() {
    let streamed = streams()
        .into_iter()
        .map(|recording| decode_stream([recording.response.body]).1);
    let whole = answers()
        .into_iter()
        .map(|(recording, _)| decode_whole(&recording.response.body).unwrap().1);
    for turn in streamed.chain(whole).flatten() {
        let calls = turn
            .keys
            .iter()
            .filter(|(key, _)| matches!(key, TurnKey::Call(_)));
        let outlined = outline(&turn);
        let calls_kept = outlined.iter().filter(|block| *block == "call").count();
        assert_eq!(calls_kept, calls.count(), "{outlined:?}");
        assert_ne!(
            outlined.last().map(String::as_str),
            Some("thought"),
            "{outlined:?}"
        );
        for block in order(&turn) {
            let thought = &block["thought"];
            assert!(thought.is_null() || thought["type"] == "reasoning", "{thought}");
            assert_ne!(
                thought.get("status"),
                Some(&Value::Null),
                "the provider refuses it"
            );
            assert_eq!(
                block["text"]["frame"].get("content"),
                None,
                "the client has the text"
            );
        }
    }
}

/// The kinds of a turn's blocks.
fn outline(turn: &KeptTurn) -> Vec<String> {
    let blocks = order(turn).into_iter();
    let kinds = blocks.flat_map(|block| block.as_object().unwrap().keys().cloned().collect::<Vec<_>>());
    kinds.collect()
}

#[test]
fn a_recorded_stream_that_breaks_is_the_fault_that_it_tells() {
    for recording in all().iter().filter(|recording| recording.is_stream()) {
        let (_, _, outcome) = decode_stream([recording.response.body.clone()]);
        let expected = match () {
            () if recording.cut => Some(FaultKind::Malformed),
            () if recording.has_tag("midstream-error") => Some(FaultKind::Quota),
            // Nobody offered that tool to the model.
            () if is_of_custom_tool(recording) => Some(FaultKind::Malformed),
            () => None,
        };
        assert_eq!(
            outcome.err().map(|fault| fault.kind),
            expected,
            "{}",
            recording.id
        );
    }
}

#[test]
fn a_recorded_answer_that_is_still_queued_is_none() {
    for recording in all().iter().filter(|recording| !recording.is_stream()) {
        let response: Value = serde_json::from_slice(&recording.response.body).unwrap();
        if response["status"] == "queued" {
            let fault = decode_answer(&recording.response.body).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Malformed, "{}", recording.id);
        }
    }
}

#[test]
fn recorded_errors_are_told_apart() {
    use FaultKind::{BadRequest, ContextLength, Credential, ModelUnknown, Quota, StateRefused};
    let mut seen = Vec::new();
    for recording in all().iter().filter(|recording| recording.response.status >= 400) {
        let fault = DIALECT.fault(recording.response.status, &recording.response.body);
        assert!(!fault.message.is_empty(), "{}", recording.id);
        seen.push((recording.id.clone(), fault.kind, fault.param.unwrap_or_default()));
    }
    if seen.is_empty() {
        return;
    }
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    let seen: Vec<_> = seen
        .iter()
        .map(|(id, kind, param)| (&**id, *kind, &**param))
        .collect();
    assert_eq!(
        seen,
        [
            ("13c24150f2d0b616", ContextLength, "input"),
            ("2fd54f27640be867", Quota, ""),
            ("329548158dc20731", BadRequest, ""),
            ("34d8be8737a06423", StateRefused, "input"),
            ("6bae09d45eb455d9", Credential, ""),
            ("930464f4a07a298b", BadRequest, "temperature"),
            ("c1145bd99520df1b", BadRequest, "input"),
            ("eeca85f5fbbbe846", Credential, ""),
            ("f289a61fc39f9a5a", BadRequest, "temperature"),
            ("f76d0abc8e195ca9", ModelUnknown, "model"),
        ]
    );
}
