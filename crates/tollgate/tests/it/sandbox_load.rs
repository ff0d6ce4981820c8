//! In the sandbox a short request does not wait for long ones.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tollgate_testkit::gate::Gate;

use crate::{
    pages::GENERAL,
    sandbox::{gate_with_model, short, user},
};

/// How much longer a short request may take beside eight long ones.
const SLOWER: f64 = 3.0;

fn brief() -> Value {
    short(
        GENERAL,
        json!({"messages": user("What is the capital of France? Answer in one sentence."), "max_tokens": 24}),
    )
}

fn long(number: u64) -> Value {
    let question = format!("Tell me a very long story, the {number}th of many, about the sea and a ship.");
    short(
        GENERAL,
        json!({"messages": user(&question), "max_tokens": 1_000, "temperature": 1, "seed": number}),
    )
}

async fn time_of(gate: &Gate, asked: &Value) -> Duration {
    let began = Instant::now();
    gate.stream(asked).await;
    began.elapsed()
}

#[tokio::test]
async fn a_short_request_beside_eight_long_ones_takes_at_most_three_times_as_long() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let gate = Arc::new(gate);
    // The first one also loads the model, and what is read once is remembered.
    gate.post(&brief()).await;
    let mut measured = Vec::new();
    for round in 0..3 {
        let alone = time_of(&gate, &brief()).await;
        let mut others = JoinSet::new();
        for number in 0..8 {
            let (gate, asked) = (Arc::clone(&gate), long(round * 8 + number));
            others.spawn(async move { gate.stream(&asked).await.has_done() });
        }
        tokio::task::yield_now().await;
        let beside = time_of(&gate, &brief()).await;
        assert!(others.try_join_next().is_none(), "the long ones have to last");
        others.shutdown().await;
        let slower = beside.as_secs_f64() / alone.as_secs_f64();
        measured.push(format!("{alone:?} alone, {beside:?} beside them"));
        // Other tests on the same machine disturb a measurement, but hardly three of them.
        if slower <= SLOWER {
            return;
        }
    }
    panic!("{measured:?}");
}
