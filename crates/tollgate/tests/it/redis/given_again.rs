//! Databases that lost keys give their numbers again. What gates and their Redis keep for a key is not found by the one that
//! has its number then.

use serde_json::Value;
use tollgate_testkit::{
    gate::Gate,
    provider::{FakeProvider, says},
};

use super::{
    ask,
    kept::{THINKER, THOUGHT, answers_are_kept, second_turn, think, two_thinkers},
    servers,
};
use crate::{credit::run, stage::question_to};

/// The number of the key of this name.
async fn number(gate: &Gate, name: &str) -> Value {
    let shown = run(gate, &["keys", "show", "--name", name]).await;
    let shown: Value = serde_json::from_str(&shown).expect("a key is shown as JSON");
    shown["id"].clone()
}

#[tokio::test]
async fn a_key_with_the_number_of_a_lost_one_finds_nothing_of_what_was_kept_for_that() {
    let Some(mut servers) = servers() else { return };
    let provider = FakeProvider::start().await;
    let gates = two_thinkers(&servers, &provider).await;
    let asked = question_to(THINKER);
    servers.postgres.keep_copy();
    let lost = gates[0].create_key(&["--name", "lost"]).await;
    let its_number = number(&gates[0], "lost").await;
    think(&servers, &provider, &gates[0], &lost).await;
    provider.always(says("for the lost one"));
    for name in ["one", "two"] {
        assert_eq!(ask(&gates[0], &lost, name, &asked).await.status, 200);
    }
    answers_are_kept(&servers, 2).await;

    servers.postgres.fail_over_to_copy();
    let next = gates[0].create_key(&["--name", "next"]).await;
    assert_eq!(number(&gates[0], "next").await, its_number);

    // The gate that kept it in memory too, and the one that would find it in Redis alone.
    for (gate, name) in gates.iter().zip(["one", "two"]) {
        let answer = ask(gate, &next, name, &asked).await;
        assert_eq!(
            (answer.status, answer.header("x-tollgate-replayed")),
            (200, None),
            "{answer:?}"
        );
        let answer = gate.post_with(&next, &second_turn()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let requests = provider.requests();
        let sent = requests.last().unwrap().json().to_string();
        assert!(!sent.contains(THOUGHT), "{sent}");
    }
}
