use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::limits::{InFlightGuard, NoPlace};

const NOW: Duration = Duration::from_secs(100);
const LASTS: Duration = Duration::from_secs(10);

fn limit(count: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(count)
}

/// One of so many gates that can ask.
fn gate_of(gates: u32) -> (InFlight, Arc<Sharing>) {
    let sharing = Arc::new(Sharing::default());
    sharing.begin(gates);
    (InFlight::shared(Arc::clone(&sharing)), sharing)
}

fn granted(leased: u32) -> GrantedPlaces {
    GrantedPlaces { leased, elsewhere: 0 }
}

#[test]
fn a_gate_lets_in_as_many_as_it_has_places_and_asks_for_more_before_it_refuses() {
    let (in_flight, _sharing) = gate_of(2);
    assert_eq!(in_flight.enter(limit(3), NOW).err(), Some(NoPlace::Unleased));

    in_flight.granted(granted(2), NOW + LASTS);

    let first = in_flight.enter(limit(3), NOW);
    let _second = in_flight.enter(limit(3), NOW).unwrap();
    assert_eq!(in_flight.enter(limit(3), NOW).err(), Some(NoPlace::Unleased));
    drop(first);
    assert!(in_flight.enter(limit(3), NOW).is_ok(), "a place came back");
    assert_eq!(
        in_flight.enter(limit(1), NOW).err(),
        Some(NoPlace::Full),
        "the limit is reached by this gate alone"
    );
}

#[test]
fn places_whose_time_is_over_are_used_no_more_and_those_of_requests_are_kept() {
    let (in_flight, _sharing) = gate_of(2);
    in_flight.granted(granted(4), NOW + LASTS);
    let _request = in_flight.enter(limit(8), NOW).unwrap();

    let later = NOW + LASTS;

    assert_eq!(in_flight.enter(limit(8), later).err(), Some(NoPlace::Unleased));
    let expected = LeasedPlaces { taken: 1, leased: 1 };
    assert_eq!(in_flight.keep(u32::MAX, later), expected);
}

#[test]
fn what_is_kept_is_what_requests_have_and_so_much_beyond() {
    let (in_flight, _sharing) = gate_of(2);
    in_flight.granted(granted(6), NOW + LASTS);
    let _requests = [in_flight.enter(limit(8), NOW), in_flight.enter(limit(8), NOW)];

    assert_eq!(in_flight.keep(10, NOW).leased, 6);
    assert_eq!(in_flight.keep(1, NOW).leased, 3);
    assert_eq!(in_flight.keep(0, NOW).leased, 2);
    assert_eq!(in_flight.enter(limit(8), NOW).err(), Some(NoPlace::Unleased));
}

#[test]
fn while_the_book_cannot_be_asked_a_gate_has_its_part_and_tells_of_it_afterwards() {
    let (in_flight, sharing) = gate_of(3);
    in_flight.granted(granted(7), NOW + LASTS);
    sharing.end();

    let _requests = [in_flight.enter(limit(7), NOW), in_flight.enter(limit(7), NOW)];
    assert_eq!(in_flight.enter(limit(7), NOW).err(), Some(NoPlace::Full));
    assert!(in_flight.owes());
    assert_eq!(in_flight.keep(u32::MAX, NOW).leased, 2);
    assert!(!in_flight.owes());
}

#[test]
fn a_part_that_is_less_than_one_place_is_one() {
    let (in_flight, sharing) = gate_of(3);
    sharing.end();

    assert!(in_flight.enter(limit(2), NOW).is_ok());
}

#[test]
fn requests_from_before_a_limit_count_against_it() {
    let (in_flight, _sharing) = gate_of(2);
    let _requests = [in_flight.enter(None, NOW), in_flight.enter(None, NOW)];

    assert_eq!(in_flight.enter(limit(2), NOW).err(), Some(NoPlace::Full));
    assert_eq!(in_flight.enter(limit(3), NOW).err(), Some(NoPlace::Unleased));
    assert_eq!(in_flight.keep(0, NOW).leased, 2);
}

#[test]
fn the_book_gives_what_nobody_has_and_an_eighth_of_the_rest_ahead() {
    let mut book = PlaceBook::default();
    let asked = |kept, more, ahead| AskedPlaces {
        limit: 20,
        kept,
        more,
        ahead,
    };
    let mut ask = |gate, asked| book.exchange(gate, &asked, NOW, NOW + LASTS).leased;

    assert_eq!(ask("one", asked(0, 3, true)), 3 + 3);
    assert_eq!(ask("two", asked(0, 3, false)), 3);
    assert_eq!(ask("two", asked(3, 100, true)), 14);
    assert_eq!(ask("one", asked(6, 1, true)), 6, "there is no more");
    assert_eq!(ask("two", asked(0, 0, false)), 0);
    assert_eq!(ask("one", asked(6, 1, false)), 7);
}

#[test]
fn places_of_a_gate_that_says_nothing_more_are_the_others() {
    let mut book = PlaceBook::default();
    let all = AskedPlaces {
        limit: 5,
        kept: 0,
        more: 5,
        ahead: false,
    };
    assert_eq!(book.exchange("one", &all, NOW, NOW + LASTS).leased, 5);

    let meanwhile = book.exchange("two", &all, NOW + LASTS / 2, NOW + LASTS * 2);
    let afterwards = book.exchange("two", &all, NOW + LASTS, NOW + LASTS * 2);

    assert_eq!((meanwhile.leased, meanwhile.elsewhere), (0, 5));
    assert_eq!((afterwards.leased, afterwards.elsewhere), (5, 0));
}

/// What happens at one of three gates.
#[derive(Debug, Clone)]
enum Step {
    Enter,
    End(usize),
    Exchange {
        spare: u32,
        more: u32,
        ahead: bool,
    },
    /// The book has it, and the gate does not hear of it.
    Lost {
        spare: u32,
        more: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        4 => Just(Step::Enter),
        2 => any::<usize>().prop_map(Step::End),
        3 => (0_u32..4, 0_u32..4, any::<bool>())
            .prop_map(|(spare, more, ahead)| Step::Exchange { spare, more, ahead }),
        1 => (0_u32..4, 0_u32..4).prop_map(|(spare, more)| Step::Lost { spare, more }),
    ];
    prop::collection::vec((0_usize..3, step), 1..80)
}

proptest! {
    #[test]
    fn all_gates_together_never_have_more_under_way_than_the_limit(most in 1_u32..12, steps in steps()) {
        let mut book = PlaceBook::default();
        let gates = [gate_of(3).0, gate_of(3).0, gate_of(3).0];
        let mut requests: [Vec<InFlightGuard>; 3] = Default::default();
        for (at, step) in steps {
            let mut tell = |spare, more, ahead| {
                let kept = gates[at].keep(spare, NOW).leased;
                let asked = AskedPlaces { limit: most, kept, more, ahead };
                book.exchange(&at.to_string(), &asked, NOW, NOW + LASTS)
            };
            match step {
                Step::Enter => requests[at].extend(gates[at].enter(limit(most), NOW)),
                Step::End(which) if !requests[at].is_empty() => {
                    let which = which % requests[at].len();
                    drop(requests[at].swap_remove(which));
                }
                Step::End(_) => {}
                Step::Exchange { spare, more, ahead } => {
                    let granted = tell(spare, more, ahead);
                    gates[at].granted(granted, NOW + LASTS);
                }
                Step::Lost { spare, more } => {
                    tell(spare, more, true);
                }
            }
            let under_way: usize = requests.iter().map(Vec::len).sum();
            prop_assert!(under_way <= most as usize, "{under_way} of {most}");
        }
    }
}
