//! Recorded traffic of the hosts that speak chat completions, read whole and cut in hostile places.

use bytes::Bytes;
use serde_json::Value;
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{Event, EventKind, Wire};
use tollgate_dialects::{Fault, FaultKind};
use tollgate_testkit::{
    cuts::{fault, framing::framings, hostile_cuts},
    recordings::{Recording, recordings},
};

use super::fixtures::{DIALECT, assembled, decode_answer, decode_stream, shown, stream_decoder};

fn decode(pieces: impl IntoIterator<Item = Bytes>) -> Result<Vec<Event>, Fault> {
    let streamed = decode_stream(stream_decoder(), pieces);
    streamed.end.map(|()| streamed.events)
}

/// Events without the white space between JSON tokens, in which framing may differ.
fn meaning(events: Vec<Event>) -> Vec<(EventKind, Option<Value>)> {
    let chunk = |wire| match wire {
        Wire::Chunk(json) => Some(serde_json::from_slice(&json).unwrap()),
        Wire::Unwritten | Wire::Covered => None,
    };
    events
        .into_iter()
        .map(|event| (event.kind, chunk(event.wire)))
        .collect()
}

pub fn streams() -> Vec<Recording> {
    let recordings = recordings("openai-chat").unwrap_or_default();
    let whole = recordings
        .into_iter()
        .filter(|recording| recording.is_stream() && !recording.cut);
    whole
        .filter(|recording| !recording.has_tag("midstream-error"))
        // One host once left the finish out: that is a fault, tested below.
        .filter(|recording| recording.tags.iter().any(|tag| tag.starts_with("finish:")))
        .collect()
}

/// The text of content, which may come in parts; thoughts among them are none.
fn text_of(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten();
    let text = |part: &Value| part["text"].as_str().map(str::to_owned);
    content
        .as_str()
        .map_or_else(|| parts.filter_map(text).collect(), str::to_owned)
}

/// Tokens of the prompt, with the sound that Mistral counts beside it.
fn prompt_tokens(usage: &Value) -> Option<u64> {
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let prompt = usage["prompt_tokens"].as_u64()?;
    let audio = count(&usage["prompt_tokens_details"]["audio_tokens"]);
    let outside = count(&usage["total_tokens"]) == prompt + count(&usage["completion_tokens"]) + audio;
    Some(if outside { prompt + audio } else { prompt })
}

/// What the stream says, read without any of our code: text, tool arguments, last usage.
fn said(body: &Bytes) -> (String, String, Option<u64>) {
    let mut said = (String::new(), String::new(), None);
    for event in fault::events(body) {
        let event = String::from_utf8(event.to_vec()).unwrap();
        let data = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let Ok(chunk) = serde_json::from_str::<Value>(&data.collect::<String>()) else {
            continue;
        };
        for choice in chunk["choices"].as_array().into_iter().flatten() {
            let delta = &choice["delta"];
            said.0.push_str(&text_of(&delta["content"]));
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                said.1
                    .push_str(call["function"]["arguments"].as_str().unwrap_or_default());
            }
        }
        let usage = [&chunk["usage"], &chunk["x_groq"]["usage"]];
        said.2 = usage.iter().find_map(|usage| prompt_tokens(usage)).or(said.2);
    }
    said
}

#[test]
fn every_recorded_stream_keeps_its_text_its_tool_calls_and_its_usage() {
    for recording in streams() {
        let events = decode([recording.response.body.clone()])
            .unwrap_or_else(|fault| panic!("{} of {}: {fault}", recording.id, recording.provider));
        let (mut text, mut arguments, mut prompt) = (String::new(), String::new(), None);
        for event in &events {
            match &event.kind {
                EventKind::Text { text: piece, .. } => text.push_str(piece),
                EventKind::ToolCall { arguments: piece, .. } => arguments.push_str(piece),
                EventKind::Usage(usage) => prompt = Some(usage.prompt),
                _ => {}
            }
        }
        let expected = said(&recording.response.body);
        assert_eq!(text, expected.0, "{} of {}", recording.id, recording.provider);
        // A call without arguments gets `{}`; nothing else may be added.
        let added = arguments.replace("{}", "");
        assert_eq!(
            added,
            expected.1.replace("{}", ""),
            "{} of {}",
            recording.id,
            recording.provider
        );
        assert_eq!(prompt, expected.2, "{} of {}", recording.id, recording.provider);
        assert!(
            events
                .iter()
                .any(|event| matches!(event.kind, EventKind::Finish(_))),
            "{} has no finish",
            recording.id
        );
    }
}

