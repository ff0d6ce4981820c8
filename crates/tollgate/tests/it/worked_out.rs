//! A charge worked out by hand, from nothing but what is told of a request.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_catalog::money::Money;
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, Script, answer, answers, chunk, decides, says, streams_events, usage_chunk},
};

use crate::{
    credit::{eventually, key_with_credit, run},
    explain::ID,
    operator::Operator,
    stage::{question_to, setup_with_models, with},
};

/// The names of a class: of its figure among the rates, of its tokens, and of the figure that holds where it has none.
const CLASSES: [(&str, &str); 9] = [
    ("in", ""),
    ("cached", "in"),
    ("write5m", "in"),
    ("write1h", "write5m"),
    ("audio", "in"),
    ("out", ""),
    ("reasoning", "out"),
    ("image", "out"),
    ("audio_out", "out"),
];

/// Tokens by the names of the figures. `of`: what is told of a request, with each class inside its total.
fn tokens(of: &Value) -> [u64; 9] {
    let told = |name: &str| {
        let tokens = of[name].as_u64();
        tokens.unwrap_or_else(|| panic!("`{name}` is not told: {of}"))
    };
    let (prompt, cached) = (told("prompt_tokens"), told("cached_tokens"));
    let (written, for_an_hour) = (told("cache_write_tokens"), told("cache_write_1h_tokens"));
    let (reasoning, image) = (told("reasoning_tokens"), told("completion_image_tokens"));
    let spoken = told("completion_audio_tokens");
    let fresh = prompt - cached - written;
    let audio = (told("prompt_audio_tokens") - told("cached_audio_tokens")).min(fresh);
    [
        fresh - audio,
        cached,
        written - for_an_hour,
        for_an_hour,
        audio,
        told("completion_tokens") - reasoning - image - spoken,
        reasoning,
        image,
        spoken,
    ]
}

/// A decimal number, in so many places.
fn number(text: &str, places: u32) -> u128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<width$}", width = places as usize);
    digits.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// What tokens cost at rates such as `in=3 cached=0.3 out=15`, in millionths of a nano-dollar.
fn cost(rates: &str, tokens: [u64; 9]) -> u128 {
    let figure = |name: &str| {
        let figures = rates.split(' ').filter_map(|figure| figure.split_once('='));
        figures
            .clone()
            .find(|(class, _)| *class == name)
            .map(|(_, rate)| number(rate, 9))
    };
    let rate = |mut name: &'static str| loop {
        if let Some(rate) = figure(name) {
            return rate;
        }
        let around = CLASSES.iter().find(|(class, _)| *class == name);
        name = around.map_or_else(|| panic!("no figure in `{rates}`"), |(_, around)| around);
    };
    let all = CLASSES.iter().zip(tokens);
    all.map(|((class, _), tokens)| rate(class) * u128::from(tokens))
        .sum()
}

/// The tokens of one price, such as `in:100 out:20`.
fn named(text: &str) -> [u64; 9] {
    let mut tokens = [0; 9];
    for part in text.split(' ') {
        let (class, number) = part
            .split_once(':')
            .unwrap_or_else(|| panic!("`{part}` is no class"));
        let place = CLASSES.iter().position(|(name, _)| *name == class);
        tokens[place.expect("a class that is known")] = number.parse().expect("a number");
    }
    tokens
}

/// What a request cost its operator and what its account was charged, in dollars. `usage`: its tokens; `rates`: what
/// they were charged by, with the tokens of each where there are several.
pub fn cost_and_charge(usage: &Value, rates: &str, outcome: &str) -> (String, String) {
    let (times, rates) = match rates.strip_prefix("times=") {
        Some(rates) => rates.split_once(' ').expect("rates behind it"),
        None => ("1", rates),
    };
    let shares = rates.split(" and ").map(|share| match share.strip_suffix(')') {
        Some(share) => {
            let (rates, of) = share.split_once(" (").expect("tokens behind the rates");
            cost(rates, named(of))
        }
        None => cost(share, tokens(usage)),
    });
    let cost: u128 = shares.sum();
    let dollars = |millionths: u128| {
        let nanos = i64::try_from(millionths.div_ceil(1_000_000)).expect("an amount");
        Money::from_nanos(nanos).to_string()
    };
    // Exactly, and rounded up once.
    let times = number(times, 4);
    let charge = match outcome {
        "ok" | "client_gone" => (cost * times).div_ceil(10_000_u128 * 1_000_000),
        _ => 0,
    };
    let charge = Money::from_nanos(i64::try_from(charge).expect("an amount"));
    (dollars(cost), charge.to_string())
}

/// Prices of every form: by class, by tier, by the hour, and by the length of the prompt.
const PRICES: &str = r#"
[[model]]
id = "gpt-4o"

[[model.serving]]
provider = "openai-compatible"
source = "a test"
price = [
    { input = "2.500000001", cached_input = "0.3", audio_input = "4", output = "15", reasoning = "20", image_output = "120" },
    { service_tier = "flex", input = "1", output = "5" },
]

[[model]]
id = "gpt-4o-mini"

[[model.serving]]
provider = "openai-compatible"
source = "a test"
price = [
    { input = "90", output = "90" },
    { hours_utc = ["00:00-24:00"], input = "0.15", output = "0.6" },
]

