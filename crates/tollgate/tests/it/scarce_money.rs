//! Money that one gate needs while others, who share it, have it and do not use it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Gate},
    postgres::Postgres,
    provider::{FakeProvider, accepts_and_says_nothing},
};

use crate::{
    credit::full_key,
    postgres::{exact_gate_on, modest, provider},
    stage::question_with,
};

/// Three gates, and a key of all of them with so much credit that is held for the most that its requests can cost.
async fn three_gates(server: &Postgres, provider: &FakeProvider, dollars: &str) -> (Vec<Gate>, String) {
    let mut gates = Vec::new();
    for name in ["one", "two", "three"] {
        gates.push(exact_gate_on(server, provider).key_named(name).start().await);
    }
    let key = full_key(&gates[0], dollars).await;
    (gates, key)
}

/// A question for which $0.000015 a token are held, and which costs $0.0015.
fn large(tokens: u32) -> Value {
    question_with(json!({"max_tokens": tokens}))
}

/// Asks now and then, without an end.
async fn use_a_little(gate: &Gate, key: &str) {
    loop {
        assert_eq!(said(&gate.post_with(key, &modest()).await), (200, None));
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

fn said(answer: &Answer) -> (u16, Option<String>) {
    (answer.status, answer.error_code())
}

#[tokio::test]
async fn money_that_no_request_holds_is_there_for_whichever_gate_has_the_next_request() {
    let Some(server) = Postgres::start("gates that need each other's money are not tried") else {
        return;
    };
    let provider = provider().await;
    let (gates, key) = three_gates(&server, &provider, "0.22").await;

    let mut said_by = Vec::new();
    for gate in gates.iter().cycle().take(15) {
        // Two thirds of what there is, one at a time.
        said_by.push(said(&gate.post_with(&key, &large(10_000)).await));
    }

    assert_eq!(said_by, vec![(200, None); 15]);
}

#[tokio::test]
async fn a_request_gets_what_gates_have_that_are_used_a_little_all_the_time() {
    let Some(server) = Postgres::start("gates that need each other's money are not tried") else {
        return;
    };
    let provider = provider().await;
    let (gates, key) = three_gates(&server, &provider, "0.30").await;
    let much = async {
        // Until the others have their slices.
        tokio::time::sleep(Duration::from_millis(600)).await;
        gates[0].post_with(&key, &large(16_000)).await
    };

    let answer = tokio::select! {
        answer = much => answer,
        () = use_a_little(&gates[1], &key) => unreachable!("it has no end"),
        () = use_a_little(&gates[2], &key) => unreachable!("it has no end"),
    };

    assert_eq!(said(&answer), (200, None), "{answer:?}");
}

#[tokio::test]
async fn what_requests_of_other_gates_hold_is_refused_and_soon() {
    let Some(server) = Postgres::start("gates that need each other's money are not tried") else {
        return;
    };
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let (gates, key) = three_gates(&server, &provider, "0.22").await;

    let body = large(10_000);
    let refused = async {
        provider.received(1).await;
        let began = Instant::now();
        let refused = gates[1].post_with(&key, &body).await;
        (said(&refused), began.elapsed())
    };
    let (code, waited) = tokio::select! {
        refused = refused => refused,
        answer = gates[0].post_with(&key, &body) => panic!("it is under way: {answer:?}"),
    };

    assert_eq!(code, (429, Some("account_credit_held".to_owned())));
    assert!(waited < Duration::from_secs(4), "{waited:?}");
}
