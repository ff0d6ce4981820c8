//! Recorded answers, whole and streamed, the latter cut in hostile places. What they have to say is read
//! off the recorded body here by other code than the dialect's.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    event::{EventKind, FinishReason},
    usage::Usage,
};
use tollgate_dialects::{FaultKind, Undo};
use tollgate_testkit::{
    cuts::{fault, framing::framings, hostile_cuts},
    recordings::{Recording, recordings},
};

use super::fixtures::{DIALECT, answer, assembled, events, order, presentation, read};

/// What an answer says, whoever read it.
#[derive(Debug, Default, PartialEq)]
struct Said {
    text: String,
    reasoning: String,
    /// ID, name and arguments.
    calls: Vec<(String, String, Value)>,
    finish: String,
    matched_stop: Option<String>,
    usage: Counts,
    /// Thinking blocks to be sent back, in their order.
    thoughts: Vec<Value>,
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    prompt: u64,
    completion: u64,
    cached: u64,
    cache_write: u64,
    cache_write_1h: u64,
    reasoning: u64,
}

impl Counts {
    fn of(usage: &Usage) -> Self {
        Self {
            prompt: usage.prompt,
            completion: usage.completion,
            cached: usage.cached,
            cache_write: usage.cache_write,
            cache_write_1h: usage.cache_write_1h,
            reasoning: usage.reasoning,
        }
    }

    /// From the provider's object, in which a stream's later counts lie over its earlier ones.
    fn recorded(usage: &Value) -> Self {
        let steps = usage["iterations"].as_array().cloned().unwrap_or_default();
        let steps = if steps.is_empty() {
            vec![usage.clone()]
        } else {
            steps
        };
        let sum = |path: &str| -> u64 { steps.iter().filter_map(|step| step.pointer(path)?.as_u64()).sum() };
        let cached = sum("/cache_read_input_tokens");
        let cache_write = sum("/cache_creation_input_tokens");
        Self {
            prompt: sum("/input_tokens") + cached + cache_write,
            completion: sum("/output_tokens"),
            cached,
            cache_write,
            cache_write_1h: sum("/cache_creation/ephemeral_1h_input_tokens"),
            reasoning: usage["output_tokens_details"]["thinking_tokens"]
                .as_u64()
                .unwrap_or(0),
        }
    }
}

/// What our events say.
fn told(events: &[EventKind]) -> Said {
    let mut said = Said::default();
    let mut arguments: BTreeMap<u32, (String, String, String)> = BTreeMap::new();
    for event in events {
        match event {
            EventKind::Text { text, .. } => said.text.push_str(text),
            EventKind::Reasoning { text, .. } => said.reasoning.push_str(text),
            EventKind::ToolCall {
                index,
                id,
                name,
                arguments: piece,
                ..
            } => {
                let call = arguments.entry(*index).or_default();
                call.0.push_str(id.as_deref().unwrap_or_default());
                call.1.push_str(name.as_deref().unwrap_or_default());
                call.2.push_str(piece);
            }
            EventKind::State { state, .. } => {
                let blocks: Vec<Value> = serde_json::from_str(&state.json).unwrap();
                let thoughts = blocks.iter().filter_map(|block| block.get("thought"));
                said.thoughts.extend(thoughts.cloned());
            }
            EventKind::Finish(finish) => {
                said.finish = finish.reason.as_str().to_owned();
                said.matched_stop.clone_from(&finish.matched_stop);
            }
            EventKind::Usage(usage) => said.usage = Counts::of(usage),
            _ => {}
        }
    }
    assert!(
        arguments.keys().copied().eq(0..arguments.len() as u32),
        "indices are dense"
    );
    let calls = arguments.into_values();
    said.calls = calls
        .map(|(id, name, json)| {
            (
                id,
                name,
                serde_json::from_str(&json).unwrap_or(Value::String(json)),
            )
        })
        .collect();
    said
}

