use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::limits::{
    PerMinute,
    rate::{Full, Held, Line, tests::no_span_has_more},
};

const ALL: Duration = Duration::MAX;

fn limit(count: u32) -> PerMinute {
    PerMinute::new(NonZeroU32::new(count).expect("no test has a limit of 0"))
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// Gates whose clocks began at other times, and the line that they share.
struct Gates {
    line: Line,
    rates: Vec<(Arc<Sharing>, Rate)>,
}

impl Gates {
    fn new(count: u32) -> Self {
        let gate = |_| {
            let sharing = Arc::new(Sharing::default());
            sharing.begin(count);
            let rate = Rate::shared(Arc::clone(&sharing));
            (sharing, rate)
        };
        Self {
            line: Line::default(),
            rates: (0..count).map(gate).collect(),
        }
    }

    fn rate(&self, gate: usize) -> &Rate {
        &self.rates[gate].1
    }

    /// Asks for what is wanting, and so much ahead of need.
    fn ask(&mut self, gate: usize, least: Duration, ahead: Duration, now: Duration) -> Granted {
        let rate = &self.rates[gate].1;
        let asked = rate
            .ask(least, least + ahead, ALL, now)
            .expect("the rate is shared");
        let granted = self.line.exchange(&asked);
        rate.granted(&granted);
        granted
    }

    /// Takes, where need be after asking.
    fn take(
        &mut self,
        gate: usize,
        count: u64,
        limit: PerMinute,
        ahead: Duration,
        now: Duration,
    ) -> Option<Held> {
        match self.rate(gate).take(count, limit, now) {
            Ok(held) => Some(held),
            Err(Full::Unleased(cost)) => {
                let wanting = cost.saturating_sub(self.rate(gate).free(now));
                self.ask(gate, wanting, ahead, now);
                self.rate(gate).take(count, limit, now).ok()
            }
            Err(Full::For(wait)) => panic!("the line can be asked: {wait:?}"),
        }
    }

    fn burst(&mut self, gate: usize, limit: PerMinute, now: Duration) -> u32 {
        let mut count = 0;
        while self.take(gate, 1, limit, Duration::ZERO, now).is_some() {
            count += 1;
        }
        count
    }
}

/// How many go through without anybody being asked.
fn burst_alone(rate: &Rate, limit: PerMinute, now: Duration) -> u32 {
    let mut count = 0;
    while rate.take(1, limit, now).is_ok() {
        count += 1;
    }
    count
}

#[test]
fn within_its_stretch_a_gate_asks_nobody() {
    let (mut gates, limit) = (Gates::new(2), limit(60));
    gates.ask(0, Duration::ZERO, seconds(5.0), seconds(100.0));

    assert_eq!(burst_alone(gates.rate(0), limit, seconds(100.0)), 5);
    assert_eq!(
        gates.rate(0).take(1, limit, seconds(100.0)).unwrap_err(),
        Full::Unleased(seconds(1.0))
    );
    assert_eq!(gates.burst(1, limit, seconds(100.0)), 55);
    assert_eq!(gates.burst(0, limit, seconds(100.0)), 0);
    assert_eq!(gates.burst(0, limit, seconds(101.0)), 1);
}

#[test]
fn what_a_gate_does_not_use_is_there_for_all_again_when_its_time_has_come() {
    let (mut gates, limit) = (Gates::new(2), limit(60));
    gates.ask(0, Duration::ZERO, seconds(10.0), seconds(0.0));
    assert_eq!(gates.burst(1, limit, seconds(0.0)), 50);

    assert_eq!(gates.burst(1, limit, seconds(10.0)), 10);
    assert_eq!(
        burst_alone(gates.rate(0), limit, seconds(10.0)),
        0,
        "it would pass twice"
    );
}

#[test]
fn what_was_held_too_much_is_the_gates_until_it_gives_it_back() {
    let (mut gates, limit) = (Gates::new(2), limit(60));
    let held = gates.take(0, 40, limit, Duration::ZERO, seconds(0.0));
    held.expect("there is room").correct(10, seconds(0.0));
    assert_eq!(gates.rate(0).free(seconds(0.0)), seconds(30.0));

    let asked = gates
        .rate(0)
        .ask(Duration::ZERO, Duration::ZERO, seconds(5.0), seconds(0.0));
    gates.line.exchange(&asked.expect("the rate is shared"));

    assert_eq!(gates.rate(0).free(seconds(0.0)), seconds(5.0));
    assert_eq!(gates.burst(1, limit, seconds(0.0)), 45);
}

#[test]
fn what_was_held_too_little_is_told_to_the_line() {
    let (mut gates, limit) = (Gates::new(2), limit(60));
    let held = gates.take(0, 10, limit, seconds(5.0), seconds(0.0));

    held.expect("there is room").correct(40, seconds(0.0));

    assert!(gates.rate(0).owes());
    let granted = gates.ask(0, Duration::ZERO, Duration::ZERO, seconds(0.0));
    assert_eq!(granted.line, 40_000_000);
    assert!(!gates.rate(0).owes());
    assert_eq!(gates.burst(1, limit, seconds(0.0)), 20);
}

#[test]
fn what_the_line_was_not_told_is_told_the_next_time() {
    let (mut gates, limit) = (Gates::new(1), limit(60));
    let held = gates.take(0, 10, limit, Duration::ZERO, seconds(0.0));
    held.expect("there is room").correct(20, seconds(0.0));
    let rate = gates.rate(0);
    let asked = rate.ask(Duration::ZERO, Duration::ZERO, ALL, seconds(0.0));

    rate.not_told(&asked.expect("the rate is shared"));

    gates.ask(0, Duration::ZERO, Duration::ZERO, seconds(0.0));
    assert_eq!(gates.burst(0, limit, seconds(0.0)), 40);
}

#[test]
fn while_the_line_is_away_each_gate_has_its_part_and_tells_of_it_afterwards() {
    let (mut gates, limit) = (Gates::new(3), limit(60));
    for (sharing, rate) in &gates.rates {
        sharing.end();
        assert_eq!(burst_alone(rate, limit, seconds(5.0)), 20);
        assert_eq!(
            rate.take(1, limit, seconds(5.0)).unwrap_err(),
            Full::For(seconds(3.0))
        );
    }

    for (sharing, _) in &gates.rates {
        sharing.begin(3);
    }

    for gate in 0..3 {
        gates.ask(gate, Duration::ZERO, Duration::ZERO, seconds(15.0));
    }
    assert_eq!(
        gates.burst(0, limit, seconds(15.0)),
        10,
        "the others are not paid off"
    );
}

#[test]
fn a_part_too_small_for_a_request_lets_it_through_and_waits_longer() {
    let (gates, limit) = (Gates::new(4), limit(2));
    let (sharing, rate) = &gates.rates[0];
    sharing.end();

    assert_eq!(burst_alone(rate, limit, seconds(0.0)), 1);
    assert_eq!(burst_alone(rate, limit, seconds(119.0)), 0);
    assert_eq!(burst_alone(rate, limit, seconds(120.0)), 1);
}

#[test]
fn a_line_that_was_lost_goes_on_where_gates_last_knew_it() {
    let (mut gates, limit) = (Gates::new(2), limit(60));
    gates.burst(0, limit, seconds(0.0));

    gates.line = Line::default();

    assert_eq!(gates.burst(0, limit, seconds(10.0)), 10);
}

#[test]
fn the_standing_counts_what_is_free_here() {
    let (mut gates, limit) = (Gates::new(2), limit(60));
    gates.take(1, 20, limit, Duration::ZERO, seconds(0.0));

    gates.ask(0, Duration::ZERO, seconds(10.0), seconds(0.0));

    let standing = gates.rate(0).standing(limit, seconds(0.0));
    assert_eq!((standing.remaining, standing.full_in), (40, seconds(20.0)));
    gates.rate(0).take(5, limit, seconds(0.0)).expect("it is free");
    assert_eq!(gates.rate(0).standing(limit, seconds(0.0)).remaining, 35);
}

#[test]
fn a_limit_that_is_raised_holds_at_all_gates_for_what_any_of_them_used() {
    let mut gates = Gates::new(2);
    let held = gates.take(0, 100, limit(1_000), seconds(5.0), seconds(100.0));
    held.expect("there is room").correct(50_000, seconds(100.0));
    gates.ask(0, Duration::ZERO, Duration::ZERO, seconds(100.0));
    let refused = gates.take(1, 1, limit(1_000), Duration::ZERO, seconds(100.0));
    assert!(refused.is_none());

    let raised = limit(10_000_000);

    for gate in [1, 0] {
        let held = gates.take(gate, 1, raised, Duration::ZERO, seconds(100.0));
        assert!(held.is_some(), "gate {gate} waits for the old limit's time");
    }
    let standing = gates.rate(0).standing(raised, seconds(100.0));
    assert!(
        (9_949_900..9_950_000).contains(&standing.remaining),
        "{standing:?}"
    );
}

#[test]
fn a_gate_that_has_not_heard_of_a_limit_yet_does_not_bring_the_line_back_to_the_old_one() {
    let (mut gates, old, lowered) = (Gates::new(2), limit(1_000), limit(10));
    gates
        .take(0, 1_000, old, Duration::ZERO, seconds(100.0))
        .expect("all of it");
    let mut passed = 0;

    for turn in 0..10 {
        let now = seconds(100.1 + f64::from(turn) / 10.0);
        passed += gates.burst(0, lowered, now);
        passed += gates.burst(1, old, now);
    }

    // A second's share of the old limit at most.
    assert!(passed <= 20, "{passed}");
}

#[test]
fn what_a_gate_tells_that_has_not_heard_yet_counts_as_many_of_the_new_limit() {
    let (mut gates, old, raised) = (Gates::new(2), limit(1_000), limit(1_000_000));
    let held = gates.take(0, 100, old, Duration::ZERO, seconds(100.0));
    gates
        .take(1, 1, raised, Duration::ZERO, seconds(100.0))
        .expect("there is room");

    held.expect("there is room").correct(50_000, seconds(130.0));
    gates.ask(0, Duration::ZERO, Duration::ZERO, seconds(130.0));

    // Three seconds of the new limit, not fifty minutes of the old one.
    assert!(
        gates
            .take(1, 900_000, raised, Duration::ZERO, seconds(130.0))
            .is_some()
    );
}

#[test]
fn what_a_gate_had_taken_ahead_is_everybodys_when_the_limit_changes() {
    let (mut gates, old, lowered) = (Gates::new(2), limit(1_000), limit(100));
    gates
        .take(0, 10, old, seconds(5.0), seconds(100.0))
        .expect("there is room");

    assert_eq!(gates.burst(0, lowered, seconds(100.0)), 90, "ten were used");
}

proptest! {
    #[test]
    fn however_many_gates_share_it_no_span_has_more_than_the_limit_and_a_share_of_it(
        count in 1_u32..500,
        gates in 1_u32..5,
        arrivals in prop::collection::vec(
            (0_u64..5_000, 0_usize..4, 1_u64..20, 0_u64..20_000, 0_u64..20),
            1..200,
        ),
    ) {
        let (mut all, limit) = (Gates::new(gates), limit(count));
        let mut now = Duration::from_secs(1);
        let mut passed: Vec<(Duration, u64)> = Vec::new();
        for (pause, gate, wanted, ahead, truly) in arrivals {
            now += Duration::from_millis(pause);
            let gate = gate % gates as usize;
            if let Some(held) = all.take(gate, wanted, limit, Duration::from_millis(ahead), now) {
                // Nothing passes beyond what was held, so that it is the bound that is looked at.
                let truly = truly.min(wanted);
                held.correct(truly, now);
                passed.push((now, truly));
            }
        }

        no_span_has_more(count, &passed)?;
    }

    #[test]
    fn a_gate_alone_on_a_line_lets_through_what_one_without_a_line_does(
        count in prop::sample::select(vec![1_u32, 6, 60, 100, 1_000, 6_000]),
        arrivals in prop::collection::vec((0_u64..5_000, 1_u64..20), 1..200),
    ) {
        let (mut gates, limit) = (Gates::new(1), limit(count));
        let alone = Rate::default();
        let mut now = Duration::from_secs(1);
        for (pause, wanted) in arrivals {
            now += Duration::from_millis(pause);

            let passes = gates.take(0, wanted, limit, Duration::ZERO, now).is_some();

            prop_assert_eq!(passes, alone.take(wanted, limit, now).is_ok());
        }
    }
}
