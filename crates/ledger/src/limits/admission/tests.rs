use super::*;

const NOW: Duration = Duration::from_secs(100);

fn limits(requests: u32, tokens: u32, concurrency: u32) -> Limits {
    Limits {
        requests_per_minute: NonZeroU32::new(requests).map(PerMinute::new),
        tokens_per_minute: NonZeroU32::new(tokens).map(PerMinute::new),
        concurrency: NonZeroU32::new(concurrency),
        budget: None,
    }
}

/// A key and its account, each with limits.
struct Case {
    key: (Limits, Meters),
    account: (Limits, Meters),
}

impl Case {
    fn new(key: Limits, account: Limits) -> Self {
        Self {
            key: (key, Meters::default()),
            account: (account, Meters::default()),
        }
    }

    fn owners(&self) -> [Bounded<'_>; 2] {
        let bounded = |owner, (limits, meters)| Bounded {
            owner,
            limits,
            meters,
        };
        [
            bounded(Owner::Key, (&self.key.0, &self.key.1)),
            bounded(Owner::Account, (&self.account.0, &self.account.1)),
        ]
    }

    fn admit(&self, prompt: u64, output: u64) -> Result<Taken, Refusal> {
        admit(
            &self.owners(),
            Expected {
                prompt,
                media: 0,
                output,
            },
            NOW,
        )
    }

    /// What is left of requests and of tokens.
    fn left(&self) -> (u32, u32) {
        let Standings { requests, tokens } = standings(&self.owners(), NOW);
        let remaining = |standing: Option<Standing>| standing.expect("there is such a limit").remaining;
        (remaining(requests), remaining(tokens))
    }
}

#[test]
fn without_limits_everything_begins_and_nothing_is_told() {
    let case = Case::new(Limits::default(), Limits::default());

    let _all: Vec<Taken> = (0..1_000)
        .map(|_| case.admit(u64::MAX, u64::MAX).expect("there is no limit"))
        .collect();

    assert_eq!(standings(&case.owners(), NOW), Standings::default());
}

#[test]
fn each_limit_refuses_by_its_own_name() {
    for (limits, limit, most) in [
        (limits(1, 0, 0), Limit::RequestsPerMinute, 1),
        (limits(0, 50, 0), Limit::TokensPerMinute, 50),
        (limits(0, 0, 1), Limit::Concurrency, 1),
    ] {
        for (case, owner) in [
            (Case::new(limits, Limits::default()), Owner::Key),
            (Case::new(Limits::default(), limits), Owner::Account),
        ] {
            let _first = case.admit(45, 40).expect("the first one begins");
            let refusal = case.admit(45, 40).expect_err("the limit is reached");

            let told = (refusal.owner, refusal.limit, refusal.most);
            assert_eq!(told, (owner, limit, most));
            assert!(refusal.wait.is_some_and(|wait| !wait.is_zero()), "{refusal:?}");
        }
    }
}

#[test]
fn what_one_limit_gave_comes_back_when_another_refuses() {
    let narrow = limits(0, 0, 1);
    let case = Case::new(limits(10, 1_000, 5), narrow);
    let _first = case.admit(100, 100).expect("the first one begins");
    let before = (case.left(), case.key.1.in_flight.count());

    for _ in 0..50 {
        assert_eq!(case.admit(100, 100).unwrap_err().owner, Owner::Account);
    }

    assert_eq!((case.left(), case.key.1.in_flight.count()), before);
}

#[test]
fn a_refusal_for_its_tokens_costs_no_request() {
    let case = Case::new(limits(10, 100, 0), Limits::default());
    let _first = case.admit(100, 0).expect("the first one begins");

    assert_eq!(case.admit(100, 0).unwrap_err().limit, Limit::TokensPerMinute);

    assert_eq!(
        case.left(),
        (9, 1),
        "a hundredth is not held, and a request has been spared"
    );
}

