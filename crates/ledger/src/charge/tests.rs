#![allow(clippy::unwrap_used)]

use tollgate_catalog::price::{Conditions, PerMillion, PriceRow, Rates};
use tollgate_chat::usage::Usage;

use super::*;

fn rate(dollars: &str) -> PerMillion {
    serde_json::from_str(&format!("\"{dollars}\"")).unwrap()
}

fn price(input: &str, output: &str) -> Price {
    Price::flat(Rates {
        input: rate(input),
        output: rate(output),
        cached_input: None,
        cache_write_5m: None,
        cache_write_1h: None,
        reasoning: None,
        audio_input: None,
        image_output: None,
        audio_output: None,
    })
}

fn spent(prompt: u64, completion: u64) -> Spent<'static> {
    Spent {
        usage: Usage {
            prompt,
            completion,
            ..Usage::default()
        },
        service_tier: None,
    }
}

fn charged(input: &str, tokens: u64, times: &str) -> Charge {
    let spent = spent(tokens, 0);
    Charge::of(
        &price(input, "0"),
        &[spent],
        Timestamp::UNIX_EPOCH,
        times.parse().unwrap(),
    )
    .unwrap()
}

#[test]
fn the_client_pays_the_price_as_many_times_as_its_account_does() {
    let once = charged("2.50", 1_000_000, "1");
    let more = charged("2.50", 1_000_000, "1.15");
    let nothing = charged("2.50", 1_000_000, "0");

    assert_eq!(once.cost.to_string(), "2.50");
    assert_eq!(once.charge, once.cost);
    assert_eq!(
        (more.cost, more.charge.to_string().as_str()),
        (once.cost, "2.875")
    );
    assert_eq!((nothing.cost, nothing.charge), (once.cost, Money::ZERO));
}

#[test]
fn the_multiplier_is_applied_before_the_one_rounding() {
    // given a cost of half a nano-dollar
    let charge = charged("0.0005", 1, "3");

    // then the charge is one and a half, rounded up, and not three times one
    assert_eq!((charge.cost.nanos(), charge.charge.nanos()), (1, 2));
}

#[test]
fn a_large_charge_is_exact_to_the_last_digit() {
    let charge = charged("500000.123456789", 1_000_000, "1.0001");

    // 500,050.1234691346789 dollars
    assert_eq!(charge.charge.to_string(), "500050.123469135");
}

#[test]
fn what_a_providers_fault_ended_costs_the_operator_alone() {
    let waived = charged("2.50", 1_000_000, "2").waived();

    assert_eq!(
        (waived.cost.to_string().as_str(), waived.charge),
        ("2.50", Money::ZERO)
    );
}

#[test]
fn counts_that_no_answer_can_have_are_a_fault_and_no_charge() {
    for tokens in [u64::MAX, 1_000_000_000_001] {
        let charge = Charge::of(
            &price("1", "1"),
            &[spent(0, tokens)],
            Timestamp::UNIX_EPOCH,
            Multiplier::ONE,
        );
        assert_eq!(charge, Err(CostUnknown::TooManyTokens { tokens }));
    }
    let beyond_all_money = Charge::of(
        &price("999999", "1"),
        &[spent(1_000_000_000_000, 0)],
        Timestamp::UNIX_EPOCH,
        "1000".parse().unwrap(),
    );
    assert!(beyond_all_money.is_err());
}

#[test]
fn a_multiplier_reads_back_as_it_was_written() {
    for text in ["0", "1", "1.15", "0.0001", "1000"] {
        assert_eq!(text.parse::<Multiplier>().unwrap().to_string(), text);
    }
    for text in ["", "-1", "1000.0001", "0.00001", "1e3", "+1", "1_0"] {
        assert_eq!(text.parse::<Multiplier>(), Err(NotMultiplier), "{text}");
    }
}

#[test]
fn each_call_is_priced_by_the_length_of_its_own_prompt() {
    let row = |above_prompt_tokens, input: &str| PriceRow {
        when: Conditions {
            above_prompt_tokens,
            ..Conditions::default()
        },
        rates: price(input, "0").rows()[0].rates.clone(),
    };
    let tiered = Price::new(vec![row(0, "1"), row(1_000, "2")]);
    let charged = |spent: &[Spent<'_>]| {
        let charge = Charge::of(&tiered, spent, Timestamp::UNIX_EPOCH, Multiplier::ONE).unwrap();
        charge.charge.nanos()
    };

    assert_eq!(charged(&[spent(1_500, 0)]), 3_000_000);
    assert_eq!(charged(&[spent(750, 0), spent(750, 0)]), 1_500_000);
    assert_eq!(charged(&[spent(500, 0), spent(1_001, 0)]), 2_502_000);
}

#[test]
fn what_all_calls_cost_is_rounded_once() {
    // given three costs of half a nano-dollar
    let spent = [spent(1, 0); 3];

    let charge = Charge::of(
        &price("0.0005", "0"),
        &spent,
        Timestamp::UNIX_EPOCH,
        Multiplier::ONE,
    )
    .unwrap();

    assert_eq!(charge.charge.nanos(), 2);
}
