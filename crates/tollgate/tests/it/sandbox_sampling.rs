//! In the sandbox tokens are drawn as they are said to be drawn.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    pages::GENERAL,
    sandbox::{gate_with_model, short, user},
    stage::with,
};

/// How far a frequency may be from its probability, in standard deviations of the binomial distribution.
const DEVIATIONS: f64 = 4.5;

fn probability(item: &Value) -> f64 {
    item["logprob"].as_f64().unwrap().exp()
}

#[tokio::test]
async fn first_tokens_come_as_often_as_their_probabilities_say() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let gate = Arc::new(gate);
    let mut requests = JoinSet::new();
    for seed in 0..16 {
        let gate = Arc::clone(&gate);
        requests.spawn(async move {
            let members = json!({
                "messages": user("Name an animal."),
                "temperature": 1,
                "top_p": 1,
                "max_tokens": 1,
                "n": 125,
                "seed": 1_000 * seed,
                "logprobs": true,
                "top_logprobs": 20,
            });
            let answer = gate.stream(&short(GENERAL, members)).await;
            let summary = answer.summary();
            let items = summary.chunks.iter().filter_map(|chunk| {
                let item = chunk["choices"][0]["logprobs"]["content"].get(0);
                item.cloned()
            });
            (summary.choices.len(), items.collect::<Vec<Value>>())
        });
    }
    let (mut samples, mut seen, mut top) = (0, HashMap::<String, u32>::new(), Vec::new());
    for (choices, items) in requests.join_all().await {
        // Where one ended at once there is no token; that is counted for none of them.
        samples += choices;
        for item in items {
            let token = item["token"].as_str().unwrap().to_owned();
            *seen.entry(token).or_default() += 1;
            top = item["top_logprobs"].as_array().unwrap().clone();
        }
    }

    assert_eq!((samples, top.len()), (2_000, 20));
    let total: f64 = top.iter().map(probability).sum();
    assert!(total <= 1.0 + 1e-6, "{total}");
    let count = samples as f64;
    for item in &top {
        let (token, p) = (item["token"].as_str().unwrap(), probability(item));
        let frequency = f64::from(seen.get(token).copied().unwrap_or(0)) / count;
        let bound = DEVIATIONS * (p * (1.0 - p) / count).sqrt() + 1.0 / count;
        assert!(
            (frequency - p).abs() <= bound,
            "{token:?}: {frequency} of the samples, its probability is {p}"
        );
    }
}

#[tokio::test]
async fn every_token_of_the_text_has_its_probability() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let members = json!({
        "messages": user("Say: Grüße aus Köln 🧀"),
        "logprobs": true,
        "top_logprobs": 3,
        "max_tokens": 24,
        "temperature": 0,
    });
    let whole = gate.post(&short(GENERAL, members.clone())).await;
    let stream = gate.stream(&short(GENERAL, members)).await;

    let content = whole.json()["choices"][0]["logprobs"]["content"].clone();
    let items = content.as_array().unwrap();
    let usage = whole.summary().usage.unwrap();
    assert_eq!(items.len() as u64, usage.completion_tokens);
    let bytes: Vec<u8> = items
        .iter()
        .flat_map(|item| item["bytes"].as_array().unwrap())
        .map(|byte| byte.as_u64().unwrap() as u8)
        .collect();
    // The last character may be cut by the limit.
    let text = whole.text();
    assert!(
        String::from_utf8_lossy(&bytes).starts_with(text.trim_end_matches('\u{FFFD}')),
        "{text}"
    );
    for item in items {
        let top = item["top_logprobs"].as_array().unwrap();
        assert_eq!(top.len(), 3);
        assert!(top.iter().map(probability).sum::<f64>() <= 1.0 + 1e-6);
        assert_eq!(
            top[0]["token"], item["token"],
            "the most probable is taken at temperature 0"
        );
        assert_eq!(top[0]["logprob"], item["logprob"]);
    }
    let streamed: Vec<Value> = stream
        .summary()
        .chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["logprobs"]["content"].as_array().cloned())
        .flatten()
        .collect();
    assert_eq!(&streamed, items);
}

#[tokio::test]
async fn probabilities_end_where_the_text_does() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let asked = |stop: Value| {
        let members =
            json!({"messages": user("What is the capital of Japan?"), "logprobs": true, "stop": stop});
        short(GENERAL, members)
    };
    let answer = gate.post(&asked(json!([" Tokyo"]))).await;
    let text = answer.text();
    let json = answer.json();
    let items = json["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let tokens: String = items.iter().map(|item| item["token"].as_str().unwrap()).collect();
    assert_eq!(tokens, text, "no token of the stop text");
    assert!(items.iter().all(|item| item["top_logprobs"] == json!([])));
    let plain = gate.post(&short(GENERAL, json!({}))).await.json();
    assert_eq!(plain["choices"][0]["logprobs"], Value::Null);
}

