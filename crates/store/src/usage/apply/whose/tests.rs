#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use tollgate_catalog::money::Money;
use tollgate_ledger::{AccountId, KeyId, KeySettings, Made, UsageRecord};

use crate::{
    NewKey, Store,
    accounts::{NewAccount, tests::new_account},
    keys::tests::{at, new_key, text},
    spool::record::tests::record,
    test_database::{TestDatabase, store, tamper},
    usage::{
        MissingAccount, UsageBy, UsageFilter, UsageOf,
        apply::{
            Applied,
            tests::{book, place},
        },
    },
};

/// The moment at which the account `team` of [`with_team`] was made, or a later one.
fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(1_000_000_000 + micros).unwrap()
}

/// A database with the account 2, made at [`moment`] 1, and its key 1, made at [`moment`] 2.
async fn with_team() -> (TestDatabase, Store) {
    let (dir, store) = store().await;
    let team = NewAccount {
        created: moment(1),
        ..new_account("team")
    };
    let team = store.create_account(team).await.unwrap();
    assert_eq!(team.id.get(), 2);
    let key = NewKey {
        created: moment(2),
        settings: KeySettings::of_account("team"),
        ..new_key("app", &text(1))
    };
    let key = store.create_key(key).await.unwrap();
    assert_eq!(key.id.get(), 1);
    (dir, store)
}

/// A request of the account 2 and its key 1, which were made then.
fn of_two(number: u32, account: Timestamp, key: Timestamp) -> UsageRecord<'static> {
    UsageRecord {
        account: AccountId::new(2),
        made: Some(Made { account, key }),
        ..record(number)
    }
}

async fn apply(store: &Store, records: &[UsageRecord<'_>]) -> Applied {
    store.apply_usage(&book(), records, place(1)).await.unwrap()
}

/// Whose the request is in the books: the numbers of its account and key.
async fn whose(store: &Store, request: &UsageRecord<'_>) -> (i64, i64) {
    let found = store.usage_record(request.request).await.unwrap().unwrap();
    (found.record.account.get(), found.record.key.get())
}

async fn balance(store: &Store) -> Money {
    store.account("team").await.unwrap().balance
}

async fn requests(store: &Store, of: UsageOf) -> u64 {
    let filter = UsageFilter {
        of,
        ..UsageFilter::default()
    };
    let all = store.usage(&filter, UsageBy::default(), 10).await.unwrap();
    all.first().map_or(0, |group| group.sums.requests)
}

#[tokio::test]
async fn who_is_here_is_charged() {
    let (_dir, store) = with_team().await;
    let found = store.find_key(&text(1).hash()).await.unwrap().1.unwrap();
    let made = Made {
        account: moment(1),
        key: moment(2),
    };
    assert_eq!(found.made, made, "what a gate writes down of it");

    let request = of_two(1, moment(1), moment(2));
    let applied = apply(&store, std::slice::from_ref(&request)).await;

    assert_eq!(applied, Applied { new: 1, unbooked: 0 });
    assert_eq!(whose(&store, &request).await, (2, 1));
    assert_eq!(balance(&store).await, Money::from_nanos(-1_500));
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds() && verified.missing.is_empty(), "{verified:?}");
}

#[tokio::test]
async fn what_an_account_did_that_had_the_same_number_is_nobodys() {
    let (_dir, store) = with_team().await;
    let other = of_two(1, moment(0), moment(3));
    let own = of_two(2, moment(1), moment(2));

    let applied = apply(&store, &[other.clone(), own]).await;

    assert_eq!(applied, Applied { new: 2, unbooked: 1 });
    assert_eq!(whose(&store, &other).await, (-2, -1));
    assert_eq!(balance(&store).await, Money::from_nanos(-1_500), "its own alone");
    assert_eq!(requests(&store, UsageOf::Account(AccountId::new(2))).await, 1);
    assert_eq!(requests(&store, UsageOf::Key(KeyId::new(1))).await, 1);
    let verified = store.verify_ledger().await.unwrap();
    assert!(verified.holds(), "it is nobody's fault: {verified:?}");
    let missing = MissingAccount {
        number: 2,
        requests: 1,
        charge: Money::from_nanos(1_500),
    };
    assert_eq!(verified.missing, [missing]);

    // when it comes again, it stays so
    assert_eq!(apply(&store, &[other]).await, Applied::default());
    assert_eq!(balance(&store).await, Money::from_nanos(-1_500));
}

#[tokio::test]
async fn an_account_is_charged_for_a_key_that_is_not_here() {
    let (_dir, store) = with_team().await;
    let by_lost_key = of_two(1, moment(1), moment(7));

    let applied = apply(&store, std::slice::from_ref(&by_lost_key)).await;

    assert_eq!(applied, Applied { new: 1, unbooked: 0 });
    assert_eq!(whose(&store, &by_lost_key).await, (2, -1));
    assert_eq!(balance(&store).await, Money::from_nanos(-1_500));
    assert_eq!(requests(&store, UsageOf::Account(AccountId::new(2))).await, 1);
    assert_eq!(
        requests(&store, UsageOf::Key(KeyId::new(1))).await,
        0,
        "the key that has the number now asked nothing"
    );
    assert!(store.verify_ledger().await.unwrap().holds());
}