#[test]
fn every_chunk_of_a_recorded_stream_leaves_in_our_form() {
    for recording in streams() {
        let events = decode([recording.response.body.clone()])
            .unwrap_or_else(|fault| panic!("{} of {}: {fault}", recording.id, recording.provider));
        let mut heads = Vec::new();
        for event in events {
            let Wire::Chunk(json) = event.wire else { continue };
            let chunk: Value = serde_json::from_slice(&json)
                .unwrap_or_else(|error| panic!("{}: {error}: {json:?}", recording.id));
            heads.push((chunk["id"].clone(), chunk["created"].clone()));
            assert_eq!(chunk["model"], "asked", "{}", recording.id);
            assert_eq!(chunk["object"], "chat.completion.chunk", "{}", recording.id);
            assert!(
                chunk.get("usage").is_none(),
                "{}: usage was not asked for",
                recording.id
            );
            for choice in chunk["choices"].as_array().unwrap() {
                assert!(choice.get("finish_reason").is_some(), "{}: {chunk}", recording.id);
                assert!(choice["delta"].is_object(), "{}: {chunk}", recording.id);
                assert!(
                    choice["delta"].get("reasoning").is_none(),
                    "{}: {chunk}",
                    recording.id
                );
            }
        }
        heads.dedup();
        assert_eq!(
            heads.len(),
            1,
            "{}: id and created changed in the stream",
            recording.id
        );
    }
}

#[test]
fn where_the_bytes_are_cut_and_how_they_are_framed_changes_nothing() {
    for recording in streams() {
        let body = &recording.response.body;
        let whole = meaning(decode([body.clone()]).unwrap());
        for cut in hostile_cuts(body, 7) {
            let events = meaning(decode(cut.pieces).unwrap());
            assert!(events == whole, "{}, {}", recording.id, cut.name);
        }
        for framed in framings(body) {
            let events = meaning(decode([framed.bytes]).unwrap());
            assert!(events == whole, "{}, {}", recording.id, framed.name);
        }
    }
}

#[test]
fn a_stream_cut_before_its_finish_is_a_fault_and_never_a_quiet_end() {
    for recording in streams() {
        let body = &recording.response.body;
        let events = fault::events(body);
        let finish = events.iter().position(|event| {
            let event = String::from_utf8_lossy(event);
            event.contains("\"finish_reason\":\"") || event.contains("\"finish_reason\": \"")
        });
        let Some(finish) = finish.filter(|finish| *finish > 0) else {
            continue;
        };
        let fault = decode([fault::cut_after(body, finish)]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Cut, "{}", recording.id);
        let fault = decode([fault::with_bad_json(body, finish)]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Malformed, "{}", recording.id);
    }
}

#[test]
fn a_recorded_stream_that_is_done_without_a_finish_is_a_fault() {
    for recording in recordings("openai-chat").unwrap_or_default() {
        let finished = recording.tags.iter().any(|tag| tag.starts_with("finish:"));
        if recording.is_stream() && !finished {
            assert!(
                decode([recording.response.body.clone()]).is_err(),
                "{}",
                recording.id
            );
        }
    }
}

#[test]
fn recorded_errors_in_a_stream_are_faults() {
    let recordings = recordings("openai-chat").unwrap_or_default();
    for recording in recordings
        .iter()
        .filter(|recording| recording.has_tag("midstream-error"))
    {
        let outcome = decode([recording.response.body.clone()]);
        assert!(outcome.is_err(), "{} of {}", recording.id, recording.provider);
    }
}