#[tokio::test]
async fn a_bias_bans_a_token_or_forces_it() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let members = |bias: Value| json!({"logit_bias": bias, "max_tokens": 4});
    // The space-less digits are tokens of their own: 32 to 41 in this vocabulary are "0" to "9".
    let forced = gate.post(&short(GENERAL, members(json!({"32": 100})))).await;
    let free = gate.post(&short(GENERAL, members(json!({})))).await;
    let unknown = gate.post(&short(GENERAL, members(json!({"199999": -100})))).await;

    let repeated = forced.text();
    let first = repeated.chars().next().unwrap();
    assert!(repeated.chars().all(|letter| letter == first), "{repeated}");
    assert_eq!(unknown.text(), free.text());
    assert_eq!(unknown.header("x-tollgate-notes"), Some("omitted:logit_bias"));
    assert_eq!(forced.header("x-tollgate-notes"), None);
}

#[tokio::test]
async fn choices_differ_and_their_tokens_are_counted_together() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let members =
        |n: u32| json!({"messages": user("Name an animal."), "n": n, "temperature": 1.5, "max_tokens": 6});

    let one = gate.post(&short(GENERAL, members(1))).await.summary();
    let twelve = gate.post(&short(GENERAL, members(12))).await.summary();
    let stream = gate.stream(&short(GENERAL, members(12))).await;

    assert_eq!(
        twelve.choices.keys().copied().collect::<Vec<_>>(),
        (0..12).collect::<Vec<_>>()
    );
    assert_eq!(twelve.choices[&0].text, one.choices[&0].text);
    let mut texts: Vec<_> = twelve.choices.values().map(|choice| &choice.text).collect();
    texts.sort();
    texts.dedup();
    assert!(texts.len() > 1, "{texts:?}");
    let usage = twelve.usage.unwrap();
    assert_eq!(usage.prompt_tokens, one.usage.unwrap().prompt_tokens, "read once");
    assert!(usage.completion_tokens > 12);
    for (index, choice) in &stream.summary().choices {
        assert_eq!(choice.text, twelve.choices[index].text, "choice {index}");
        assert!(choice.finish_reason.is_some());
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer_beside_other_load() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let gate = Arc::new(gate);
    let asked = |seed: u64, tokens: u32| {
        let members = json!({"messages": user("Tell me of the sea."), "temperature": 1.2, "seed": seed});
        short(GENERAL, with(members, json!({"max_tokens": tokens})))
    };
    let alone = gate.post(&asked(5, 24)).await.text();

    let mut others = JoinSet::new();
    for seed in 100..106 {
        let (gate, asked) = (Arc::clone(&gate), asked(seed, 40));
        others.spawn(async move { gate.stream(&asked).await.text().to_owned() });
    }
    let beside = gate.post(&asked(5, 24)).await.text();

    assert_eq!(alone, beside);
    assert!(others.join_all().await.iter().all(|other| *other != alone));
}

#[tokio::test]
async fn one_token_is_one_token() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let schema = json!({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]});
    for format in [
        json!({"type": "text"}),
        json!({"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}),
    ] {
        let answer = gate
            .post(&short(
                GENERAL,
                json!({"max_tokens": 1, "response_format": format}),
            ))
            .await;
        assert_eq!(answer.summary().finish_reason(), Some("length"));
        assert_eq!(answer.summary().usage.unwrap().completion_tokens, 1);
    }
}

#[tokio::test]
async fn choices_appear_in_order_and_each_text_with_its_log_probabilities() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for seed in 0..3 {
        let members = json!({
            "messages": user("Name an animal."), "n": 5, "seed": seed, "temperature": 1, "max_tokens": 8,
            "logprobs": true,
        });
        let answer = gate.stream(&short(GENERAL, members)).await;
        let choices = answer.summary().chunks.iter().map(|chunk| &chunk["choices"][0]);
        let mut appeared = Vec::new();
        for choice in choices {
            let index = choice["index"].as_u64().unwrap();
            if !appeared.contains(&index) {
                appeared.push(index);
            }
            let text = choice["delta"]["content"].as_str().unwrap_or_default();
            assert_eq!(text.is_empty(), choice["logprobs"].is_null(), "{choice}");
        }
        assert_eq!(appeared, [0, 1, 2, 3, 4]);
    }
}
