use jiff::civil::date;
use proptest::prelude::*;
use tollgate_catalog::price::{Conditions, HourSpan, PriceRow, Spent};
use tollgate_chat::usage::Usage;

use super::*;

fn per_million(thousandths: u32) -> PerMillion {
    let text = Decimal::new(i64::from(thousandths), 3).to_string();
    serde_json::from_value(text.into()).expect("an amount of dollars")
}

fn flat(input: u32, output: u32) -> Price {
    Price::flat(Rates {
        input: per_million(input),
        output: per_million(output),
        cached_input: None,
        cache_write_5m: None,
        cache_write_1h: None,
        reasoning: None,
        audio_input: None,
        image_output: None,
        audio_output: None,
    })
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

const REQUEST: Request = Request {
    prompt_tokens: 1_000,
    prompt_most: 4_000,
    output_limit: 64_000,
    output_expected: 500,
    choices: 3,
    readings: 2,
};

#[test]
fn what_is_expected_is_not_what_is_allowed() {
    assert_eq!(
        REQUEST.expected(),
        HeldTokens {
            prompt: 2_000,
            output: 1_500
        }
    );
    assert_eq!(
        REQUEST.full(),
        HeldTokens {
            prompt: 8_000,
            output: 192_000
        }
    );
    let short = Request {
        output_limit: 100,
        ..REQUEST
    };
    assert_eq!(short.expected().output, 300, "no more than is allowed");
}

#[test]
fn the_most_is_never_less_than_what_is_expected() {
    let media = Request {
        prompt_most: 900,
        ..REQUEST
    };

    assert_eq!(media.full().prompt, media.expected().prompt);
}

#[test]
fn twenty_agents_that_allow_themselves_much_and_write_little_fit_into_a_small_budget() {
    // $3 and $15 a million.
    let held = most(&flat(3_000, 15_000), REQUEST.expected(), NOW).expect("a small amount");

    assert!(held.nanos() * 20 < 25_000_000_000, "{held}");
}

#[test]
fn an_amount_beyond_all_reach_is_none() {
    let all = HeldTokens {
        prompt: u64::MAX,
        output: u64::MAX,
    };
    assert_eq!(most(&flat(999_999_999, 999_999_999), all, NOW), None);
}

#[test]
fn nothing_is_held_for_rates_that_cannot_decide_at_that_moment() {
    let row = |output: u32, when: Conditions| {
        let mut rows = flat(1_000, output).rows().to_vec();
        rows[0].when = when;
        rows.remove(0)
    };
    let always = Conditions::default;
    let tokens = HeldTokens {
        prompt: 0,
        output: 1_000_000,
    };
    // Thursday, the first of January 1970, at midnight.
    let (past, future) = (date(1969, 12, 31), date(1970, 1, 2));
    let held = |rows: Vec<PriceRow>| most(&Price::new(rows), tokens, NOW).map(|held| held.to_string());
    let dollars = |dollars: &str| Some(dollars.to_owned());
    let expired = row(
        900_000,
        Conditions {
            until: Some(past),
            ..always()
        },
    );
    let to_come = row(
        900_000,
        Conditions {
            from: Some(future),
            ..always()
        },
    );
    let friday = row(
        900_000,
        Conditions {
            weekdays: vec![5],
            ..always()
        },
    );
    let noon = row(
        900_000,
        Conditions {
            hours_utc: vec![HourSpan { start: 720, end: 780 }],
            ..always()
        },
    );
    let long = |output| {
        row(
            output,
            Conditions {
                above_prompt_tokens: 1_000,
                ..always()
            },
        )
    };

    let timely = vec![row(2_000, always()), expired.clone(), to_come, friday, noon];
    assert_eq!(held(timely), dollars("2.00"));
    assert_eq!(
        held(vec![row(900_000, always()), row(2_000, always())]),
        dollars("2.00"),
        "the later one decides"
    );
    assert_eq!(
        held(vec![long(900_000), row(2_000, always())]),
        dollars("2.00"),
        "of any length"
    );
    assert_eq!(held(vec![row(2_000, always()), long(3_000)]), dollars("3.00"));
    let tier = Conditions {
        service_tier: Some("priority".into()),
        ..always()
    };
    assert_eq!(
        held(vec![row(4_000, tier), row(2_000, always())]),
        dollars("4.00"),
        "of its own tier"
    );
    assert_eq!(
        held(vec![expired]),
        dollars("0.00"),
        "nobody is charged for what has no price"
    );
}

prop_compose! {
    fn rates()(
        plain in prop::array::uniform2(0_u32..100_000),
        named in prop::array::uniform7(prop::option::of(0_u32..200_000)),
    ) -> Rates {
        let [cached, write_5m, write_1h, reasoning, audio, image, spoken] = named.map(|rate| rate.map(per_million));
        Rates {
            input: per_million(plain[0]),
            output: per_million(plain[1]),
            cached_input: cached,
            cache_write_5m: write_5m,
            cache_write_1h: write_1h,
            reasoning,
            audio_input: audio,
            image_output: image,
            audio_output: spoken,
        }
    }
}

prop_compose! {
    fn row()(
        rates in rates(),
        above_prompt_tokens in prop::sample::select(vec![0, 0, 1_000, 200_000]),
        tier in prop::option::of(Just("priority")),
        hours in prop::option::of((0_u16..720, 721_u16..1_440)),
    ) -> PriceRow {
        PriceRow {
            when: Conditions {
                above_prompt_tokens,
                service_tier: tier.map(Into::into),
                hours_utc: hours.map(|(start, end)| HourSpan { start, end }).into_iter().collect(),
                ..Conditions::default()
            },
            rates,
        }
    }
}

prop_compose! {
    /// Counts whose classes lie inside their totals.
    fn usage()(
        prompt in prop::array::uniform5(0_u64..300_000),
        output in prop::array::uniform4(0_u64..100_000),
        hour in 0_u64..=100,
    ) -> Usage {
        let [plain, cached, cache_write, audio, _] = prompt;
        let [words, reasoning, image, spoken] = output;
        Usage {
            prompt: plain + cached + cache_write + audio,
            completion: words + reasoning + image + spoken,
            cached,
            cache_write,
            cache_write_1h: cache_write * hour / 100,
            prompt_audio: audio,
            reasoning,
            completion_image: image,
            completion_audio: spoken,
            ..Usage::default()
        }
    }
}

proptest! {
    #[test]
    fn no_answer_within_the_limits_costs_more_than_a_full_hold(
        rows in prop::collection::vec(row(), 1..5),
        usage in usage(),
        tier in prop::option::of(Just("priority")),
        second in 0_i64..2_000_000_000,
    ) {
        let price = Price::new(rows);
        let at = Timestamp::from_second(second).expect("within the calendar");
        let held = most(&price, HeldTokens { prompt: usage.prompt, output: usage.completion }, at);

        let spent = Spent { usage, service_tier: tier };
        if let Ok(cost) = price.cost(&spent, at) {
            prop_assert!(held.is_some_and(|held| cost <= held), "{cost} of {held:?}");
        }
    }
}
