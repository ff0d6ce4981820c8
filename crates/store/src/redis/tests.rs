#![allow(clippy::unwrap_used)]

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Runtime;
use tollgate_ledger::limits::{
    concurrency::{AskedPlaces, PlaceBook},
    rate::{Asked, Granted, Line},
};
use tollgate_testkit::redis::Redis as Server;

use super::*;

/// Long enough for what takes a second, on any machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Some microsecond of the year 2026.
const EPOCH: u64 = 1_790_000_000_000_000;

async fn gate(server: &Server, name: &str) -> Redis {
    Redis::start(&server.url().parse().unwrap(), "0123", name.to_owned()).await
}

async fn comes(what: &str, mut look: impl FnMut() -> bool) {
    let began = Instant::now();
    while !look() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        time::sleep(Duration::from_millis(10)).await;
    }
}

/// The names of a gate's connections that Redis lists with one of these as their last command.
fn connections(server: &Server, last: &[&str]) -> Vec<String> {
    let list = server.ask(&["CLIENT", "LIST"]);
    let value = |line: &str, name: &str| {
        let found = line.split(' ').find_map(|word| word.strip_prefix(name));
        found.unwrap_or_default().to_owned()
    };
    let lines = list.lines().filter(|line| line.starts_with("id="));
    lines
        .filter(|line| last.contains(&value(line, "cmd=").as_str()))
        .map(|line| value(line, "id="))
        .collect()
}

/// The connections for what is large: those where the beat's script does not go, before anybody claims anything.
fn large(server: &Server) -> Vec<String> {
    connections(server, &["ping", "auth", "hello", "client|setinfo"])
}

/// Ends connections, as a server does with those that were idle for long.
fn end(server: &Server, ids: &[String]) {
    for id in ids {
        assert_eq!(server.ask(&["CLIENT", "KILL", "ID", id]), ":1\r\n");
    }
}

fn ask_for(length: u64) -> Asked {
    Asked {
        now: EPOCH,
        least: length,
        most: length,
        ..Asked::default()
    }
}

fn asks() -> impl Strategy<Value = Vec<Asked>> {
    let ask = (
        0_u64..30_000_000,
        0_u64..70_000_000,
        prop_oneof![4 => Just(0), 1 => 1_u64..90_000_000],
        prop_oneof![4 => Just(0), 1 => 1_u64..20_000_000],
        0_u64..30_000_000,
        0_u64..30_000_000,
        prop_oneof![Just(0_u32), Just(10), Just(1_000), Just(7_777_777)],
    );
    prop::collection::vec(ask, 1..30).prop_map(|asks| {
        let mut now = EPOCH;
        let asked = asks
            .into_iter()
            .map(|(pause, ahead, debt, back, least, more, limit)| {
                now += pause;
                Asked {
                    now,
                    limit,
                    line: now + ahead,
                    debt,
                    back,
                    least,
                    most: least + more,
                }
            });
        asked.collect()
    })
}

#[test]
fn the_script_keeps_a_line_as_the_ledger_does() {
    let Some(server) = Server::start("the script for rates is not tried") else {
        return;
    };
    let runtime = Runtime::new().unwrap();
    let redis = runtime.block_on(gate(&server, "one"));
    let case = std::cell::Cell::new(0);

    let held = TestRunner::default().run(&asks(), |asks| {
        case.set(case.get() + 1);
        let (key, mut line) = (format!("case {}", case.get()), Line::default());
        for asked in asks {
            let granted = runtime.block_on(redis.ask_line(&key, &asked)).unwrap();
            prop_assert_eq!(granted, line.exchange(&asked), "{:?}", asked);
        }
        Ok(())
    });

    held.unwrap();
}