/// What the recorded body says, folded to a whole message and read by hand.
fn recorded(recording: &Recording) -> Said {
    let message = match recording.is_stream() {
        true => folded(&recording.response.body),
        false => serde_json::from_slice(&recording.response.body).unwrap(),
    };
    let mut said = Said {
        usage: Counts::recorded(&message["usage"]),
        matched_stop: message["stop_sequence"].as_str().map(str::to_owned),
        ..Said::default()
    };
    for block in message["content"].as_array().unwrap() {
        match block["type"].as_str().unwrap() {
            "text" => said.text.push_str(block["text"].as_str().unwrap()),
            "thinking" => {
                said.reasoning.push_str(block["thinking"].as_str().unwrap());
                said.thoughts.push(block.clone());
            }
            "redacted_thinking" => said.thoughts.push(block.clone()),
            "tool_use" => said.calls.push((
                block["id"].as_str().unwrap().to_owned(),
                block["name"].as_str().unwrap().to_owned(),
                block["input"].clone(),
            )),
            _ => {}
        }
    }
    let word = match message["stop_reason"].as_str().unwrap() {
        "max_tokens" => "length",
        "refusal" => "content_filter",
        "tool_use" => "tool_calls",
        // Programs that call tools by themselves: whoever sees calls has to see that there are some.
        "end_turn" if !said.calls.is_empty() => "tool_calls",
        "end_turn" | "stop_sequence" | "pause_turn" => "stop",
        other => panic!("{}: a new stop reason {other}", recording.id),
    };
    said.finish = word.to_owned();
    said
}

/// A stream as the message that it streams.
fn folded(body: &Bytes) -> Value {
    let mut message = Value::Null;
    for event in fault::events(body) {
        let event = String::from_utf8(event.to_vec()).unwrap();
        let data: String = event
            .lines()
            .filter_map(|line| line.strip_prefix("data:"))
            .collect();
        let Ok(data) = serde_json::from_str::<Value>(&data) else {
            continue;
        };
        let index = data["index"].as_u64().unwrap_or_default() as usize;
        match data["type"].as_str().unwrap() {
            "message_start" => message = data["message"].clone(),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().unwrap();
                assert_eq!(blocks.len(), index);
                blocks.push(data["content_block"].clone());
            }
            "content_block_delta" => extend(&mut message["content"][index], &data["delta"]),
            "content_block_stop" => {
                let block = &mut message["content"][index];
                if let Some(json) = block["partial_json"].as_str().map(str::to_owned) {
                    let object = block.as_object_mut().unwrap();
                    object.remove("partial_json");
                    if !json.is_empty() {
                        object["input"] = serde_json::from_str(&json).unwrap_or(Value::String(json));
                    }
                }
            }
            "message_delta" => {
                for (name, value) in data["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                lay(&mut message["usage"], &data["usage"]);
            }
            // Some recordings hold several answers one after the other: the first is the answer.
            "message_stop" => break,
            _ => {}
        }
    }
    message
}

fn extend(block: &mut Value, delta: &Value) {
    if delta["type"] == "citations_delta" {
        match block["citations"].as_array_mut() {
            Some(citations) => citations.push(delta["citation"].clone()),
            None => block["citations"] = Value::Array(vec![delta["citation"].clone()]),
        }
        return;
    }
    let (from, to) = match delta["type"].as_str().unwrap() {
        "text_delta" => ("text", "text"),
        "thinking_delta" => ("thinking", "thinking"),
        "signature_delta" => ("signature", "signature"),
        "input_json_delta" => ("partial_json", "partial_json"),
        _ => return,
    };
    let mut text = block[to].as_str().unwrap_or_default().to_owned();
    text.push_str(delta[from].as_str().unwrap());
    block[to] = Value::String(text);
}

fn lay(under: &mut Value, over: &Value) {
    for (name, value) in over.as_object().into_iter().flatten() {
        if !value.is_null() {
            under[name] = value.clone();
        }
    }
}

fn answered() -> Vec<Recording> {
    let both = ["anthropic-messages", "vertex-anthropic"].into_iter();
    let all = both.flat_map(|api| recordings(api).unwrap_or_default());
    all.filter(|recording| recording.response.status == 200).collect()
}

fn streams() -> Vec<Recording> {
    let mut streams = answered();
    streams.retain(|recording| recording.is_stream() && !recording.cut);
    streams
}

#[test]
fn every_recorded_stream_says_what_was_recorded() {
    for recording in streams() {
        let told = told(&events(&recording.response.body));
        assert_eq!(
            told,
            recorded(&recording),
            "{} of {}",
            recording.id,
            recording.provider
        );
    }
}

