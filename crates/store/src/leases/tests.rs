#![allow(clippy::unwrap_used)]

use jiff::civil::date;
use tokio::task::JoinSet;
use tollgate_ledger::{Account, Budget};

use super::*;
use crate::{
    AccountSettings, ChangeAccountError,
    accounts::tests::new_account,
    spool::{Position, record::tests::record},
    test_database::{store, tamper},
    usage::apply::tests::book,
};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

/// An account with so much credit.
async fn account(store: &Store, credit: i64) -> Of {
    store.create_account(new_account("team")).await.unwrap();
    store.credit("team", nanos(credit), None, NOW).await.unwrap();
    let account = store.account("team").await.unwrap();
    Of {
        payer: Payer::Account(account.id),
        per: Period::Total,
        since: Date::MIN,
    }
}

fn need(granted: Option<i64>, need: i64) -> Asked {
    Asked {
        granted,
        holds: Money::ZERO,
        need: Some(nanos(need)),
        at_most: None,
    }
}

fn keeps(granted: i64) -> Asked {
    Asked {
        granted: Some(granted),
        holds: Money::ZERO,
        need: None,
        at_most: None,
    }
}

/// Books 1,500 of the account.
async fn charge(store: &Store, of: Of, number: u32) {
    let Payer::Account(id) = of.payer else {
        panic!("it is an account")
    };
    let mut charged = record(number);
    charged.account = id;
    let place = Position {
        segment: 1,
        offset: u64::from(number),
    };
    store.apply_usage(&book(), &[charged], place).await.unwrap();
}

async fn rows(store: &Store) -> i64 {
    let rows = store.pool.query("SELECT count(*) FROM leases").fetch_scalar();
    rows.await.unwrap()
}

