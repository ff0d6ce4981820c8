//! Thoughts that are lost, or that their provider takes no longer: the exchange goes on.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, complains, decides, fails},
};

use super::{
    ANSWER, CLAUDE, SIGNATURE, THINKERS, asked, continued, kept_by_client::kept_by_the_client, last_sent,
    plain, question, weather,
};
use crate::{
    credit::key_with_credit_and,
    stage::{gate_to, setup},
};

/// MiniMax asks for its thoughts, but takes a turn that has lost them, and nothing may stand in for them.
pub fn forgives(provider: &FakeProvider, preset: &str) {
    if preset == "minimax" {
        provider.lenient();
    }
}

#[tokio::test]
async fn an_exchange_whose_thoughts_are_lost_goes_on() {
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather()).await;
        let before = gate_to(&provider, preset, model).await;
        let first = asked(&before, &question(model), false).await;
        let gate = gate_to(&provider, preset, model).await;
        forgives(&provider, preset);
        for stream in [false, true] {
            let second = continued(question(model), plain(first.tool_calls()));
            let answer = asked(&gate, &second, stream).await;

            assert_eq!(answer.text(), ANSWER, "{model}");
            assert!(!last_sent(&provider).to_string().contains(SIGNATURE), "{model}");
        }
    }
}

#[tokio::test]
async fn a_conversation_goes_on_behind_an_exchange_whose_thoughts_are_lost() {
    for (preset, model) in THINKERS {
        let provider = FakeProvider::start_with(weather()).await;
        let before = gate_to(&provider, preset, model).await;
        let first = asked(&before, &question(model), false).await;
        let gate = gate_to(&provider, preset, model).await;
        forgives(&provider, preset);
        let mut third = continued(question(model), plain(first.tool_calls()));
        let messages = third["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": ANSWER}));
        messages.push(json!({"role": "user", "content": "And in Porto?"}));
        for stream in [false, true] {
            let answer = asked(&gate, &third, stream).await;

            assert_eq!(answer.finish_reason(), Some("tool_calls"), "{model}");
        }
    }
}

#[tokio::test]
async fn thoughts_that_their_provider_no_longer_takes_stay_away_on_a_second_try() {
    const REFUSALS: [&str; 4] = [
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "Corrupted thought signature.",
        "The encrypted content gAAA...Rg== could not be verified.",
    ];
    for ((preset, model), refusal) in THINKERS.into_iter().zip(REFUSALS) {
        let kind = match preset {
            "gemini" => "INVALID_ARGUMENT",
            _ => "invalid_request_error",
        };
        let answers = weather();
        let provider = FakeProvider::start_with(answers.clone()).await;
        let gate = gate_to(&provider, preset, model).await;
        let first = asked(&gate, &question(model), false).await;
        provider.always(decides(move |request| {
            match request.json().to_string().contains(SIGNATURE) {
                true => complains(400, kind, refusal),
                false => answers.clone(),
            }
        }));
        let second = continued(question(model), plain(first.tool_calls()));
        for (stream, tries) in [(false, 2), (true, 1)] {
            let before = provider.requests().len();

            let answer = asked(&gate, &second, stream).await;

            assert_eq!(answer.text(), ANSWER, "{model}");
            let made = provider.requests().len() - before;
            assert_eq!(made, tries, "{model}: what was refused once is not tried again");
        }

        let kept = kept_by_the_client(preset, plain(first.tool_calls())).remove(0).1;
        let answer = gate.post(&continued(question(model), kept)).await;

        assert_eq!(answer.text(), ANSWER, "{model}: {answer:?}");
        let notes = answer.header("x-tollgate-notes").unwrap_or_default();
        assert!(notes.contains("omitted:messages.reasoning"), "{model}: {notes}");
    }
}

#[tokio::test]
async fn thoughts_that_were_refused_stay_away_on_later_tries_whatever_the_key_holds() {
    let (preset, model) = CLAUDE;
    for reserve in ["expected", "full"] {
        let provider = FakeProvider::start_with(weather()).await;
        let channel = Channel::of(preset, &provider).models([model]);
        let gate = setup().channel(channel).resilient().start().await;
        let key = key_with_credit_and(&gate, "100", &["--reserve", reserve]).await;
        let first = gate.post_with(&key, &question(model)).await.summary();
        // given that the thoughts are refused, and then the request without them fails once
        let (has_failed, answers) = (AtomicBool::new(false), weather());
        let refusal = "messages.1.content.0: Invalid `signature` in `thinking` block";
        provider.always(decides(move |request| {
            match request.json().to_string().contains(SIGNATURE) {
                true => complains(400, "invalid_request_error", refusal),
                false if !has_failed.swap(true, Ordering::Relaxed) => fails(500, "", "boom"),
                false => answers.clone(),
            }
        }));
        let before = provider.requests().len();

        let second = continued(question(model), plain(first.tool_calls()));
        let answer = gate.post_with(&key, &second).await;

        assert_eq!(answer.text(), ANSWER, "{reserve}: {answer:?}");
        let made = provider.requests();
        let thinks: Vec<bool> = made[before..]
            .iter()
            .map(|request| request.json().to_string().contains(SIGNATURE))
            .collect();
        assert_eq!(thinks, [true, false, false], "{reserve}");
    }
}
