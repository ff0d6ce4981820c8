use std::thread;

use proptest::prelude::*;

use super::*;

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

#[test]
fn what_is_held_is_used_up_until_it_comes_back() {
    let purse = Purse::default();

    let hold = purse.hold(nanos(60), nanos(100)).expect("there is enough");
    assert_eq!((purse.used(), purse.spent()), (nanos(60), Money::ZERO));
    purse.spend(nanos(25));
    drop(hold);

    assert_eq!((purse.used(), purse.spent()), (nanos(25), nanos(25)));
    assert!(purse.hold(nanos(75), nanos(100)).is_ok());
}

#[test]
fn a_hold_that_is_dropped_was_never_there() {
    let purse = Purse::default();

    drop(purse.hold(nanos(100), nanos(100)));

    assert_eq!(purse.used(), Money::ZERO);
    assert!(purse.hold(nanos(100), nanos(100)).is_ok());
}

#[test]
fn money_that_others_hold_is_told_from_money_that_is_spent() {
    let (purse, most) = (Purse::default(), nanos(100));
    let hold = purse.hold(nanos(80), most).expect("there is enough");

    assert_eq!(
        purse.hold(nanos(50), most).unwrap_err(),
        Short::Held,
        "it may come back"
    );
    assert_eq!(
        purse.hold(nanos(101), most).unwrap_err(),
        Short::Spent,
        "there never was as much"
    );
    purse.spend(nanos(80));
    drop(hold);
    assert_eq!(purse.hold(nanos(50), most).unwrap_err(), Short::Spent);
}

#[test]
fn an_overrun_is_taken_and_nothing_is_held_until_it_is_covered() {
    let purse = Purse::default();

    let hold = purse.hold(nanos(90), nanos(100)).expect("there is enough");
    purse.spend(nanos(130));
    drop(hold);

    assert_eq!(purse.hold(Money::ZERO, nanos(100)).unwrap_err(), Short::Spent);
    assert!(purse.hold(Money::ZERO, nanos(130)).is_ok(), "once it is covered");
    assert_eq!(purse.hold(nanos(1), nanos(130)).unwrap_err(), Short::Spent);
}

#[test]
fn an_amount_that_is_lowered_or_raised_holds_for_the_next_request() {
    let purse = Purse::new(nanos(50));

    assert_eq!(purse.hold(nanos(1), nanos(50)).unwrap_err(), Short::Spent);
    assert!(purse.hold(nanos(1), nanos(51)).is_ok());
    assert_eq!(purse.hold(nanos(1), nanos(20)).unwrap_err(), Short::Spent);
}

#[test]
fn a_gate_that_shares_money_holds_no_more_than_its_slice() {
    let (purse, most) = (Purse::leased(nanos(40)), nanos(100));
    assert_eq!(purse.hold(nanos(1), most).unwrap_err(), Short::Unleased);
    let lease = purse.lease().expect("it is leased");
    lease.add_money(nanos(30));

    let hold = purse.hold(nanos(20), most).expect("it is in the slice");
    assert_eq!(purse.hold(nanos(20), most).unwrap_err(), Short::Unleased);
    assert_eq!(purse.used(), nanos(60), "what was refused is not held");
    purse.spend(nanos(15));
    drop(hold);
    assert_eq!(lease.free(), nanos(15));

    purse.spend_elsewhere(nanos(40));
    assert_eq!(lease.free(), nanos(15), "others spend of their own slices");
    assert_eq!(purse.hold(nanos(10), most).unwrap_err(), Short::Spent);
}

#[test]
fn amounts_at_the_end_of_all_reach_are_not_wrapped() {
    let purse = Purse::new(nanos(i64::MAX));
    purse.spend(nanos(i64::MAX));
    assert_eq!(purse.spent(), nanos(i64::MAX));
    assert_eq!(purse.hold(nanos(1), nanos(i64::MAX)).unwrap_err(), Short::Spent);

    let fresh = Purse::default();
    assert_eq!(
        fresh.hold(nanos(i64::MAX), nanos(i64::MIN)).unwrap_err(),
        Short::Spent
    );
    assert!(fresh.hold(nanos(i64::MAX), nanos(i64::MAX)).is_ok());
}