#[test]
fn tokens_that_were_not_used_come_back_at_the_end() {
    let case = Case::new(limits(0, 10_000, 0), limits(5, 20_000, 0));
    let mut taken = case.admit(1_000, 4_000).expect("the first one begins");
    assert_eq!(case.left(), (4, 8_000), "a tenth of the limit for an answer");

    taken.tokens.settle(1_200, NOW);

    assert_eq!(case.left(), (4, 8_800));
    assert!(case.admit(1_000, 4_000).is_ok());
}

#[test]
fn a_short_prompt_begins_whatever_its_answer_might_come_to() {
    let case = Case::new(limits(0, 1_000, 0), Limits::default());

    let mut taken = case.admit(10, 64_000).expect("only 10 tokens are certain");
    let others = (0..20).map_while(|_| case.admit(10, 64_000).ok());
    let others: Vec<Taken> = others.collect();
    assert_eq!(others.len(), 8, "a tenth of the limit is held for each answer");
    drop(others);
    taken.tokens.settle(0, NOW);

    let left = |case: &Case| standings(&case.owners(), NOW).tokens.map(|left| left.remaining);
    assert_eq!(left(&case), Some(1_000 - 8 * 110));
}

#[test]
fn a_prompt_beyond_the_limit_is_refused_for_good() {
    let case = Case::new(limits(0, 1_000, 0), Limits::default());

    let refusal = case.admit(1_001, 0).expect_err("it never fits");

    assert_eq!((refusal.limit, refusal.wait), (Limit::TokensPerMinute, None));
}

#[test]
fn what_is_told_is_the_limit_that_is_reached_first() {
    let case = Case::new(limits(100, 0, 0), limits(10, 0, 0));
    let of_account = standings(&case.owners(), NOW).requests.expect("there are limits");
    assert_eq!((of_account.limit, of_account.remaining), (10, 10));

    let case = Case::new(limits(10, 0, 0), limits(100, 0, 0));
    let of_key = standings(&case.owners(), NOW).requests.expect("there are limits");
    assert_eq!((of_key.limit, of_key.remaining), (10, 10));
}

#[test]
fn a_limit_on_requests_at_once_counts_those_that_began_before_there_was_one() {
    for owner in [Owner::Key, Owner::Account] {
        let mut case = Case::new(Limits::default(), Limits::default());
        let _open = [case.admit(1, 1), case.admit(1, 1)];

        let limited = match owner {
            Owner::Key => &mut case.key.0,
            Owner::Account => &mut case.account.0,
        };
        *limited = limits(0, 0, 2);

        let refusal = case.admit(1, 1).expect_err("two are under way");
        assert_eq!((refusal.owner, refusal.limit), (owner, Limit::Concurrency));
    }
}

#[test]
fn a_place_is_given_back_with_the_request() {
    let case = Case::new(limits(0, 0, 1), limits(0, 0, 1));
    let first = case.admit(1, 1).expect("the first one begins");
    assert!(case.admit(1, 1).is_err());

    drop(first);

    assert!(case.admit(1, 1).is_ok());
}

#[test]
fn meters_are_idle_when_nobody_holds_them_and_all_is_paid_off() {
    let case = Case::new(limits(60, 0, 0), Limits::default());
    let meters = &case.key.1;
    assert!(meters.are_idle(NOW));

    let taken = case.admit(1, 1).expect("the first one begins");
    assert!(
        !meters.are_idle(NOW + Duration::from_secs(60)),
        "a request is under way"
    );
    drop(taken);

    assert!(!meters.are_idle(NOW), "the request would be forgotten");
    assert!(meters.are_idle(NOW + Duration::from_secs(1)));
}

#[test]
fn what_a_request_took_that_does_not_begin_after_all_is_there_again() {
    let case = Case::new(limits(2, 1_000, 9), limits(3, 5_000, 9));
    let before = case.left();

    for _ in 0..5 {
        let mut taken = case.admit(100, 0).expect("the one before took nothing");
        taken.requests.give_back(NOW);
        taken.tokens.settle(0, NOW);
        drop(taken.places);
    }

    assert_eq!(case.left(), before);
}
