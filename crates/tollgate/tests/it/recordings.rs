//! Real traffic of providers that speak chat completions, replayed through the gate.
//!
//! What each recording says is worked out here a second time, straight from its JSON, and compared
//! with what the client reads; the grammar and the schema judge the rest. Without the recordings the
//! tests say so and pass.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_testkit::{
    cuts::hostile_cuts,
    gate::{Channel, Gate},
    provider::{FakeProvider, Script, answers_with, streams_raw},
    recordings::{Recording, recordings},
};

use crate::stage::{question_to, setup, with};

/// Providers of the recordings that have a preset; all others are plain compatible servers.
const PRESETS: [(&str, &str); 4] = [
    ("openai", "openai"),
    ("deepseek", "deepseek"),
    ("alibaba", "dashscope"),
    ("xai", "xai"),
];
const ZHIPU: (&str, &str) = ("zhipu", "zhipu");
const OTHER: &str = "openai-compatible";

fn preset_of(provider: &str) -> &'static str {
    PRESETS
        .into_iter()
        .chain([ZHIPU])
        .find_map(|(name, preset)| (name == provider).then_some(preset))
        .unwrap_or(OTHER)
}

/// The model under which the channel of a preset is asked.
fn model_of(preset: &str) -> String {
    format!("recorded-at-{preset}")
}

/// One gate with a channel of each preset, all to one fake provider.
async fn stage() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start().await;
    let mut setup = setup();
    for preset in PRESETS
        .into_iter()
        .chain([ZHIPU])
        .map(|(_, preset)| preset)
        .chain([OTHER])
    {
        let model = model_of(preset);
        setup = setup.channel(
            Channel::to(&provider)
                .named(preset)
                .provider(preset)
                .models([model.as_str()]),
        );
    }
    (provider, setup.start().await)
}

pub fn replay(recording: &Recording) -> Script {
    let headers: Vec<(&str, &str)> = recording
        .response
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    answers_with(
        recording.response.status,
        &headers,
        recording.response.body.clone(),
    )
}

/// What an answer says: its choices by index.
#[derive(Debug, Default, PartialEq)]
struct Said(BTreeMap<u64, Choice>);

#[derive(Debug, Default, PartialEq)]
struct Choice {
    text: String,
    calls: Vec<String>,
}

impl Said {
    fn whole(answer: &Value) -> Self {
        let mut said = Self::default();
        for (choice, place) in answer["choices"].as_array().into_iter().flatten().zip(0..) {
            let read = said
                .0
                .entry(choice["index"].as_u64().unwrap_or(place))
                .or_default();
            let message = &choice["message"];
            read.text = text_of(&message["content"]);
            let calls = message["tool_calls"].as_array().into_iter().flatten();
            read.calls = calls.map(name_of).collect();
        }
        said
    }

    fn streamed<'a>(chunks: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut said = Self::default();
        for choice in chunks
            .into_iter()
            .flat_map(|chunk| chunk["choices"].as_array().into_iter().flatten())
        {
            let read = said.0.entry(choice["index"].as_u64().unwrap_or(0)).or_default();
            let delta = &choice["delta"];
            read.text.push_str(&text_of(&delta["content"]));
            let calls = delta["tool_calls"].as_array().into_iter().flatten();
            read.calls
                .extend(calls.map(name_of).filter(|name| !name.is_empty()));
        }
        said
    }
}

/// The text of content: a string, or the text parts among several (Mistral, while it thinks).
fn text_of(content: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match content.as_array() {
        Some(parts) => parts.iter().map(|part| text(&part["text"])).collect(),
        None => text(content),
    }
}

fn name_of(call: &Value) -> String {
    call["function"]["name"].as_str().unwrap_or_default().to_owned()
}

/// The JSON of every event of a recorded stream.
fn events(body: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(body)
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("data:")?.trim()).ok())
        .collect()
}

