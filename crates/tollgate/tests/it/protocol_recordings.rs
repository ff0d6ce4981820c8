//! Real traffic of Anthropic, Gemini and OpenAI's Responses, replayed through the gate.
//!
//! What each recording says is worked out here a second time, straight from its JSON, and compared
//! with what the client reads; the grammar and the schema judge the rest. Without the recordings the
//! tests say so and pass.

mod said;

use serde_json::json;
use tollgate_testkit::{
    cuts::hostile_cuts,
    gate::Gate,
    provider::{FakeProvider, streams_raw},
    recordings::{Recording, recordings},
};

use crate::{
    recordings::replay,
    stage::{SPEAKERS, question_to, stage_of, with},
};
use said::Told;

/// The APIs of the recordings with the place in [`SPEAKERS`] of who reads them.
const APIS: [(&str, usize); 4] = [
    ("anthropic-messages", 0),
    ("gemini", 1),
    ("vertex-gemini", 1),
    ("openai-responses", 2),
];

/// The recordings of every API, with a gate that reads them. Those of several choices are left to the
/// dialects' own tests: a client that asks for one gets one.
async fn stages() -> Vec<(Vec<Recording>, FakeProvider, Gate, &'static str)> {
    let mut stages = Vec::new();
    for (api, speaker) in APIS {
        let Some(mut found) = recordings(api) else {
            return vec![];
        };
        found.retain(|recording| !recording.has_tag("n>1"));
        let (preset, model) = SPEAKERS[speaker];
        let (provider, gate) = stage_of(preset, model).await;
        stages.push((found, provider, gate, model));
    }
    stages
}

#[tokio::test]
async fn recorded_whole_answers_say_the_same_through_the_gate() {
    for (recordings, provider, gate, model) in stages().await {
        let (mut replayed, mut differences) = (0, vec![]);
        // With a limit of its own it is asked for whole; else it might be fetched as a stream.
        let asked = with(question_to(model), json!({"max_tokens": 1000}));
        let whole = |recording: &&Recording| !recording.stream && recording.response.status == 200;
        for recording in recordings.iter().filter(whole) {
            let Some(told) = Told::by_whole(recording) else {
                continue;
            };
            provider.always(replay(recording));

            let seen = gate.post(&asked).await;

            differences.extend(told.difference(recording, seen.status, &seen.summary_or_error()));
            replayed += 1;
        }
        assert!(differences.is_empty(), "{model}: {}", differences.join("\n"));
        assert!(replayed > 30, "{model}: {replayed} recordings");
    }
}

#[tokio::test]
async fn recorded_streams_say_the_same_through_the_gate_wherever_they_are_cut() {
    for (recordings, provider, gate, model) in stages().await {
        let (mut replayed, mut differences) = (0, vec![]);
        let streams = recordings.iter().filter(|recording| recording.is_stream());
        for (recording, number) in streams.zip(0..) {
            let Some(told) = Told::by_stream(recording) else {
                continue;
            };
            let body = &recording.response.body;
            let mut cuts = hostile_cuts(body, number as u64);
            // A piece a byte takes a system call a byte.
            cuts.retain(|cut| cut.name != "whole" && cut.pieces.len() < 16 * 1024);
            let cut = cuts.swap_remove(number % cuts.len());
            for pieces in [vec![body.clone()], cut.pieces] {
                provider.always(streams_raw(pieces));
                let asked = with(
                    question_to(model),
                    json!({"stream_options": {"include_usage": number % 2 == 0}}),
                );

                let seen = gate.open_stream(&asked).await.rest().await;

                let rules = seen.broken_rules();
                if seen.status == 200 && !rules.is_empty() {
                    differences.push(format!("{}: {rules:?}", recording.id));
                }
                differences.extend(told.difference(recording, seen.status, seen.summary()));
                replayed += 1;
            }
        }
        assert!(differences.is_empty(), "{model}: {}", differences.join("\n"));
        assert!(replayed > 10, "{model}: {replayed} replays");
    }
}

#[tokio::test]
async fn recorded_errors_become_errors_of_the_gates_form() {
    for (recordings, provider, gate, model) in stages().await {
        for recording in recordings
            .iter()
            .filter(|recording| recording.response.status >= 400)
        {
            provider.always(replay(recording));

            let whole = gate.post(&question_to(model)).await;
            let stream = gate.stream(&question_to(model)).await;

            let id = &recording.id;
            assert_eq!(whole.status, stream.status, "{id}");
            assert!(matches!(whole.status, 400 | 429 | 502 | 503), "{id}: {whole:?}");
            let about_the_key = String::from_utf8_lossy(&recording.response.body)
                .to_ascii_lowercase()
                .contains("api key");
            assert!(whole.status == 502 || !about_the_key, "{id}: {whole:?}");
        }
    }
}

/// What a recording tells, by the way it came.
impl Told {
    fn by_whole(recording: &Recording) -> Option<Self> {
        let body = serde_json::from_slice(&recording.response.body).ok()?;
        Some(match recording.api.as_str() {
            "anthropic-messages" => said::anthropic::whole(&body),
            "openai-responses" => said::responses::whole(&body),
            // A stream that was not asked for as events.
            _ if body.is_array() => return None,
            _ => said::gemini::events(&[body]),
        })
    }

    fn by_stream(recording: &Recording) -> Option<Self> {
        let events = said::events(&recording.response.body);
        if events.is_empty() {
            return None;
        }
        Some(match recording.api.as_str() {
            "anthropic-messages" => said::anthropic::events(&events),
            "openai-responses" => said::responses::events(&events),
            _ => said::gemini::events(&events),
        })
    }
}