fn asks_for_places() -> impl Strategy<Value = Vec<(usize, AskedPlaces)>> {
    let ask = (0_usize..3, 1_u32..20, 0_u32..12, 0_u32..12, any::<bool>());
    let ask = ask.prop_map(|(gate, limit, kept, more, ahead)| {
        let asked = AskedPlaces {
            limit,
            kept,
            more,
            ahead,
        };
        (gate, asked)
    });
    prop::collection::vec(ask, 1..30)
}

#[test]
fn the_script_keeps_the_book_of_places_as_the_ledger_does() {
    let Some(server) = Server::start("the script for places is not tried") else {
        return;
    };
    let runtime = Runtime::new().unwrap();
    let names = ["one", "two", "three"];
    let gates = names.map(|name| runtime.block_on(gate(&server, name)));
    let case = std::cell::Cell::new(0);

    let held = TestRunner::default().run(&asks_for_places(), |asks| {
        case.set(case.get() + 1);
        let (key, mut book) = (format!("case {}", case.get()), PlaceBook::default());
        let (now, lasts) = (Duration::ZERO, Duration::from_secs(60));
        for (at, asked) in asks {
            let asking = gates[at].ask_places(&key, &asked, lasts);
            let granted = runtime.block_on(asking).unwrap();
            let expected = book.exchange(names[at], &asked, now, lasts);
            prop_assert_eq!(granted, expected, "{:?}", asked);
        }
        Ok(())
    });

    held.unwrap();
}

#[tokio::test]
async fn places_end_with_their_time_and_a_limit_is_scarce_where_others_have_all() {
    let Some(server) = Server::start("places that end are not tried") else {
        return;
    };
    let (one, two) = (gate(&server, "one").await, gate(&server, "two").await);
    let all = AskedPlaces {
        limit: 3,
        kept: 0,
        more: 3,
        ahead: false,
    };
    let lasts = Duration::from_millis(300);

    let granted = one.ask_places("limit", &all, lasts).await.unwrap();
    assert_eq!(granted.leased, 3);
    assert!(two.scarce_places().await.unwrap().is_empty());
    let refused = two.ask_places("limit", &all, lasts).await.unwrap();
    assert_eq!((refused.leased, refused.elsewhere), (0, 3));
    assert_eq!(one.scarce_places().await.unwrap(), ["limit"]);
    time::sleep(lasts * 2).await;

    let granted = two.ask_places("limit", &all, lasts).await.unwrap();
    assert_eq!((granted.leased, granted.elsewhere), (3, 0));
}

#[tokio::test]
async fn a_line_that_was_lost_goes_on_where_the_gate_last_knew_it() {
    let Some(mut server) = Server::start("a Redis that forgets is not tried") else {
        return;
    };
    let redis = gate(&server, "one").await;
    let granted = redis.ask_line("line", &ask_for(40_000_000)).await.unwrap();

    server.stop();
    server.start_again();
    comes("it connects again", || {
        redis.standing().failures > 0 && redis.standing().is_up
    })
    .await;

    let asked = Asked {
        line: granted.line,
        ..ask_for(30_000_000)
    };
    let refused = redis.ask_line("line", &asked).await.unwrap();
    let expected = Granted {
        from: EPOCH + 40_000_000,
        given: 0,
        line: EPOCH + 40_000_000,
    };
    assert_eq!(refused, expected);
}