async fn ask(store: &Store, gate: &str, of: Of, asked: Asked) -> Granted {
    store.lease(gate, of, asked, NOW).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_one_gate_holds_no_other_gets() {
    let (_dir, store) = store().await;
    let of = account(&store, 800).await;

    let first = ask(&store, "one", of, need(None, 1)).await;
    assert_eq!(first.given, Some(nanos(100)), "a part of what is there");
    let second = ask(&store, "two", of, need(None, 701)).await;
    assert_eq!((second.given, second.unspent), (None, nanos(800)));
    let second = ask(&store, "two", of, need(None, 700)).await;
    assert_eq!(second.given, Some(nanos(700)));
    let none = ask(&store, "one", of, need(Some(first.granted), 1)).await;
    assert_eq!((none.given, none.is_over), (None, false));

    // The first gives back what it does not use.
    ask(&store, "one", of, keeps(first.granted - 60)).await;
    let more = ask(&store, "two", of, need(Some(second.granted), 60)).await;
    assert_eq!(more.given, Some(nanos(60)));
}

#[tokio::test]
async fn what_a_silent_gate_held_is_granted_to_others_after_its_time() {
    let (_dir, store) = store().await;
    let of = account(&store, 800).await;
    ask(&store, "gone", of, need(None, 800)).await;

    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    let before = at(COUNTS_FOR_SECONDS - 1);
    let granted = store.lease("two", of, need(None, 1), before).await.unwrap();
    assert_eq!(granted.unwrap().given, None);
    let after = at(COUNTS_FOR_SECONDS);
    let granted = store.lease("two", of, need(None, 1), after).await.unwrap();
    assert_eq!(granted.unwrap().given, Some(nanos(100)));
}

#[tokio::test]
async fn what_is_booked_of_a_slice_is_held_no_longer_and_not_there_any_more() {
    let (_dir, store) = store().await;
    let of = account(&store, 2_000).await;
    let held = ask(&store, "gate-1", of, need(None, 2_000)).await;

    charge(&store, of, 1).await;

    // 1,500 of the 2,000 are charged. The rest is held by the gate until it says otherwise.
    let other = ask(&store, "gate-2", of, need(None, 1)).await;
    assert_eq!(
        (other.given, other.unspent, other.is_over),
        (None, nanos(500), false)
    );
    ask(&store, "gate-1", of, keeps(held.granted - 500)).await;
    let other = ask(&store, "gate-2", of, need(None, 500)).await;
    assert_eq!(other.given, Some(nanos(500)));
}

#[tokio::test]
async fn an_overrun_that_is_booked_is_made_up_for_and_not_taken_of_what_is_there() {
    let (_dir, store) = store().await;
    let of = account(&store, 2_000).await;
    let first = ask(&store, "gate-1", of, need(None, 100)).await;
    assert_eq!(first.given, Some(nanos(250)));
    charge(&store, of, 1).await;

    // 1,250 more than it had are spent, and 500 are left.
    let none = ask(&store, "gate-1", of, need(Some(first.granted), 1_250 + 501)).await;
    assert_eq!((none.given, none.granted), (None, first.granted));
    let more = ask(&store, "gate-1", of, need(Some(first.granted), 1_250 + 500)).await;

    assert_eq!((more.given, more.made_up), (Some(nanos(500)), nanos(1_250)));
    assert_eq!(more.granted, first.granted + 1_750);
    assert_eq!(
        ask(&store, "gate-2", of, need(None, 1)).await.given,
        None,
        "all of it is held"
    );
}

#[tokio::test]
async fn what_is_still_to_be_booked_is_remembered_after_its_time_and_nothing_else_is() {
    let (_dir, store) = store().await;
    let of = account(&store, 4_000).await;
    let of_day = Of {
        per: Period::Day,
        since: date(1970, 1, 1),
        ..of
    };
    let next_day = Of {
        since: date(1970, 1, 2),
        ..of_day
    };
    let later = Timestamp::from_second(COUNTS_FOR_SECONDS).unwrap();
    let much_later = Timestamp::from_second(COUNTS_FOR_SECONDS + REMEMBERED_FOR_SECONDS).unwrap();
    ask(&store, "gone", of_day, need(None, 100)).await;
    ask(&store, "gate-1", of, need(None, 1_500)).await;
    charge(&store, of, 1).await;
    ask(&store, "gone", of, need(None, 100)).await;
    assert_eq!(rows(&store).await, 3);

    store
        .lease("gate-2", next_day, need(None, 1), later)
        .await
        .unwrap();
    assert_eq!(rows(&store).await, 3, "one new, and that of another day is gone");
    store.lease("gate-2", of, need(None, 1), later).await.unwrap();
    assert_eq!(
        rows(&store).await,
        3,
        "one new, and the one of which all is booked is gone"
    );
    store
        .lease("gate-2", of, need(None, 1), much_later)
        .await
        .unwrap();
    assert_eq!(rows(&store).await, 2);
}

#[tokio::test]
async fn a_gate_whose_row_is_gone_holds_what_it_says_and_no_more() {
    let (_dir, store) = store().await;
    let of = account(&store, 2_000).await;
    let first = ask(&store, "one", of, need(None, 800)).await;
    tamper(&store, "DELETE FROM leases").await;

    let holds = Asked {
        holds: nanos(300),
        ..keeps(first.granted)
    };
    let kept = ask(&store, "one", of, holds).await;
    assert_eq!(
        kept.granted, first.granted,
        "it goes on counting from where it was"
    );

    assert_eq!(ask(&store, "two", of, need(None, 1_701)).await.given, None);
    let given = ask(&store, "two", of, need(None, 1_700)).await.given;
    assert_eq!(given, Some(nanos(1_700)));
}

#[tokio::test]
async fn a_budget_and_a_balance_bound_the_same_money_and_a_budget_of_a_day_its_own() {
    let (_dir, store) = store().await;
    let of = account(&store, 800).await;
    let budget = Budget {
        amount: nanos(80),
        per: Period::Day,
    };
    let set = |settings: &mut AccountSettings| {
        settings.limits.budget = Some(budget);
        Ok::<_, ChangeAccountError>(())
    };
    store.update_account("team", set).await.unwrap();
    let of_day = Of {
        per: Period::Day,
        since: date(2026, 11, 22),
        ..of
    };

    let day = ask(&store, "one", of_day, need(None, 1)).await;
    let total = ask(&store, "one", of, need(None, 1)).await;
    let next_day = Of {
        since: date(2026, 11, 23),
        ..of_day
    };
    let next = ask(&store, "two", next_day, need(None, 80)).await;

    assert_eq!(day.given, Some(nanos(10)));
    assert_eq!(total.given, Some(nanos(100)));
    assert_eq!(
        next.given,
        Some(nanos(80)),
        "what was held yesterday is nothing today"
    );
}

#[tokio::test]
async fn a_gate_that_ends_gives_everything_back() {
    let (_dir, store) = store().await;
    let of = account(&store, 800).await;
    ask(&store, "one", of, need(None, 800)).await;

    store.give_back_leases("one").await.unwrap();

    assert_eq!(
        ask(&store, "two", of, need(None, 800)).await.given,
        Some(nanos(800))
    );
}

#[tokio::test]
async fn gates_that_ask_at_once_get_no_more_than_there_is() {
    let (_dir, store) = store().await;
    let of = account(&store, 100).await;
    let mut gates = JoinSet::new();
    for gate in 0..8 {
        let store = store.clone();
        gates.spawn(async move {
            let (mut granted, mut given) = (None, 0);
            for _ in 0..10 {
                let answer = ask(&store, &format!("gate-{gate}"), of, need(granted, 7)).await;
                granted = Some(answer.granted);
                given += answer.given.map_or(0, Money::nanos);
            }
            given
        });
    }

    let given: i64 = gates.join_all().await.into_iter().sum();

    assert!((94..=100).contains(&given), "{given}");
}

#[tokio::test]
async fn nobody_pays_for_an_account_that_is_not_there() {
    let (_dir, store) = store().await;
    let of = Of {
        payer: Payer::Account(AccountId::new(77)),
        per: Period::Total,
        since: Date::MIN,
    };

    assert_eq!(store.lease("one", of, need(None, 1), NOW).await.unwrap(), None);
    assert!(store.account(Account::DEFAULT).await.unwrap().unlimited);
}

#[tokio::test]
async fn what_a_gate_lacks_and_others_have_is_heard_by_the_others() {
    let (_dir, store) = store().await;
    let of = account(&store, 800).await;
    ask(&store, "one", of, need(None, 300)).await;
    let before = store.wanted_money().await.unwrap();

    let there = ask(&store, "two", of, need(None, 100)).await;
    let more = need(Some(there.granted), 701);
    assert_eq!(ask(&store, "two", of, more).await.given, None);
    assert_eq!(store.wanted_money().await.unwrap(), before, "nobody has as much");

    let more = need(Some(there.granted), 500);
    let refused = ask(&store, "two", of, more).await;
    assert_eq!((refused.given, refused.elsewhere), (None, nanos(300)));
    let now = store.wanted_money().await.unwrap();
    assert!(now > before);
    assert_eq!(store.wanted_elsewhere("one", before).await.unwrap(), [of]);
    assert_eq!(
        store.wanted_elsewhere("two", before).await.unwrap(),
        [],
        "it knows"
    );
    // Something else that it says is no new want.
    ask(&store, "two", of, keeps(there.granted)).await;
    assert_eq!(store.wanted_money().await.unwrap(), now);
    assert_eq!(store.wanted_elsewhere("one", now).await.unwrap(), []);
}

#[tokio::test]
async fn of_scarce_money_no_more_is_granted_than_is_asked_for() {
    let (_dir, store) = store().await;
    let of = account(&store, 800).await;
    let at_most = |most, asked| Asked {
        at_most: Some(nanos(most)),
        ..asked
    };

    let needed = ask(&store, "one", of, at_most(10, need(None, 10))).await;
    let for_three = ask(&store, "two", of, at_most(30, need(None, 10))).await;
    let a_part = ask(&store, "three", of, at_most(700, need(None, 10))).await;

    assert_eq!(needed.given, Some(nanos(10)));
    assert_eq!(for_three.given, Some(nanos(30)));
    assert_eq!(a_part.given, Some(nanos(760 / 8)), "never more than a slice");
}
