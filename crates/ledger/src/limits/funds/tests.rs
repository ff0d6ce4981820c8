use jiff::tz::TimeZone;

use super::*;
use crate::spending::Spent;

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

fn spending() -> Spending {
    Spending::new(Spent::default(), Timestamp::UNIX_EPOCH, TimeZone::UTC)
}

fn budget(amount: i64, per: Period) -> Option<Budget> {
    Some(Budget {
        amount: nanos(amount),
        per,
    })
}

fn used(spending: &Spending, per: Period) -> i64 {
    spending.purse(per, Timestamp::UNIX_EPOCH).used().nanos()
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn an_amount_is_held_wherever_there_is_a_bound() {
    let (key, account) = (spending(), spending());
    let owners = [
        Funds {
            owner: Owner::Key,
            spending: &key,
            budget: budget(100, Period::Day),
            credit: None,
        },
        Funds {
            owner: Owner::Account,
            spending: &account,
            budget: budget(100, Period::Month),
            credit: Some(nanos(100)),
        },
    ];

    let held = hold(&owners, nanos(60), NOW).expect("there is enough of everything");

    assert_eq!(used(&key, Period::Day), 60);
    assert_eq!(used(&key, Period::Total), 0, "nothing bounds that");
    assert_eq!(used(&account, Period::Month), 60);
    assert_eq!(used(&account, Period::Total), 60);
    drop(held);
    assert_eq!(used(&account, Period::Total), 0);
}

#[test]
fn what_one_gave_comes_back_when_another_refuses() {
    let (key, account) = (spending(), spending());
    let owners = [
        Funds {
            owner: Owner::Key,
            spending: &key,
            budget: budget(100, Period::Total),
            credit: None,
        },
        Funds {
            owner: Owner::Account,
            spending: &account,
            budget: None,
            credit: Some(nanos(59)),
        },
    ];

    let refused = hold(&owners, nanos(60), NOW).expect_err("the account has too little");

    assert_eq!(
        refused,
        NoMoney {
            owner: Owner::Account,
            fund: Fund::Credit,
            short: Short::Spent,
            wanted: nanos(60),
            is_used_up: false,
        }
    );
    assert_eq!(used(&key, Period::Total), 0);
}

#[test]
fn a_fund_without_anything_left_says_so() {
    let account = spending();
    for (credit, is_used_up) in [(1, false), (0, true), (-1, true)] {
        let owners = [Funds {
            owner: Owner::Account,
            spending: &account,
            budget: None,
            credit: Some(nanos(credit)),
        }];

        let refused = hold(&owners, nanos(60), NOW).expect_err("there is too little");

        assert_eq!(refused.is_used_up, is_used_up, "{credit}");
    }
}

#[test]
fn credit_and_a_budget_for_all_time_are_of_the_same_money() {
    let account = spending();
    let owners = |budget_amount, credit| {
        [Funds {
            owner: Owner::Account,
            spending: &account,
            budget: budget(budget_amount, Period::Total),
            credit: Some(nanos(credit)),
        }]
    };

    let held = hold(&owners(100, 100), nanos(60), NOW).expect("there is enough");
    assert_eq!(used(&account, Period::Total), 60, "it is held once");
    drop(held);

    let of = |budget, credit| {
        hold(&owners(budget, credit), nanos(60), NOW)
            .expect_err("too little")
            .fund
    };
    assert_eq!(of(59, 100), Fund::Budget(Period::Total));
    assert_eq!(of(100, 59), Fund::Credit);
}

#[test]
fn an_owner_without_bounds_may_spend_anything() {
    let key = spending();
    let owners = [Funds {
        owner: Owner::Key,
        spending: &key,
        budget: None,
        credit: None,
    }];

    assert!(!owners[0].are_bounded());
    assert!(
        hold(&owners, nanos(i64::MAX), NOW)
            .expect("nothing bounds it")
            .is_empty()
    );
}
