#![allow(clippy::unwrap_used)]

use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Runtime;
use tollgate_ledger::limits::rate::{Asked, Granted, Line};
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
    );
    prop::collection::vec(ask, 1..30).prop_map(|asks| {
        let mut now = EPOCH;
        let asked = asks.into_iter().map(|(pause, ahead, debt, back, least, more)| {
            now += pause;
            Asked {
                now,
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