#[test]
fn a_thousand_requests_at_once_on_money_for_a_hundred_are_a_hundred() {
    let (purse, price, most) = (Purse::default(), nanos(7), nanos(100 * 7));

    let served: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut served = 0;
                    for _ in 0..125 {
                        // Who is refused for what others hold comes again, as clients do.
                        let hold = loop {
                            match purse.hold(price, most) {
                                Ok(hold) => break Some(hold),
                                Err(Short::Held) => thread::yield_now(),
                                Err(Short::Spent | Short::Unleased) => break None,
                            }
                        };
                        let Some(hold) = hold else { continue };
                        purse.spend(price);
                        drop(hold);
                        assert!(purse.spent() <= most, "more is spent than there is");
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no thread panics"))
            .sum()
    });

    assert_eq!(served, 100);
    assert_eq!((purse.used(), purse.spent()), (most, most));
}

#[test]
fn nobody_gives_up_on_money_that_is_only_held() {
    let (purse, most, most_of_it) = (Purse::default(), nanos(100), nanos(60));

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    match purse.hold(most_of_it, most) {
                        Ok(hold) => drop(hold),
                        Err(short) => assert_eq!(short, Short::Held, "a client would not come again"),
                    }
                }
            });
        }
    });

    assert_eq!(purse.used(), Money::ZERO);
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

/// Runs the steps beside a book with an entry for each charge and credit, from so much credit on. Gives what is left,
/// the least that ever was, and the sum of overruns.
fn run(purse: &Purse, start: i64, steps: Vec<Step>) -> (i64, i64, i64) {
    let mut open: Vec<Hold> = Vec::new();
    let (mut credit, mut spent, mut lowest, mut overrun) = (start, 0, start, 0);
    for step in steps {
        match step {
            Step::Hold(amount) => open.extend(purse.hold(nanos(amount), nanos(credit))),
            Step::Settle(which, part) if !open.is_empty() => {
                let hold = open.swap_remove(which.index(open.len()));
                let charge = hold.amount().nanos() * part / 1_000;
                purse.spend(nanos(charge));
                spent += charge;
                overrun += (charge - hold.amount().nanos()).max(0);
            }
            Step::Drop(which) if !open.is_empty() => drop(open.swap_remove(which.index(open.len()))),
            Step::Credit(amount) => credit += amount,
            Step::Settle(..) | Step::Drop(_) => {}
        }
        let held: i64 = open.iter().map(|hold| hold.amount().nanos()).sum();
        assert_eq!(
            purse.spent().nanos(),
            spent,
            "what is spent is what the book says"
        );
        assert_eq!(purse.used().nanos(), spent + held);
        lowest = lowest.min(credit - spent);
    }
    (credit - spent, lowest, overrun)
}

proptest! {
    #[test]
    fn charges_within_their_holds_never_come_to_more_than_there_is(
        start in 0_i64..1_000,
        steps in steps(1_000),
    ) {
        let purse = Purse::default();

        let (left, lowest, overrun) = run(&purse, start, steps);

        prop_assert!(lowest >= 0, "{lowest}");
        prop_assert!(left >= 0);
        prop_assert_eq!(overrun, 0);
    }

    #[test]
    fn charges_beyond_their_holds_come_to_no_more_than_the_overruns_beyond_what_there_is(
        start in 0_i64..1_000,
        steps in steps(3_000),
    ) {
        let purse = Purse::default();

        let (_, lowest, overrun) = run(&purse, start, steps);

        prop_assert!(lowest >= -overrun, "{lowest} with {overrun} of overruns");
    }
}
