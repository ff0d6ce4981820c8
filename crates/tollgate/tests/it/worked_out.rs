//! A charge worked out by hand, from nothing but what is told of a request.

use serde_json::Value;
use tollgate_catalog::money::Money;

/// The names of a class: of its figure among the rates, of its tokens, and of the figure that holds where it has none.
const CLASSES: [(&str, &str); 8] = [
    ("in", ""),
    ("cached", "in"),
    ("write5m", "in"),
    ("write1h", "write5m"),
    ("audio", "in"),
    ("out", ""),
    ("reasoning", "out"),
    ("image", "out"),
];

/// Tokens by the names of the figures. `of`: what is told of a request, with each class inside its total.
fn tokens(of: &Value) -> [u64; 8] {
    let told = |name: &str| {
        let tokens = of[name].as_u64();
        tokens.unwrap_or_else(|| panic!("`{name}` is not told: {of}"))
    };
    let (prompt, cached) = (told("prompt_tokens"), told("cached_tokens"));
    let (written, for_an_hour) = (told("cache_write_tokens"), told("cache_write_1h_tokens"));
    let (reasoning, image) = (told("reasoning_tokens"), told("completion_image_tokens"));
    let fresh = prompt - cached - written;
    let audio = (told("prompt_audio_tokens") - told("cached_audio_tokens")).min(fresh);
    [
        fresh - audio,
        cached,
        written - for_an_hour,
        for_an_hour,
        audio,
        told("completion_tokens") - reasoning - image,
        reasoning,
        image,
    ]
}

/// A decimal number, in so many places.
fn number(text: &str, places: u32) -> u128 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<width$}", width = places as usize);
    digits.parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// What tokens cost at rates such as `in=3 cached=0.3 out=15`, in millionths of a nano-dollar.
fn cost(rates: &str, tokens: [u64; 8]) -> u128 {
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

/// What a request cost its operator and what its account was charged, in dollars. `usage`: its tokens; `rates`: what
/// they were charged by.
pub fn cost_and_charge(usage: &Value, rates: &str, outcome: &str) -> (String, String) {
    let (times, rates) = match rates.strip_prefix("times=") {
        Some(rates) => rates.split_once(' ').expect("rates behind it"),
        None => ("1", rates),
    };
    let cost = cost(rates, tokens(usage));
    let dollars = |millionths: u128| {
        let nanos = i64::try_from(millionths.div_ceil(1_000_000)).expect("an amount");
        Money::from_nanos(nanos).to_string()
    };
    let charge = match outcome {
        "ok" | "client_gone" => (cost * number(times, 4)).div_ceil(10_000),
        _ => 0,
    };
    (dollars(cost), dollars(charge))
}
