use std::thread;

use proptest::prelude::*;

use super::*;

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

#[test]
fn what_is_held_is_not_free_and_what_is_not_charged_comes_back() {
    let purse = Purse::new(nanos(100));

    let hold = purse.hold(nanos(60)).expect("there is enough");
    assert_eq!(purse.free(), nanos(40));
    let settled = hold.settle(nanos(25));

    assert_eq!((settled.charged, settled.overrun), (nanos(25), Money::ZERO));
    assert_eq!(purse.free(), nanos(75));
}

#[test]
fn a_hold_that_is_dropped_was_never_there() {
    let purse = Purse::new(nanos(100));

    drop(purse.hold(nanos(100)));

    assert_eq!(purse.free(), nanos(100));
    assert!(purse.hold(nanos(100)).is_ok());
}

#[test]
fn money_that_others_hold_is_told_from_money_that_is_spent() {
    let purse = Purse::new(nanos(100));
    let hold = purse.hold(nanos(80)).expect("there is enough");

    assert_eq!(
        purse.hold(nanos(50)).unwrap_err(),
        Short::Held,
        "it may come back"
    );
    assert_eq!(
        purse.hold(nanos(101)).unwrap_err(),
        Short::Spent,
        "there never was as much"
    );
    hold.settle(nanos(80));
    assert_eq!(purse.hold(nanos(50)).unwrap_err(), Short::Spent);
}

#[test]
fn an_overrun_is_taken_and_nothing_is_held_until_it_is_covered() {
    let purse = Purse::new(nanos(100));

    let settled = purse.hold(nanos(90)).expect("there is enough").settle(nanos(130));

    assert_eq!(settled.overrun, nanos(40));
    assert_eq!(purse.free(), nanos(-30));
    assert_eq!(purse.hold(Money::ZERO).unwrap_err(), Short::Spent);
    purse.credit(nanos(30));
    assert!(purse.hold(Money::ZERO).is_ok());
    assert_eq!(purse.hold(nanos(1)).unwrap_err(), Short::Spent);
}

#[test]
fn amounts_at_the_end_of_all_reach_are_not_wrapped() {
    let purse = Purse::new(nanos(i64::MAX));
    let hold = purse.hold(nanos(i64::MAX)).expect("there is enough");
    purse.credit(nanos(i64::MAX));
    drop(hold);
    assert_eq!(purse.free(), nanos(i64::MAX));

    let poor = Purse::new(nanos(i64::MIN));
    assert_eq!(poor.hold(nanos(i64::MAX)).unwrap_err(), Short::Spent);
}

#[test]
fn a_thousand_requests_at_once_on_money_for_a_hundred_are_a_hundred() {
    let (purse, price) = (Purse::new(nanos(100 * 7)), nanos(7));

    let served: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let requests = (0..125).filter(|_| match purse.hold(price) {
                        Ok(hold) => {
                            assert!(purse.free() >= Money::ZERO, "more is held than there is");
                            thread::yield_now();
                            hold.settle(price);
                            true
                        }
                        Err(_) => false,
                    });
                    requests.count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .sum()
    });

    // Nothing comes back here, so whoever was refused is refused for good.
    assert_eq!(served, 100);
    assert_eq!(purse.free(), Money::ZERO);
}

#[test]
fn nobody_gives_up_on_money_that_is_only_held() {
    let (purse, most_of_it) = (Purse::new(nanos(100)), nanos(60));

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    match purse.hold(most_of_it) {
                        Ok(hold) => drop(hold),
                        Err(short) => assert_eq!(short, Short::Held, "a client would not come again"),
                    }
                }
            });
        }
    });

    assert_eq!(purse.free(), nanos(100));
}

#[derive(Debug, Clone)]
enum Step {
    Hold(i64),
    /// Settles one of the open holds with a part of it, in thousandths.
    Settle(prop::sample::Index, i64),
    Drop(prop::sample::Index),
    Credit(i64),
}

fn steps(most_of_hold: i64) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0_i64..500).prop_map(Step::Hold),
        (any::<prop::sample::Index>(), 0..=most_of_hold).prop_map(|(which, part)| Step::Settle(which, part)),
        any::<prop::sample::Index>().prop_map(Step::Drop),
        (0_i64..300).prop_map(Step::Credit),
    ];
    prop::collection::vec(step, 0..200)
}

/// Runs the steps beside a book with an entry for each charge and credit. Gives the entries' sum, the lowest
/// balance, and the sum of overruns.
fn run(purse: &Purse, start: i64, steps: Vec<Step>) -> (i64, i64, i64) {
    let mut open: Vec<Hold> = Vec::new();
    let (mut sum, mut lowest, mut overrun) = (start, start, 0);
    for step in steps {
        match step {
            Step::Hold(amount) => open.extend(purse.hold(nanos(amount))),
            Step::Settle(which, part) if !open.is_empty() => {
                let hold = open.swap_remove(which.index(open.len()));
                let charge = hold.amount().nanos() * part / 1_000;
                let settled = hold.settle(nanos(charge));
                sum -= settled.charged.nanos();
                overrun += settled.overrun.nanos();
            }
            Step::Drop(which) if !open.is_empty() => drop(open.swap_remove(which.index(open.len()))),
            Step::Credit(amount) => {
                purse.credit(nanos(amount));
                sum += amount;
            }
            Step::Settle(..) | Step::Drop(_) => {}
        }
        let held: i64 = open.iter().map(|hold| hold.amount().nanos()).sum();
        assert_eq!(
            purse.free().nanos() + held,
            sum,
            "free and held are what the book says"
        );
        lowest = lowest.min(sum);
    }
    drop(open);
    (sum, lowest, overrun)
}

proptest! {
    #[test]
    fn the_balance_is_the_sum_of_the_entries_and_never_below_zero_with_charges_within_their_holds(
        start in 0_i64..1_000,
        steps in steps(1_000),
    ) {
        let purse = Purse::new(nanos(start));

        let (sum, lowest, overrun) = run(&purse, start, steps);

        prop_assert_eq!(purse.free().nanos(), sum);
        prop_assert!(lowest >= 0, "{lowest}");
        prop_assert_eq!(overrun, 0);
    }

    #[test]
    fn charges_beyond_their_holds_take_the_balance_below_zero_by_no_more_than_the_overruns(
        start in 0_i64..1_000,
        steps in steps(3_000),
    ) {
        let purse = Purse::new(nanos(start));

        let (sum, lowest, overrun) = run(&purse, start, steps);

        prop_assert_eq!(purse.free().nanos(), sum);
        prop_assert!(lowest >= -overrun, "{lowest} with {overrun} of overruns");
    }
}