[[model]]
id = "claude-sonnet-4-6"

[[model.serving]]
provider = "anthropic"
source = "a test"
price = [
    { input = "3", cached_input = "0.3", cache_write_5m = "3.75", cache_write_1h = "6", output = "15" },
    { above_prompt_tokens = 1000, input = "6", cached_input = "0.6", cache_write_5m = "7.5", cache_write_1h = "12", output = "22.5" },
]
"#;

/// An answer of a server that speaks chat completions, with these counts.
fn counting(usage: Value) -> Script {
    answers(with(answer("Hello"), json!({"usage": usage})))
}

/// Answers of Anthropic's, every other of which has read a long prompt from its cache.
fn caching() -> Script {
    let asked = AtomicUsize::new(0);
    decides(move |_| {
        let (read, written) = match asked.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => (300, 200),
            _ => (5_000, 70),
        };
        let counted = json!({"input_tokens": 101, "output_tokens": 41, "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "cache_creation": {"ephemeral_5m_input_tokens": written - 50, "ephemeral_1h_input_tokens": 50}});
        answers(
            json!({"id": "m", "type": "message", "role": "assistant", "model": "c",
            "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn", "stop_sequence": null,
            "usage": counted}),
        )
    })
}

#[tokio::test]
async fn what_is_told_of_any_request_is_enough_to_work_out_what_it_cost() {
    let (setup, _own) = setup_with_models(PRICES);
    let chat = FakeProvider::start().await;
    let cache = FakeProvider::start_with(caching()).await;
    let mut gate = setup
        .channel(Channel::to(&chat).models(["gpt-4o", "gpt-4o-mini"]))
        .channel(
            Channel::of("anthropic", &cache)
                .named("cache")
                .models(["claude-sonnet-4-6"]),
        )
        .start()
        .await;
    let paying = key_with_credit(&gate, "50").await;
    let often = [
        "accounts",
        "update",
        "--name",
        "team",
        "--price-multiplier",
        "1.1503",
    ];
    run(&gate, &often).await;
    // A running gate knows within a second.
    tokio::time::sleep(Duration::from_millis(1_100)).await;

    let all_classes = json!({"prompt_tokens": 1_001, "completion_tokens": 1_777, "total_tokens": 2_778,
        "prompt_tokens_details": {"cached_tokens": 333, "audio_tokens": 77},
        "completion_tokens_details": {"reasoning_tokens": 401, "image_tokens": 1_120}});
    let few = json!({"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10});
    let at_flex = with(
        answer("Hello"),
        json!({"usage": all_classes, "service_tier": "flex"}),
    );
    let broken =
        streams_events([chunk(json!({"content": "Hello"}), None), usage_chunk(1_001, 20)]).then_closes();
    let stream = json!({"stream": true});
    let kinds = [
        (
            "every class",
            counting(all_classes.clone()),
            question_to("gpt-4o"),
            json!({}),
        ),
        ("a tier", answers(at_flex), question_to("gpt-4o"), json!({})),
        (
            "a time",
            counting(few.clone()),
            question_to("gpt-4o-mini"),
            json!({}),
        ),
        (
            "what nobody counted",
            counting(Value::Null),
            question_to("gpt-4o"),
            json!({}),
        ),
        ("what broke", broken, question_to("gpt-4o"), stream),
        (
            "a cache",
            counting(few),
            question_to("claude-sonnet-4-6"),
            json!({}),
        ),
        (
            "several prices",
            says(""),
            question_to("claude-sonnet-4-6"),
            json!({"n": 3}),
        ),
    ];
    let mut asked = Vec::new();
    for (kind, script, question, more) in kinds {
        chat.always(script);
        let question = with(question, more);
        for key in [&paying, gate.key()] {
            let answer = gate.send(gate.chat_request(key, question.to_string())).await;
            asked.push((kind, answer.header(ID).expect("an ID").to_owned()));
        }
    }
    let admin = Operator::admin(&gate).await;
    for (kind, id) in &asked {
        let kept = async || !admin.seen(&format!("/requests/{id}")).await["record"].is_null();
        eventually(true, kept).await;
        let told = admin.seen(&format!("/requests/{id}")).await;
        let record = &told["record"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let rates = text(&record["price_version"]).unwrap_or_else(|| panic!("{kind} has no rates: {told}"));
        let outcome = text(&record["outcome"]).expect("an outcome");
        let worked_out = cost_and_charge(record, &rates, &outcome);
        let booked = (text(&record["cost"]).unwrap(), text(&record["charge"]).unwrap());
        assert_eq!(worked_out, booked, "{kind}: {told}");
        assert_ne!(booked.0, "0.00", "{kind}: {told}");
        assert_eq!(told["story"]["bill"]["rates"], rates, "{kind}: {told}");
    }

    // when no gate remembers them any more
    gate.restart().await;

    for (kind, id) in &asked {
        let told = run(&gate, &["explain", "--json", id]).await;
        let told: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(told["source"], "books", "{told}");
        let text = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("no {name}: {told}"));
        let worked_out = cost_and_charge(&told["usage"], text("rates"), text("outcome"));
        assert_eq!(
            (&*worked_out.0, &*worked_out.1),
            (text("cost"), text("charge")),
            "{kind}: {told}"
        );
    }
}