#[tokio::test]
async fn gates_count_each_other_until_they_leave() {
    let Some(server) = Server::start("how many gates share a Redis is not tried") else {
        return;
    };
    let (one, two) = (gate(&server, "one").await, gate(&server, "two").await);
    comes("the first hears of the second", || one.standing().gates == 2).await;
    assert_eq!(two.standing().gates, 2);

    two.leave().await;

    comes("the first hears that it is alone", || one.standing().gates == 1).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_asked_once_and_not_again_until_it_answers() {
    let Some(server) = Server::start("a Redis that hangs is not tried") else {
        return;
    };
    let redis = gate(&server, "one").await;
    redis.ask_line("line", &ask_for(1)).await.unwrap();
    server.hang();
    // Either this finds it out or the next beat.
    let _ = redis.ask_line("line", &ask_for(1)).await;

    let began = Instant::now();
    for _ in 0..1_000 {
        redis.ask_line("line", &ask_for(1)).await.unwrap_err();
    }
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "{:?}",
        began.elapsed()
    );
    assert!(!redis.standing().is_up);

    server.go_on();
    comes("it is asked again", || redis.standing().is_up).await;
    redis.ask_line("line", &ask_for(1)).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_keeps_nobody_from_starting() {
    let began = Instant::now();

    let redis = Redis::start(&"redis://127.0.0.1:1".parse().unwrap(), "0123", "one".to_owned()).await;

    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let expected = Standing {
        is_up: false,
        gates: 1,
        failures: 1,
        states_lost: 0,
    };
    assert_eq!(redis.standing(), expected);
}

#[tokio::test]
async fn what_is_kept_is_found_though_its_connection_ended_meanwhile() {
    let Some(server) = Server::start("connections that end are not tried") else {
        return;
    };
    let redis = gate(&server, "one").await;
    let lives = Duration::from_secs(60);
    let [first, second] = [[1; 32], [2; 32]];
    let connection = large(&server);
    assert_eq!(connection.len(), 1, "{connection:?}");
    assert_eq!(redis.claim_replay(&first, b"mine", lives).await.unwrap(), None);

    end(&server, &connection);
    let claimed = redis.claim_replay(&second, b"mine", lives).await.unwrap();
    let there = redis.claim_replay(&first, b"another", lives).await.unwrap();

    assert_eq!((claimed, there), (None, Some(b"mine".to_vec())));
    assert_eq!(redis.states(&[[3; 32]]).await.unwrap(), [None]);
}

#[tokio::test]
async fn a_server_that_has_lost_all_counts_as_away_until_it_was_told_again() {
    let Some(server) = Server::start("a Redis that forgets is not tried") else {
        return;
    };
    let redis = gate(&server, "one").await;
    let standing = redis.standing();
    assert!(standing.is_up && standing.failures == 0, "{standing:?}");
    let lost = redis.lost();

    server.ask(&["FLUSHALL"]);

    comes("it is found to have lost all", || redis.lost() > lost).await;
    assert!(!redis.standing().is_up, "others may have told it nothing yet");
    comes("it can be told", || redis.is_reached()).await;
    comes("it is relied on again", || redis.standing().is_up).await;
}

#[tokio::test]
async fn a_claim_whose_answer_got_lost_is_had_by_who_claims_again() {
    let Some(server) = Server::start("claims are not tried") else {
        return;
    };
    let redis = gate(&server, "one").await;
    let lives = Duration::from_secs(60);
    assert_eq!(redis.claim_replay(&[1; 32], b"mine", lives).await.unwrap(), None);

    let again = redis.claim_replay(&[1; 32], b"mine", lives).await.unwrap();

    assert_eq!(again, None);
}

#[tokio::test]
async fn a_connection_for_what_is_large_is_made_anew_before_anybody_needs_it() {
    let Some(server) = Server::start("connections that end are not tried") else {
        return;
    };
    let _redis = gate(&server, "one").await;

    let ended = large(&server);
    end(&server, &ended);

    comes("it is there again, and was asked", || {
        connections(&server, &["ping"])
            .iter()
            .any(|id| !ended.contains(id))
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_can_be_asked_for_as_soon_as_redis_is_said_to_be_up_again() {
    let Some(mut server) = Server::start("a Redis that starts again is not tried") else {
        return;
    };
    let redis = gate(&server, "one").await;

    server.stop();
    server.start_again();
    comes("it connects again", || {
        redis.standing().failures > 0 && redis.standing().is_up
    })
    .await;

    let claimed = redis.claim_replay(&[1; 32], b"mine", Duration::from_secs(60));
    assert_eq!(claimed.await.unwrap(), None);
}
