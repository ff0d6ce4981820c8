#![allow(clippy::unwrap_used)]

use tollgate_ledger::KeySettings;

use super::{
    apply::tests::{book, place},
    *,
};
use crate::{
    accounts::tests::new_account,
    database::connection::Pool,
    keys::{
        NewKey,
        tests::{new_key, text},
    },
    spool::record::tests::record,
    test_database::{TestDatabase, store, tamper},
};

mod priced;

/// Two keys of two accounts, two models, two channels, two days: sixteen requests, one charged 1 nano-dollar, the
/// next 2, and so on in powers of two, so that each sum says what is in it.
async fn sixteen() -> (TestDatabase, Store) {
    let (dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    store.create_key(new_key("app", &text(1))).await.unwrap();
    let of_team = NewKey {
        settings: KeySettings::of_account("team"),
        ..new_key("bot", &text(2))
    };
    store.create_key(of_team).await.unwrap();
    let records: Vec<_> = (0..16_u32)
        .map(|number| {
            let bit = |place: u32| number >> place & 1;
            UsageRecord {
                request: id(number),
                account: AccountId::new(i64::from(bit(0)) + 1),
                key: KeyId::new(i64::from(bit(0)) + 1),
                model: ["gpt-4o", "claude-sonnet-4-6"][bit(1) as usize].into(),
                channel: ["a", "b"][bit(2) as usize].into(),
                started: came(number),
                charge: Some(Money::from_nanos(1 << number)),
                ..record(number)
            }
        })
        .collect();
    store.apply_usage(&book(), &records, place(1)).await.unwrap();
    (dir, store)
}

/// When one of the sixteen came, and its ID.
fn came(number: u32) -> Timestamp {
    let moments = ["2026-11-18T10:00:00Z", "2026-11-19T10:00:00Z"];
    moments[usize::from(bit(number, 3))].parse().unwrap()
}

fn id(number: u32) -> RequestId {
    RequestId::new(came(number).as_millisecond().cast_unsigned(), 1, number)
}

/// The charges of those of the sixteen for which `is` holds.
fn charged(is: impl Fn(u32) -> bool) -> i64 {
    (0..16)
        .filter(|number| is(*number))
        .map(|number| 1_i64 << number)
        .sum()
}

fn bit(number: u32, place: u32) -> bool {
    number >> place & 1 == 1
}

async fn charges(store: &Store, filter: &UsageFilter, by: UsageBy) -> Vec<i64> {
    let groups = store.usage(filter, by, 1_000).await.unwrap();
    groups.iter().map(|group| group.sums.charge.nanos()).collect()
}

#[tokio::test]
async fn sums_are_told_apart_by_what_was_asked_for() {
    let (_dir, store) = sixteen().await;
    let none = UsageBy::default();
    let all = UsageFilter::default();

    for (by, place) in [
        (
            UsageBy {
                account: true,
                ..none
            },
            0,
        ),
        (UsageBy { key: true, ..none }, 0),
        (
            UsageBy {
                channel: true,
                ..none
            },
            2,
        ),
        (UsageBy { day: true, ..none }, 3),
    ] {
        let expected = [
            charged(|number| !bit(number, place)),
            charged(|number| bit(number, place)),
        ];
        assert_eq!(charges(&store, &all, by).await, expected, "{by:?}");
    }
    let by_model = UsageBy { model: true, ..none };
    let expected = [
        charged(|number| bit(number, 1)),
        charged(|number| !bit(number, 1)),
    ];
    assert_eq!(charges(&store, &all, by_model).await, expected);
    assert_eq!(charges(&store, &all, none).await, [charged(|_| true)]);
    let by_all = UsageBy {
        day: true,
        account: true,
        key: true,
        model: true,
        channel: true,
    };
    assert_eq!(charges(&store, &all, by_all).await.len(), 16);
}

#[tokio::test]
async fn only_what_was_asked_for_is_added_up() {
    let (_dir, store) = sixteen().await;
    let all = UsageFilter::default();
    let day = |text: &str| text.parse::<Date>().ok();

    let filters = [
        (
            UsageFilter {
                of: UsageOf::Key(KeyId::new(2)),
                ..all.clone()
            },
            charged(|number| bit(number, 0)),
        ),
        (
            UsageFilter {
                of: UsageOf::Account(AccountId::new(1)),
                model: Some("gpt-4o".to_owned()),
                ..all.clone()
            },
            charged(|number| !bit(number, 0) && !bit(number, 1)),
        ),
        (
            UsageFilter {
                channel: Some("b".to_owned()),
                from: day("2026-11-19"),
                ..all.clone()
            },
            charged(|number| bit(number, 2) && bit(number, 3)),
        ),
        (
            UsageFilter {
                from: day("2026-11-18"),
                until: day("2026-11-18"),
                ..all.clone()
            },
            charged(|number| !bit(number, 3)),
        ),
    ];
    for (filter, expected) in filters {
        assert_eq!(
            charges(&store, &filter, UsageBy::default()).await,
            [expected],
            "{filter:?}"
        );
    }
    let of_bot = UsageFilter {
        key: Some(store.key_called("bot").await.unwrap()),
        ..all.clone()
    };
    assert_eq!(
        charges(&store, &of_bot, UsageBy::default()).await,
        [charged(|number| bit(number, 0))]
    );
    let nothing = UsageFilter {
        model: Some("none".to_owned()),
        ..all
    };
    assert!(charges(&store, &nothing, UsageBy::default()).await.is_empty());
}

#[tokio::test]
async fn groups_name_their_account_and_key_and_are_bounded() {
    let (_dir, store) = sixteen().await;
    let by = UsageBy {
        account: true,
        key: true,
        ..UsageBy::default()
    };

    let groups = store.usage(&UsageFilter::default(), by, 10).await.unwrap();
    let first = store.usage(&UsageFilter::default(), by, 1).await.unwrap();

    let names: Vec<_> = groups
        .iter()
        .map(|group| {
            let account = group.account.as_ref().unwrap().name.as_deref();
            let key = group.key.as_ref().unwrap().name.as_deref();
            (account.unwrap(), key.unwrap())
        })
        .collect();
    assert_eq!(names, [("default", "app"), ("team", "bot")]);
    assert_eq!((groups[0].day, groups[0].model.as_deref()), (None, None));
    assert_eq!(groups[0].sums.requests, 8);
    assert_eq!(first, groups[..1]);
}

#[tokio::test]
async fn pages_of_groups_come_to_all_of_them_however_they_are_told_apart() {
    let (_dir, store) = sixteen().await;
    let all = UsageFilter::default();
    for number in 0..32_u32 {
        let by = UsageBy {
            day: bit(number, 0),
            account: bit(number, 1),
            key: bit(number, 2),
            model: bit(number, 3),
            channel: bit(number, 4),
        };
        let whole = store.usage(&all, by, 1_000).await.unwrap();

        let mut paged: Vec<UsageGroup> = Vec::new();
        loop {
            let page = store.usage_after(&all, by, paged.last(), 3).await.unwrap();
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }

        assert_eq!(paged, whole, "{by:?}");
    }
}

#[tokio::test]
async fn a_budget_is_spent_by_what_was_charged_in_its_time() {
    let (_dir, store) = sixteen().await;
    let second: Date = "2026-11-19".parse().unwrap();

    for (of, first, expected) in [
        (
            UsageOf::Key(KeyId::new(1)),
            None,
            charged(|number| !bit(number, 0)),
        ),
        (
            UsageOf::Key(KeyId::new(2)),
            Some(second),
            charged(|number| bit(number, 0) && bit(number, 3)),
        ),
        (
            UsageOf::Account(AccountId::new(2)),
            Some(second),
            charged(|number| bit(number, 0) && bit(number, 3)),
        ),
        (UsageOf::Everyone, None, charged(|_| true)),
        (UsageOf::Key(KeyId::new(3)), None, 0),
    ] {
        let first = first.unwrap_or(Date::MIN);
        let (entry, spent) = store.spent(of, first, Date::MAX).await.unwrap();
        assert_eq!(spent.today, Money::from_nanos(expected), "{of:?}");
        assert_eq!(spent.this_month, Money::ZERO, "{of:?}");
        assert!(spent.ever >= spent.today, "{of:?}");
        assert_eq!(entry, store.newest_entry().await.unwrap());
    }
}

#[tokio::test]
async fn records_are_pruned_by_age_some_at_a_time_and_their_sums_stay() {
    let (_dir, store) = sixteen().await;
    let before = charges(&store, &UsageFilter::default(), UsageBy::default()).await;
    let second_day = "2026-11-19T00:00:00Z".parse().unwrap();

    let mut pruned = Vec::new();
    for _ in 0..3 {
        pruned.push(store.prune_usage(second_day, 5).await.unwrap());
    }

    assert_eq!(pruned, [5, 3, 0]);
    let stays = store.usage_record(id(8)).await.unwrap();
    assert!(stays.is_some(), "it came on the second day");
    assert!(store.usage_record(id(7)).await.unwrap().is_none());
    assert_eq!(
        charges(&store, &UsageFilter::default(), UsageBy::default()).await,
        before
    );
    assert!(store.verify_ledger().await.unwrap().holds());
}

#[tokio::test]
async fn a_charge_that_was_tampered_with_is_found_from_each_side() {
    for (change, mischarged, miscounted) in [
        (
            "UPDATE ledger_entries SET amount_nanos = amount_nanos + 1 WHERE id = 3",
            1,
            1,
        ),
        ("DELETE FROM ledger_entries WHERE id = 3", 1, 1),
        (
            "UPDATE usage_records SET charge_nanos = 0 WHERE charge_nanos = 4",
            1,
            0,
        ),
        ("UPDATE ledger_entries SET account_id = 2 WHERE id = 3", 1, 2),
        (
            "UPDATE usage_days SET charge_nanos = charge_nanos - 4 WHERE key_id = 1 AND model = 'gpt-4o'
             AND channel = 'a' AND day = '2026-11-18'",
            0,
            1,
        ),
    ] {
        let (_dir, store) = sixteen().await;
        tamper(&store, change).await;

        let verified = store.verify_ledger().await.unwrap();

        assert!(!verified.holds(), "{change}");
        assert_eq!(
            (verified.mischarges.len(), verified.miscounted.len()),
            (mischarged, miscounted),
            "{change}"
        );
    }
}

#[tokio::test]
async fn each_query_finds_its_rows_by_an_index() {
    let (_dir, store) = sixteen().await;
    // PostgreSQL reads tables as small as these without an index.
    let Pool::Sqlite(pool) = &store.pool else {
        return;
    };

    for query in [
        "SELECT sum(charge_nanos) FROM usage_days WHERE key_id = $1 AND day >= $2",
        "SELECT sum(charge_nanos) FROM usage_days WHERE account_id = $1 AND day >= $2",
        "SELECT request_id FROM usage_records WHERE request_id < $1 ORDER BY request_id LIMIT $2",
        "SELECT * FROM usage_records WHERE request_id = $1",
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
                .fetch_all(pool)
                .await
                .unwrap();
        assert!(
            plan.iter().all(|(.., step)| step.starts_with("SEARCH")),
            "{query}: {plan:?}"
        );
    }
}

#[tokio::test]
async fn keys_that_had_one_name_are_told_apart_and_found_together_or_each_by_its_prefix() {
    let (_dir, store) = sixteen().await;
    store.revoke_key("app", came(0)).await.unwrap();
    store.revoke_key("bot", came(0)).await.unwrap();
    let taken_again = store.create_key(new_key("bot", &text(3))).await.unwrap();
    let mut record = record(99);
    record.key = taken_again.id;
    record.charge = Some(Money::from_nanos(7));
    store.apply_usage(&book(), &[record], place(2)).await.unwrap();
    let by_key = UsageBy {
        key: true,
        ..UsageBy::default()
    };
    let found = async |word: &str| {
        let filter = UsageFilter {
            key: Some(store.key_called(word).await.unwrap()),
            ..UsageFilter::default()
        };
        let groups = store.usage(&filter, by_key, 10).await.unwrap();
        let rows = groups.into_iter().map(|group| {
            let key = group.key.unwrap();
            (key.id.get(), key.prefix.unwrap(), group.sums.charge.nanos())
        });
        rows.collect::<Vec<_>>()
    };
    let prefix = |seed| text(seed).prefix().to_string();
    let app = (1, prefix(1), charged(|number| !bit(number, 0)));
    let bot = (2, prefix(2), charged(|number| bit(number, 0)));
    let other_bot = (3, prefix(3), 7);

    assert_eq!(found("app").await, [app], "nobody has its name now");
    assert_eq!(found("bot").await, [bot.clone(), other_bot.clone()]);
    assert_eq!(found(&bot.1).await, std::slice::from_ref(&bot));
    assert_eq!(found(&format!("{}…", other_bot.1)).await, [other_bot]);
    let error = store.key_called("none").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no key has or had the name or the prefix `none`"
    );
}