#[test]
fn every_recorded_answer_keeps_its_words_and_gets_what_openai_always_sends() {
    let recordings = recordings("openai-chat").unwrap_or_default();
    let whole = recordings
        .iter()
        .filter(|recording| !recording.is_stream() && recording.response.status == 200);
    for recording in whole {
        let sent: Value = serde_json::from_slice(&recording.response.body).unwrap();
        if sent
            .get("choices")
            .is_none_or(|choices| choices.as_array().is_none_or(Vec::is_empty))
        {
            continue;
        }
        let text = std::str::from_utf8(&recording.response.body).unwrap();
        // Of a tool that takes free text, which no contract lets a client offer.
        if text.contains("\"custom\"") && text.contains("\"input\"") {
            let fault = decode_answer(text, &Quirks::default()).err();
            assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Malformed));
            continue;
        }
        let answer = decode_answer(text, &Quirks::default())
            .unwrap_or_else(|fault| panic!("{} of {}: {fault}", recording.id, recording.provider));
        let got = shown(&answer);
        assert_eq!(got["model"], "asked");
        for (sent, got) in sent["choices"]
            .as_array()
            .unwrap()
            .iter()
            .zip(got["choices"].as_array().unwrap())
        {
            let (content, got_content) = (&sent["message"]["content"], &got["message"]["content"]);
            assert_eq!(text_of(content), text_of(got_content), "{}", recording.id);
            assert!(
                got_content.is_string() || got_content.is_null(),
                "{}",
                recording.id
            );
            for always in ["logprobs", "finish_reason", "index"] {
                assert!(got.get(always).is_some(), "{}: {always}", recording.id);
            }
            assert!(got["message"].get("refusal").is_some(), "{}", recording.id);
        }
        let usage = &got["usage"];
        assert_eq!(
            usage["total_tokens"].as_u64().unwrap(),
            usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap(),
            "{}",
            recording.id
        );
    }
}

#[test]
fn recorded_errors_are_told_apart() {
    use FaultKind::{BadRequest, Credential, ModelUnknown, RateLimited};
    let Some(recordings) = recordings("openai-chat") else {
        return;
    };
    let mut seen = Vec::new();
    for recording in recordings
        .iter()
        .filter(|recording| recording.response.status >= 400)
    {
        let fault = DIALECT.fault(recording.response.status, &recording.response.body);
        assert!(!fault.message.is_empty(), "{}", recording.id);
        let row = (recording.provider.as_str(), recording.response.status, fault.kind);
        if !seen.contains(&row) {
            seen.push(row);
        }
    }
    seen.sort_by_key(|(provider, status, _)| (*provider, *status));
    assert_eq!(
        seen,
        [
            ("azure", 404, ModelUnknown),
            ("deepseek", 400, BadRequest),
            ("deepseek", 400, ModelUnknown),
            ("deepseek", 401, Credential),
            ("groq", 400, BadRequest),
            ("groq", 404, ModelUnknown),
            ("mistral", 400, ModelUnknown),
            ("openai", 400, BadRequest),
            ("openai", 401, Credential),
            ("openai", 404, ModelUnknown),
            ("openrouter", 401, Credential),
            ("openrouter", 429, RateLimited),
            ("perplexity", 401, Credential),
        ]
    );
}

#[test]
fn a_folded_stream_says_what_the_stream_says() {
    for recording in streams() {
        let events = decode([recording.response.body.clone()]).unwrap();
        let answer = assembled(events.into_iter().map(|event| event.kind));
        let text: String = answer["choices"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|choice| choice["message"]["content"].as_str())
            .collect();
        if answer["choices"].as_array().unwrap().len() == 1 {
            assert_eq!(text, said(&recording.response.body).0, "{}", recording.id);
        }
    }
}
