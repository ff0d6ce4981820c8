use super::*;

#[test]
fn trouble_with_a_credential_tells_sdks_not_to_retry() {
    let response = GateError::Misconfigured.into_response();
    assert_eq!(response.status(), 502);
    assert_eq!(response.headers()["x-should-retry"], "false");
}

#[test]
fn a_rate_limit_says_when_to_come_back_in_both_units() {
    let wait = Some(Duration::from_millis(1_500));
    let response = GateError::RateLimited { retry_after: wait }.into_response();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.headers()["retry-after-ms"], "1500");
}

#[test]
fn an_answer_that_is_not_as_asked_says_what_it_lacks_and_is_not_bought_again() {
    for (missing, told) in [
        (Missing::Schema, "it does not match the schema"),
        (Missing::JsonObject, "it is no JSON object"),
        (Missing::Call, "it calls no tool"),
    ] {
        let error = GateError::NotAsAsked(missing);
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error.code(), "answer_not_as_asked");
        let response = error.into_response();
        assert_eq!(response.status(), 502);
        assert_eq!(response.headers()["x-should-retry"], "false");
    }
}

#[test]
fn each_limit_of_each_owner_has_a_code_and_says_how_high_it_is() {
    let mut codes = std::collections::BTreeSet::new();
    for owner in [Owner::Key, Owner::Account] {
        for limit in [
            Limit::RequestsPerMinute,
            Limit::TokensPerMinute,
            Limit::Concurrency,
        ] {
            let error = GateError::Limit(Refusal {
                owner,
                limit,
                most: 17,
                wait: Some(Duration::from_millis(2_500)),
                unleased: None,
            });
            assert!(error.to_string().contains("17"), "{error}");
            codes.insert(error.code());
            let response = error.into_response();
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], "3");
            assert_eq!(response.headers()["retry-after-ms"], "2500");
        }
    }
    assert_eq!(codes.len(), 6, "{codes:?}");
}

#[test]
fn what_never_fits_is_not_to_be_sent_again() {
    let response = GateError::Limit(Refusal {
        owner: Owner::Key,
        limit: Limit::TokensPerMinute,
        most: 100,
        wait: None,
        unleased: None,
    })
    .into_response();

    assert_eq!(response.headers()["x-should-retry"], "false");
    assert!(!response.headers().contains_key("retry-after"));
}

#[test]
fn a_lower_max_tokens_is_advised_where_anything_is_left_and_nowhere_else() {
    let told = |is_used_up| {
        let error = GateError::NoMoney(NoMoney {
            owner: Owner::Account,
            fund: Fund::Credit,
            short: Short::Spent,
            wanted: tollgate_catalog::money::Money::from_nanos(5),
            is_used_up,
        });
        error.to_string()
    };

    assert!(
        told(false).contains("a lower `max_tokens` may fit"),
        "{}",
        told(false)
    );
    assert!(
        told(true).contains("nothing is left of the credit of this API key's account; ask the operator"),
        "{}",
        told(true)
    );
}