#[test]
fn every_recorded_answer_says_what_was_recorded() {
    for recording in answered().into_iter().filter(|recording| !recording.is_stream()) {
        let (events, _) = DIALECT
            .decode_as_stream(
                &recording.response.body,
                &Quirks::default(),
                &presentation(),
                &Undo::default(),
            )
            .unwrap_or_else(|fault| panic!("{}: {fault}", recording.id));
        let kinds: Vec<EventKind> = events.into_iter().map(|event| event.kind).collect();
        assert_eq!(told(&kinds), recorded(&recording), "{}", recording.id);
    }
}

#[test]
fn where_a_recorded_stream_is_cut_and_how_it_is_framed_changes_nothing() {
    for recording in streams() {
        let body = &recording.response.body;
        let whole = read([body.clone()]);
        assert!(whole.2.is_ok(), "{}", recording.id);
        for cut in hostile_cuts(body, 7) {
            assert!(read(cut.pieces) == whole, "{}, {}", recording.id, cut.name);
        }
        for framed in framings(body) {
            let read = read([framed.bytes]);
            assert!(
                read.2.is_ok() && told(&read.0) == told(&whole.0),
                "{}, {}",
                recording.id,
                framed.name
            );
        }
    }
}

#[test]
fn a_recorded_stream_that_ends_early_is_a_fault_wherever_it_ends() {
    for recording in streams() {
        let body = &recording.response.body;
        let events = fault::events(body);
        let stop = events
            .iter()
            .position(|event| String::from_utf8_lossy(event).contains("message_stop"))
            .unwrap();
        for end in 0..stop {
            let (said, _, outcome) = read([fault::cut_after(body, end)]);
            assert_eq!(
                outcome.unwrap_err().kind,
                FaultKind::Cut,
                "{}, {end}",
                recording.id
            );
            let finished = said.iter().any(|event| matches!(event, EventKind::Finish(_)));
            assert!(
                !finished,
                "{}: an end that came too early looks like one",
                recording.id
            );
        }
        let (_, _, outcome) = read([fault::with_bad_json(body, stop)]);
        assert_eq!(
            outcome.unwrap_err().kind,
            FaultKind::Malformed,
            "{}",
            recording.id
        );
    }
}

#[test]
fn a_folded_stream_and_a_whole_answer_of_the_same_message_are_the_same_answer() {
    for recording in streams() {
        let mut streamed = assembled(events(&recording.response.body));
        let mut message = folded(&recording.response.body);
        message["type"] = json!("message");
        let (mut whole, _) = answer(&message).unwrap();
        // How the arguments are spelt is the provider's business.
        for answer in [&mut streamed, &mut whole] {
            let calls = answer["choices"][0]["message"].get_mut("tool_calls");
            for call in calls.and_then(Value::as_array_mut).into_iter().flatten() {
                let spelt = call["function"]["arguments"].as_str().unwrap();
                call["function"]["arguments"] = serde_json::from_str(spelt).unwrap_or(json!(spelt));
            }
        }
        assert_eq!(streamed, whole, "{}", recording.id);
    }
}

#[test]
fn recorded_thoughts_are_kept_for_the_turns_that_have_them_and_for_no_others() {
    for recording in streams() {
        let (events, turns, _) = read([recording.response.body.clone()]);
        let said = told(&events);
        let blocks = turns.iter().flat_map(order);
        let kept = blocks.filter(|block| !block["thought"].is_null()).count();
        assert_eq!(kept, said.thoughts.len(), "{}", recording.id);
        if let [turn] = &*turns {
            assert_eq!(turn.keys.len(), said.calls.len().max(1), "{}", recording.id);
        }
    }
}

#[test]
fn a_recorded_refusal_is_a_filtered_answer_with_its_reason_and_its_counts() {
    let mut reasons = 0;
    for recording in answered()
        .iter()
        .filter(|recording| recording.has_tag("finish:refusal"))
    {
        let message = match recording.is_stream() {
            true => folded(&recording.response.body),
            false => serde_json::from_slice(&recording.response.body).unwrap(),
        };
        let (answer, _) = answer(&message).unwrap();
        let choice = &answer["choices"][0];
        assert_eq!(
            choice["finish_reason"],
            FinishReason::ContentFilter.as_str(),
            "{}",
            recording.id
        );
        assert_eq!(
            choice["message"]["refusal"], message["stop_details"]["explanation"],
            "{}",
            recording.id
        );
        assert_eq!(answer["usage"]["total_tokens"], 23);
        reasons += usize::from(choice["message"]["refusal"].is_string());
    }
    if !answered().is_empty() {
        assert_eq!(reasons, 2);
    }
}
