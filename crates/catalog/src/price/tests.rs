use super::*;

fn per_million(dollars: &str) -> PerMillion {
    PerMillion(dollars.parse().expect("a decimal"))
}

fn rates(input: &str, output: &str) -> Rates {
    Rates {
        input: per_million(input),
        output: per_million(output),
        cached_input: None,
        cache_write_5m: None,
        cache_write_1h: None,
        reasoning: None,
        audio_input: None,
        image_output: None,
        audio_output: None,
    }
}

fn row(when: Conditions, input: &str, output: &str) -> PriceRow {
    PriceRow {
        when,
        rates: rates(input, output),
    }
}

fn spent(prompt: u64, completion: u64) -> Spent<'static> {
    Spent {
        usage: Usage {
            prompt,
            completion,
            ..Usage::default()
        },
        ..Spent::default()
    }
}

/// A Wednesday.
fn noon() -> Timestamp {
    "2026-11-18T12:00:00Z".parse().expect("a timestamp")
}

#[test]
fn the_sum_is_rounded_up_once_and_not_class_by_class() {
    // given two classes that each cost half a nano-dollar too much
    let price = Price::flat(rates("0.1875", "0.1875"));
    // when one token of each is charged: 187.5 + 187.5 nano-dollars
    let cost = price.cost(&spent(1, 1), noon());
    // then nothing is added
    assert_eq!(cost, Ok(Money::from_nanos(375)));
}

#[test]
fn each_class_is_charged_at_its_own_rate() {
    let price = Price::flat(Rates {
        cached_input: Some(per_million("0.3")),
        cache_write_5m: Some(per_million("3.75")),
        cache_write_1h: Some(per_million("6")),
        ..rates("3", "15")
    });
    let spent = Spent {
        usage: Usage {
            prompt: 1000,
            cached: 500,
            cache_write: 300,
            cache_write_1h: 100,
            completion: 10,
            ..Usage::default()
        },
        service_tier: None,
    };
    // 200 x 3 + 500 x 0.3 + 200 x 3.75 + 100 x 6 + 10 x 15 dollars per million
    assert_eq!(price.cost(&spent, noon()), Ok(Money::from_nanos(2_250_000)));
}

#[test]
fn a_class_without_its_own_figure_costs_what_the_class_around_it_costs() {
    let price = Price::flat(rates("2", "8"));
    let spent = Spent {
        usage: Usage {
            prompt: 100,
            cached: 60,
            prompt_audio: 10,
            completion: 50,
            reasoning: 40,
            ..Usage::default()
        },
        ..Spent::default()
    };
    assert_eq!(price.cost(&spent, noon()), Ok(Money::from_nanos(600_000)));
}

#[test]
fn a_prompt_beyond_the_tier_pays_its_rates_for_the_whole_request() {
    let long = Conditions {
        above_prompt_tokens: 200_000,
        ..Conditions::default()
    };
    let price = Price::new(vec![row(Conditions::default(), "2", "12"), row(long, "4", "18")]);
    assert_eq!(
        price.cost(&spent(200_000, 1000), noon()),
        Ok(Money::from_nanos(412_000_000))
    );
    assert_eq!(
        price.cost(&spent(200_001, 1000), noon()),
        Ok(Money::from_nanos(818_004_000))
    );
}

#[test]
fn the_hour_and_the_weekday_decide_in_utc() {
    let off_peak = Conditions {
        hours_utc: vec![HourSpan { start: 240, end: 360 }],
        weekdays: vec![1, 2, 3, 4, 5],
        ..Conditions::default()
    };
    let weekend = Conditions {
        weekdays: vec![6, 7],
        ..Conditions::default()
    };
    let price = Price::new(vec![
        row(Conditions::default(), "2", "2"),
        row(off_peak, "1", "1"),
        row(weekend, "1", "1"),
    ]);
    let nanos_at = |moment: &str| {
        let at = moment.parse().expect("a timestamp");
        price.cost(&spent(1, 0), at).map(Money::nanos)
    };
    assert_eq!(nanos_at("2026-11-18T03:59:59Z"), Ok(2000), "before the window");
    assert_eq!(nanos_at("2026-11-18T04:00:00Z"), Ok(1000), "its first minute");
    assert_eq!(nanos_at("2026-11-18T06:00:00Z"), Ok(2000), "its end is outside");
    assert_eq!(nanos_at("2026-11-21T12:00:00Z"), Ok(1000), "a Saturday");
}

