//! What is written anew for a client, where a provider's own chunks do not pass: judged as OpenAI's own
//! would be.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    chunk::ChunkWriter,
    event::{EventKind, Finish, FinishReason, Place, Start, State},
    usage::{Usage, UsageShape},
};
use tollgate_dialects::Undo;
use tollgate_testkit::{
    grammar::{Asked, Checked, check_stream},
    recordings::recordings,
    schema,
};

use super::{
    fixtures::{DIALECT, presentation},
    recordings::streams,
};
use crate::harness;

/// Writes a stream as the relay does, and holds it and each of its chunks to the rules.
fn judged(events: &[EventKind], name: &str) -> Checked {
    let mut writer = ChunkWriter::new(presentation().head, true);
    let mut usage = Usage::default();
    let mut body = String::new();
    let mut send = |chunk: &str| {
        let value: Value = serde_json::from_str(chunk).unwrap();
        assert_eq!(schema::check_chunk(&value), [], "{name}: {chunk}");
        body.push_str(&format!("data: {chunk}\n\n"));
    };
    for event in events {
        if let EventKind::Usage(counts) = event {
            usage = *counts;
        }
        if let Some(chunk) = writer.write(event) {
            send(&chunk);
        }
    }
    send(&writer.usage(&usage, &UsageShape::default()));
    body.push_str("data: [DONE]\n\n");
    let asked = Asked {
        model: Some("asked".to_owned()),
        usage: true,
    };
    let checked = check_stream(body.as_bytes(), &asked);
    assert_eq!(checked.violations, [], "{name}");
    checked
}

/// Folds the same events, and holds the answer to the rules.
fn folded(events: &[EventKind], name: &str) -> Value {
    let answer = harness::assembled(events.iter().cloned());
    assert_eq!(schema::check_answer(&answer), [], "{name}: {answer}");
    answer
}

#[test]
fn every_kind_of_event_is_written_by_the_rules() {
    let token = json!([{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]);
    let piece = |index: u32, id: Option<&str>, name: Option<&str>, arguments: &str| EventKind::ToolCall {
        choice: 0,
        index,
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        arguments: arguments.to_owned(),
    };
    let text = |choice: u32, text: &str| EventKind::Text {
        choice,
        text: text.to_owned(),
    };
    let finish = |choice: u32, reason: FinishReason, stop: Option<&str>| {
        EventKind::Finish(Finish {
            choice,
            reason,
            matched_stop: stop.map(str::to_owned),
            provider_reason: None,
        })
    };
    let events = [
        EventKind::Start(Start::default()),
        EventKind::Reasoning {
            choice: 0,
            text: "Hm\n".to_owned(),
        },
        EventKind::State {
            choice: 0,
            state: State {
                place: Place::Start,
                json: "{}".into(),
            },
        },
        EventKind::BlockEnd { choice: 0 },
        text(0, "a"),
        EventKind::Logprobs {
            choice: 0,
            json: token.to_string(),
        },
        EventKind::Image {
            choice: 0,
            url: "data:image/png;base64,AAAA".to_owned(),
        },
        piece(0, Some("call_1"), Some("f"), "{\"a\":"),
        text(1, "b"),
        piece(0, None, None, "1}"),
        piece(1, Some("call_2"), Some("g"), "{}"),
        finish(1, FinishReason::Stop, Some("END")),
        finish(0, FinishReason::ToolCalls, None),
        EventKind::Usage(Usage {
            prompt: 3,
            completion: 9,
            reasoning: 4,
            cached: 1,
            ..Usage::default()
        }),
    ];
    let summary = judged(&events, "every kind").summary;
    assert_eq!((summary.text(), summary.reasoning()), ("a", "Hm\n"));
    assert_eq!(summary.tool_calls().len(), 2);
    let answer = folded(&events, "every kind");
    let message = &answer["choices"][0]["message"];
    assert_eq!(
        (&message["content"], &message["reasoning_content"]),
        (&json!("a"), &json!("Hm\n"))
    );
    assert_eq!(answer["choices"][0]["logprobs"]["content"], token);
}

/// Recorded streams, read as if a tool's name had to be put back, so that nothing of them passes as it is.
#[test]
fn every_recorded_stream_can_be_written_anew_and_says_the_same() {
    let undo = Undo {
        tool_names: [("no such tool".to_owned(), "nor this".to_owned())].into(),
        ..Undo::default()
    };
    for recording in streams() {
        let read = |undo: Undo| {
            let decoder = harness::stream_decoder(DIALECT, &Quirks::default(), undo);
            let streamed = harness::decode_stream(decoder, [recording.response.body.clone()]);
            streamed.end.clone().map(|()| streamed.kinds())
        };
        let raw = read(Undo::default()).unwrap();
        let anew = read(undo.clone()).unwrap_or_else(|fault| panic!("{}: {fault}", recording.id));
        assert!(raw == anew, "{}: nothing was to be changed", recording.id);
        // A custom tool takes free text: its call has no chunk of ours.
        if recording
            .response
            .body
            .windows(8)
            .any(|bytes| bytes == b"\"custom\"")
        {
            continue;
        }
        judged(&anew, &recording.id);
        folded(&anew, &recording.id);
    }
}

#[test]
fn every_recorded_answer_can_be_written_anew_and_says_the_same() {
    let undo = Undo {
        tool_names: [("no such tool".to_owned(), "nor this".to_owned())].into(),
        ..Undo::default()
    };
    for recording in recordings("openai-chat").unwrap_or_default() {
        if recording.is_stream() || recording.response.status != 200 {
            continue;
        }
        let decode = |undo: &Undo| {
            let body = &recording.response.body;
            let decoded = harness::decode_answer(DIALECT, &Quirks::default(), undo, body);
            decoded.map(|decoded| harness::shown(&decoded.answer))
        };
        let Ok(raw) = decode(&Undo::default()) else {
            continue;
        };
        // A spoken answer has no events, so nobody is promised it: requests for one are refused.
        if raw["choices"][0]["message"]["audio"].is_object() || raw.to_string().contains("\"custom\"") {
            continue;
        }
        let anew = decode(&undo).unwrap_or_else(|fault| panic!("{}: {fault}", recording.id));
        assert_eq!(schema::check_answer(&anew), [], "{}", recording.id);
        assert_eq!(anew["usage"], raw["usage"], "{}", recording.id);
        let choices = |answer: &Value| answer["choices"].as_array().cloned().unwrap_or_default();
        for (raw, anew) in choices(&raw).iter().zip(choices(&anew)) {
            for member in ["content", "reasoning_content", "refusal"] {
                let text = |choice: &Value| choice["message"][member].as_str().unwrap_or_default().to_owned();
                assert_eq!(text(&anew), text(raw), "{}: {member}", recording.id);
            }
            let calls = |choice: &Value| {
                let calls = choice["message"]["tool_calls"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                let call = |call: &Value| (call["id"].clone(), call["function"].clone());
                calls.iter().map(call).collect::<Vec<_>>()
            };
            assert_eq!(calls(&anew), calls(raw), "{}", recording.id);
            assert_eq!(anew["finish_reason"], raw["finish_reason"], "{}", recording.id);
            assert_eq!(
                anew["logprobs"]["content"], raw["logprobs"]["content"],
                "{}",
                recording.id
            );
        }
    }
}
