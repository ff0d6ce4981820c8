#![allow(clippy::unwrap_used)]

use tollgate_catalog::price::{Conditions, PriceRow};

use super::*;

/// One price up to a prompt of 1,000 tokens, and another above; what is cached costs a tenth.
fn price() -> Price {
    let row = |text: &str| serde_json::from_str(text).unwrap();
    let (short, long) = (
        row(r#"{"input": "1", "cached_input": "0.1", "output": "4", "audio_input": "2"}"#),
        row(r#"{"input": "2", "cached_input": "0.2", "output": "8"}"#),
    );
    let above = |tokens| Conditions {
        above_prompt_tokens: tokens,
        ..Conditions::default()
    };
    Price::new(vec![
        PriceRow {
            when: above(0),
            rates: short,
        },
        PriceRow {
            when: above(1_000),
            rates: long,
        },
    ])
}

fn used(prompt: u64, cached: u64, completion: u64) -> Usage {
    Usage {
        prompt,
        cached,
        completion,
        ..Usage::default()
    }
}

fn told_of<const N: usize>(usages: [Usage; N]) -> Option<String> {
    let all = usages.into_iter().fold(Usage::default(), Usage::plus);
    let spent = usages.map(|usage| Spent {
        usage,
        service_tier: None,
    });
    told(&price(), &all, &spent, Timestamp::UNIX_EPOCH).map(|text| text.to_string())
}

#[test]
fn one_price_for_all_needs_no_tokens() {
    let rates = Some("in=1 cached=0.1 audio=2 out=4".to_owned());
    assert_eq!(told_of([used(900, 100, 20)]), rates);
    assert_eq!(told_of([used(900, 100, 20), used(900, 0, 30)]), rates);
    assert_eq!(told_of([]), None);
}

#[test]
fn several_prices_have_the_tokens_of_each() {
    assert_eq!(
        told_of([used(2_000, 500, 20), used(900, 0, 30), used(900, 100, 30)]).unwrap(),
        "in=1 cached=0.1 audio=2 out=4 (in:1700 cached:100 out:60) and \
         in=2 cached=0.2 out=8 (in:1500 cached:500 out:20)"
    );
}

#[test]
fn calls_that_are_charged_otherwise_than_their_sum_have_their_tokens() {
    // Audio counts at most for what was not cached of its own call.
    let cached = Usage {
        prompt_audio: 60,
        ..used(100, 80, 0)
    };
    assert_eq!(
        told_of([cached, used(100, 0, 10)]).unwrap(),
        "in=1 cached=0.1 audio=2 out=4 (in:100 cached:80 audio:20 out:10)"
    );
}