#[test]
fn a_new_price_holds_from_its_first_day_and_an_old_one_to_its_last() {
    let day = |text: &str| Some(text.parse().expect("a date"));
    let price = Price::new(vec![
        row(
            Conditions {
                until: day("2026-06-30"),
                ..Conditions::default()
            },
            "2",
            "2",
        ),
        row(
            Conditions {
                from: day("2026-07-01"),
                ..Conditions::default()
            },
            "1",
            "1",
        ),
    ]);
    let nanos_at = |moment: &str| {
        let at = moment.parse().expect("a timestamp");
        price.cost(&spent(1, 0), at).map(Money::nanos)
    };
    assert_eq!(nanos_at("2026-06-30T23:59:59Z"), Ok(2000));
    assert_eq!(nanos_at("2026-07-01T00:00:00Z"), Ok(1000));
}

#[test]
fn a_service_tier_without_a_price_is_unknown_and_not_the_standard_price() {
    let priority = Conditions {
        service_tier: Some("priority".into()),
        ..Conditions::default()
    };
    let price = Price::new(vec![
        row(Conditions::default(), "2", "2"),
        row(priority, "4", "4"),
    ]);
    let at_tier = |tier| {
        let spent = Spent {
            service_tier: tier,
            ..spent(1, 0)
        };
        price.cost(&spent, noon()).map(Money::nanos)
    };
    assert_eq!(at_tier(None), Ok(2000));
    assert_eq!(at_tier(Some("default")), Ok(2000));
    assert_eq!(at_tier(Some("priority")), Ok(4000));
    assert_eq!(at_tier(Some("flex")), Err(CostUnknown::NoRow));
}

#[test]
fn an_absurd_count_is_an_error_and_not_a_panic() {
    let price = Price::flat(rates("999999.999999999", "1"));
    let tokens = u64::MAX;
    assert_eq!(
        price.cost(&spent(tokens, 0), noon()),
        Err(CostUnknown::TooManyTokens { tokens })
    );
    let most = price.cost(&spent(MOST_TOKENS, 0), noon());
    assert!(
        most.is_err(),
        "a charge beyond the largest amount of money: {most:?}"
    );
}

#[test]
fn a_span_over_midnight_or_out_of_the_day_is_refused() {
    for text in [
        "22:00-02:00",
        "04:00-04:00",
        "04:00-24:01",
        "4:00-06:00",
        "04:60-06:00",
        "04:00",
        "99:99-99:99",
        "é",
    ] {
        assert_eq!(HourSpan::parse(text), None, "{text}");
    }
    assert_eq!(
        HourSpan::parse("10:00-24:00"),
        Some(HourSpan {
            start: 600,
            end: 1440
        })
    );
}

#[test]
fn audio_out_of_the_cache_is_paid_for_once_and_as_cached() {
    let rates = Rates {
        cached_input: Some(per_million("0.1")),
        audio_input: Some(per_million("3")),
        ..rates("1", "0")
    };
    let price = Price::new(vec![PriceRow {
        when: Conditions::default(),
        rates,
    }]);
    let nanos = |prompt, cached, prompt_audio, cached_audio| {
        let spent = Spent {
            usage: Usage {
                prompt,
                cached,
                prompt_audio,
                cached_audio,
                ..Usage::default()
            },
            ..Spent::default()
        };
        price.cost(&spent, noon()).map(Money::nanos)
    };
    assert_eq!(nanos(10_020, 10_000, 10_000, 10_000), Ok(20_000 + 1_000_000));
    assert_eq!(nanos(1_070, 400, 300, 100), Ok(470_000 + 40_000 + 600_000));
    assert_eq!(
        nanos(10_020, 10_000, 10_000, 0),
        Ok(60_000 + 1_000_000),
        "never more than there is"
    );
}
