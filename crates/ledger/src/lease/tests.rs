use proptest::prelude::*;

use super::*;

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

#[test]
fn no_more_is_taken_than_is_free_but_what_is_spent_is_spent() {
    let lease = Lease::default();
    lease.add_money(nanos(100));

    assert!(lease.take(nanos(60)));
    assert!(!lease.take(nanos(41)), "it is not there");
    lease.overdraw(nanos(70));

    assert_eq!(lease.free(), nanos(-30));
    assert!(!lease.take(nanos(1)));
    assert!(lease.take(Money::ZERO), "nothing costs nothing");
    assert_eq!(lease.empty(), Money::ZERO, "there is nothing to give back");
    assert_eq!(lease.free(), nanos(-30));
}

#[test]
fn what_is_given_back_cannot_be_taken_any_more() {
    let lease = Lease::default();
    lease.add_money(nanos(100));

    assert_eq!(lease.empty(), nanos(100));

    assert!(!lease.take(nanos(1)));
}

#[test]
fn a_slice_is_a_part_of_what_is_there_or_what_is_needed() {
    assert_eq!(slice(nanos(800), nanos(1)), Some(nanos(100)));
    assert_eq!(slice(nanos(800), nanos(700)), Some(nanos(700)));
    assert_eq!(slice(nanos(7), nanos(7)), Some(nanos(7)));
    assert_eq!(slice(nanos(7), nanos(8)), None);
    assert_eq!(slice(nanos(-7), nanos(1)), None);
    assert_eq!(slice(nanos(-7), Money::ZERO), Some(Money::ZERO));
}

proptest! {
    #[test]
    fn however_many_gates_take_slices_they_have_no_more_than_there_is(
        all in 0_i64..1_000_000,
        needs in prop::collection::vec(0_i64..100_000, 0..100),
    ) {
        let mut left = all;
        for need in needs {
            let given = slice(nanos(left), nanos(need));
            prop_assert_eq!(given.is_none(), need > left, "whoever needs what is there gets it");
            left -= given.map_or(0, Money::nanos);
            prop_assert!(left >= 0);
        }
    }
}