/// Whether a recorded stream is a whole answer: each choice has its finish, and there is no error.
fn is_whole(events: &[Value]) -> bool {
    let mut finished = BTreeMap::new();
    for choice in events
        .iter()
        .flat_map(|event| event["choices"].as_array().into_iter().flatten())
    {
        let ends = choice["finish_reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty());
        *finished
            .entry(choice["index"].as_u64().unwrap_or(0))
            .or_insert(false) |= ends;
    }
    let fails = |event: &Value| !event["error"].is_null();
    !finished.is_empty() && finished.values().all(|ends| *ends) && !events.iter().any(fails)
}

#[tokio::test]
async fn recorded_whole_answers_say_the_same_through_the_gate() {
    let Some(recordings) = recordings("openai-chat") else {
        return;
    };
    let (provider, gate) = stage().await;
    let mut replayed = 0;
    for recording in recordings
        .iter()
        .filter(|recording| !recording.stream && recording.response.status == 200)
    {
        let Ok(answer) = serde_json::from_slice::<Value>(&recording.response.body) else {
            continue;
        };
        if answer["choices"].as_array().is_none_or(Vec::is_empty) {
            continue;
        }
        provider.always(replay(recording));

        let seen = gate
            .post(&question_to(&model_of(preset_of(&recording.provider))))
            .await;

        // Of a tool that takes free text, which no contract lets a client offer.
        if answer["choices"][0]["message"]["tool_calls"][0]["type"] == "custom" {
            assert_eq!(seen.error_code().as_deref(), Some("provider_malformed_answer"));
            continue;
        }
        assert_eq!(seen.status, 200, "{}: {seen:?}", recording.id);
        assert_eq!(
            Said::whole(&seen.json()),
            Said::whole(&answer),
            "{}",
            recording.id
        );
        replayed += 1;
    }
    assert!(replayed > 100, "{replayed} recordings");
}

#[tokio::test]
async fn recorded_streams_say_the_same_through_the_gate_wherever_they_are_cut() {
    let Some(recordings) = recordings("openai-chat") else {
        return;
    };
    let (provider, gate) = stage().await;
    let mut replayed = 0;
    for (number, recording) in recordings
        .iter()
        .filter(|recording| recording.is_stream())
        .enumerate()
    {
        let body = &recording.response.body;
        let recorded = events(body);
        let model = model_of(preset_of(&recording.provider));
        let asked = with(
            question_to(&model),
            json!({
                "stream_options": {"include_usage": number % 2 == 0},
                // A second choice that nobody asked for is none.
                "n": recording.request.as_ref().map(|request| &request.body["n"]),
            }),
        );
        for pieces in cuts_for(body, number) {
            provider.always(streams_raw(pieces));

            let seen = gate.stream(&asked).await;

            let id = &recording.id;
            if is_whole(&recorded) {
                assert_eq!(seen.status, 200, "{id}: {:?}", seen.error());
                assert!(seen.has_done(), "{id}: {:?}", seen.error());
                assert_eq!(
                    Said::streamed(&seen.summary().chunks),
                    Said::streamed(&recorded),
                    "{id}"
                );
            } else {
                assert!(
                    seen.error().is_some() && !seen.has_done(),
                    "{id}: a broken stream passed for success"
                );
            }
            replayed += 1;
        }
    }
    assert!(replayed > 100, "{replayed} replays");
}

/// The stream whole, and in one of the hostile ways, another for each recording.
fn cuts_for(body: &Bytes, number: usize) -> [Vec<Bytes>; 2] {
    const LONG: usize = 64 * 1024;
    let mut cuts = hostile_cuts(body, number as u64);
    // A piece a byte takes a system call a byte.
    cuts.retain(|cut| cut.name != "whole" && cut.pieces.len() < LONG);
    let cut = cuts.swap_remove(number % cuts.len());
    [vec![body.clone()], cut.pieces]
}

#[tokio::test]
async fn recorded_errors_become_errors_of_the_gates_form() {
    let Some(recordings) = recordings("openai-chat") else {
        return;
    };
    let (provider, gate) = stage().await;
    let mut replayed = 0;
    for recording in recordings
        .iter()
        .filter(|recording| recording.response.status >= 400)
    {
        let model = model_of(preset_of(&recording.provider));
        provider.always(replay(recording));

        let whole = gate.post(&question_to(&model)).await;
        let stream = gate.stream(&question_to(&model)).await;

        let id = &recording.id;
        assert_eq!(whole.status, stream.status, "{id}");
        let refused_credential = matches!(recording.response.status, 401 | 403);
        assert!(whole.status == 502 || !refused_credential, "{id}: {whole:?}");
        assert!(matches!(whole.status, 400 | 429 | 502 | 503), "{id}: {whole:?}");
        replayed += 1;
    }
    assert!(replayed > 10, "{replayed} errors");
}

#[tokio::test]
async fn recorded_requests_are_taken_or_refused_by_a_parameter_that_they_have() {
    let Some(recordings) = recordings("openai-chat") else {
        return;
    };
    let (provider, gate) = stage().await;
    let (mut taken, mut refused) = (0, 0);
    for recording in &recordings {
        let Some(request) = recording
            .request
            .as_ref()
            .filter(|request| request.body["messages"].is_array())
        else {
            continue;
        };
        if recording.response.status != 200 {
            continue;
        }
        let own = json!({"model": model_of(OTHER), "stream": false, "stream_options": null});
        let before = provider.requests().len();

        let answer = gate.post(&with(request.body.clone(), own)).await;

        if answer.status == 200 {
            taken += 1;
        } else {
            assert_eq!(answer.status, 400, "{}: {answer:?}", recording.id);
            assert_eq!(
                provider.requests().len(),
                before,
                "{}: refused before it was sent",
                recording.id
            );
            assert!(answer.error_param().is_some(), "{}: {answer:?}", recording.id);
            refused += 1;
        }
    }
    // Other vendors' own forms (tools without a type, `document_url` parts) are no part of the contract.
    assert!(
        taken > 200 && refused * 10 < taken,
        "{taken} taken, {refused} refused"
    );
}
