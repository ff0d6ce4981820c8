#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use tollgate_chat::{
    answer::Answer,
    chunk::{AnswerShape, Head},
    event::{Finish, FinishReason},
    usage::{CountedBy, Usage},
};
use tollgate_dialects::Presentation;

use super::{numbers::Numbers, *};

fn held() -> Held {
    crate::buffered::Buffered::new(0).hold()
}

fn share(first: u32, choices: u32) -> Share {
    Share { first, choices }
}

fn presentation() -> Presentation {
    Presentation {
        head: Head {
            id: "chatcmpl-ours".to_owned(),
            created: 7,
            model: "m".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: false,
        estimated_prompt_tokens: 1,
    }
}

fn answer(id: &str, texts: &[&str], prompt: u64) -> Answer {
    let choices: Vec<String> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| format!(r#"{{"index":{index},"message":{{"content":"{text}"}},"x":1}}"#))
        .collect();
    let finish = |choice| Finish {
        choice,
        reason: FinishReason::Stop,
        matched_stop: None,
        provider_reason: None,
    };
    Answer {
        json: Bytes::from(format!(
            r#"{{"id":"{id}","object":"chat.completion","created":1,"model":"m","choices":[{}],"usage":{{}},"more":2}}"#,
            choices.join(",")
        )),
        usage: Usage {
            prompt,
            completion: 2,
            cached: 1,
            ..Usage::default()
        },
        counted_by: CountedBy::Provider,
        service_tier: None,
        unshown: Default::default(),
        finishes: (0..texts.len() as u32).map(finish).collect(),
    }
}

#[test]
fn choices_are_shared_out_without_gaps() {
    let shares: Vec<Share> = split(5, 2).collect();
    assert_eq!(shares, [share(0, 2), share(2, 2), share(4, 1)]);
    assert_eq!(split(3, 1).count(), 3);
}

#[test]
fn whole_answers_become_one_in_the_order_of_their_choices() {
    let answers = [
        (share(0, 2), answer("a", &["one", "two"], 10), held()),
        (share(2, 1), answer("b", &["three"], 10), held()),
    ];

    let merged = merge(&answers, &presentation()).unwrap();

    assert_eq!(
        std::str::from_utf8(&merged.json).unwrap(),
        concat!(
            r#"{"id":"chatcmpl-ours","object":"chat.completion","created":7,"model":"m","choices":["#,
            r#"{"index":0,"message":{"content":"one"},"x":1},"#,
            r#"{"index":1,"message":{"content":"two"},"x":1},"#,
            r#"{"index":2,"message":{"content":"three"},"x":1}],"#,
            r#""usage":{"prompt_tokens":20,"completion_tokens":4,"total_tokens":24,"#,
            r#""prompt_tokens_details":{"cached_tokens":2},"#,
            r#""completion_tokens_details":{"reasoning_tokens":0}},"more":2}"#
        )
    );
    assert_eq!(merged.usage.prompt, 20);
    let choices: Vec<u32> = merged.finishes.iter().map(|finish| finish.choice).collect();
    assert_eq!(choices, [0, 1, 2]);
}

#[test]
fn indexes_are_dense_where_a_provider_gives_fewer_choices() {
    let answers = [
        (share(0, 2), answer("a", &["one"], 10), held()),
        (share(2, 2), answer("b", &["two", "three"], 10), held()),
    ];

    let merged = merge(&answers, &presentation()).unwrap();

    let answer: serde_json::Value = serde_json::from_slice(&merged.json).unwrap();
    let indexes: Vec<u64> = answer["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indexes, [0, 1, 2]);
    let finishes: Vec<u32> = merged.finishes.iter().map(|finish| finish.choice).collect();
    assert_eq!(finishes, [0, 1, 2]);

    // In a stream the order is that in which they begin.
    let mut numbers = Numbers::default();
    let told =
        [(1, 2), (0, 0), (1, 2), (0, 2)].map(|(choice, first)| numbers.of(choice, share(first, 2)).unwrap());
    assert_eq!(told, [0, 1, 0, 2]);
}

#[test]
fn a_choice_that_was_not_asked_for_is_a_fault_and_not_another_shares() {
    let answers = [
        (share(0, 1), answer("a", &["one", "too much"], 1), held()),
        (share(1, 1), answer("b", &["two"], 1), held()),
    ];

    assert!(matches!(merge(&answers, &presentation()), Err(Failure::Fault(_))));
}

#[test]
fn a_chunk_gets_the_clients_index_and_the_answers_id_and_keeps_the_rest() {
    let json = Bytes::from_static(
        br#"{"id":"b","created":1,"choices":[{"index":0,"delta":{"content":"x"},"logprobs":{"content":[]}}],"x":1}"#,
    );

    let mut numbers = Numbers::default();
    for before in 0..3 {
        numbers.of(0, share(before, 1)).unwrap();
    }

    let chunk = merge::chunk(&json, share(3, 1), &mut numbers, &presentation().head).unwrap();

    assert_eq!(
        std::str::from_utf8(&chunk).unwrap(),
        r#"{"id":"chatcmpl-ours","created":7,"choices":[{"index":3,"delta":{"content":"x"},"logprobs":{"content":[]}}],"x":1}"#
    );
}
