use jiff::Timestamp;
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
    })
}

const REQUEST: Request = Request {
    prompt_tokens: 1_000,
    prompt_bytes: 4_000,
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
fn twenty_agents_that_allow_themselves_much_and_write_little_fit_into_a_small_budget() {
    // $3 and $15 a million.
    let held = most(&flat(3_000, 15_000), REQUEST.expected()).expect("a small amount");

    assert!(held.nanos() * 20 < 25_000_000_000, "{held}");
}

#[test]
fn an_amount_beyond_all_reach_is_none() {
    let all = HeldTokens {
        prompt: u64::MAX,
        output: u64::MAX,
    };
    assert_eq!(most(&flat(999_999_999, 999_999_999), all), None);
    assert_eq!(most(&Price::new(Vec::new()), HeldTokens::default()), None);
}

prop_compose! {
    fn rates()(
        plain in prop::array::uniform2(0_u32..100_000),
        named in prop::array::uniform6(prop::option::of(0_u32..200_000)),
    ) -> Rates {
        let [cached, write_5m, write_1h, reasoning, audio, image] = named.map(|rate| rate.map(per_million));
        Rates {
            input: per_million(plain[0]),
            output: per_million(plain[1]),
            cached_input: cached,
            cache_write_5m: write_5m,
            cache_write_1h: write_1h,
            reasoning,
            audio_input: audio,
            image_output: image,
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
        output in prop::array::uniform3(0_u64..100_000),
        hour in 0_u64..=100,
    ) -> Usage {
        let [plain, cached, cache_write, audio, _] = prompt;
        let [words, reasoning, image] = output;
        Usage {
            prompt: plain + cached + cache_write + audio,
            completion: words + reasoning + image,
            cached,
            cache_write,
            cache_write_1h: cache_write * hour / 100,
            prompt_audio: audio,
            reasoning,
            completion_image: image,
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
        let held = most(&price, HeldTokens { prompt: usage.prompt, output: usage.completion });

        let spent = Spent { usage, service_tier: tier };
        if let Ok(cost) = price.cost(&spent, at) {
            prop_assert!(held.is_some_and(|held| cost <= held), "{cost} of {held:?}");
        }
    }
}