#[tokio::test]
async fn a_revoked_key_is_still_here() {
    let (_dir, store) = with_team().await;
    store.revoke_key("app", at(2_000)).await.unwrap();
    let request = of_two(1, moment(1), moment(2));

    apply(&store, std::slice::from_ref(&request)).await;

    assert_eq!(whose(&store, &request).await, (2, 1));
}

#[tokio::test]
async fn a_record_of_an_earlier_version_goes_by_numbers() {
    let (_dir, store) = with_team().await;
    let known = UsageRecord {
        account: AccountId::new(2),
        ..record(1)
    };
    let unknown = UsageRecord {
        account: AccountId::new(99),
        key: KeyId::new(98),
        ..record(2)
    };

    let applied = apply(&store, &[known.clone(), unknown.clone()]).await;

    assert_eq!(applied, Applied { new: 2, unbooked: 1 });
    assert_eq!(whose(&store, &known).await, (2, 1));
    assert_eq!(whose(&store, &unknown).await, (-99, -98));
    assert!(store.verify_ledger().await.unwrap().holds());
}

#[tokio::test]
async fn who_was_made_by_an_earlier_version_is_known_by_the_second() {
    let (_dir, store) = with_team().await;
    for table in ["accounts", "api_keys"] {
        tamper(&store, &format!("UPDATE {table} SET created_at_us = NULL")).await;
    }
    let found = store.find_key(&text(1).hash()).await.unwrap().1.unwrap();
    assert_eq!(
        found.made,
        Made {
            account: at(1_000),
            key: at(1_000)
        }
    );

    apply(&store, &[of_two(1, found.made.account, found.made.key)]).await;

    assert_eq!(balance(&store).await, Money::from_nanos(-1_500));
}

#[tokio::test]
async fn the_account_that_came_with_the_database_is_the_same_in_every_copy() {
    let (_dir, store) = store().await;
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let found = store.find_key(&text(1).hash()).await.unwrap().1.unwrap();
    let request = UsageRecord {
        made: Some(found.made),
        ..record(1)
    };

    let applied = apply(&store, &[request]).await;

    assert_eq!(found.made.account, Timestamp::UNIX_EPOCH);
    assert_eq!(applied.unbooked, 0);
}

#[tokio::test]
async fn many_accounts_and_keys_are_told_apart_at_once_and_page_by_page() {
    let (_dir, store) = with_team().await;
    // Twenty accounts from number 3 on, of which those with odd numbers were made anew.
    for number in 3..23 {
        let account = NewAccount {
            created: moment(number),
            ..new_account(&format!("account {number}"))
        };
        store.create_account(account).await.unwrap();
    }
    let requests: Vec<_> = (3..23_u32)
        .map(|number| UsageRecord {
            account: AccountId::new(i64::from(number)),
            key: KeyId::new(i64::from(number)),
            made: Some(Made {
                account: moment(i64::from(number) + i64::from(number % 2)),
                key: moment(0),
            }),
            ..record(number)
        })
        .collect();

    let applied = apply(&store, &requests).await;

    assert_eq!(
        applied,
        Applied {
            new: 20,
            unbooked: 10
        }
    );
    let verified = store.verify_ledger().await.unwrap();
    let missing: Vec<u64> = verified.missing.iter().map(|account| account.number).collect();
    assert_eq!(missing, [3, 5, 7, 9, 11, 13, 15, 17, 19, 21]);
    let by = UsageBy {
        account: true,
        key: true,
        ..UsageBy::default()
    };
    let mut groups = Vec::new();
    loop {
        let all = UsageFilter::default();
        let page = store.usage_after(&all, by, groups.last(), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        groups.extend(page);
    }
    assert_eq!(groups.len(), 20);
    let charged = groups.iter().filter(|group| group.sums.charge > Money::ZERO);
    assert!(
        charged.clone().count() == 10
            && charged
                .clone()
                .all(|group| group.account.as_ref().unwrap().id.get() % 2 == 0)
    );
}

#[tokio::test]
async fn what_missing_accounts_owe_has_a_sum_however_much_it_is() {
    let (_dir, store) = with_team().await;
    let much = |number| UsageRecord {
        charge: Some(Money::from_nanos(i64::MAX)),
        ..of_two(number, moment(0), moment(0))
    };

    apply(&store, &[much(1), much(2)]).await;

    let verified = store.verify_ledger().await.unwrap();
    assert_eq!(verified.missing[0].charge, Money::from_nanos(i64::MAX));
}
