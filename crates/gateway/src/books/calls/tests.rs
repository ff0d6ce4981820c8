use super::*;

fn used(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt,
        completion,
        ..Usage::default()
    }
}

#[test]
fn one_call_used_all_of_it() {
    assert_eq!(*of(&used(900, 30), &[], 1), [used(900, 30)]);
    assert_eq!(*of(&used(900, 30), &[used(900, 10)], 1), [used(900, 30)]);
}

#[test]
fn what_the_provider_counted_of_each_call_is_what_it_used() {
    let counted = [used(900, 10), used(800, 20)];

    assert_eq!(*of(&used(1_700, 30), &counted, 2), counted);
}

#[test]
fn calls_that_nobody_counted_share_the_rest() {
    let counted = [used(900, 10)];

    let all = used(2_901, 50);
    let each = of(&all, &counted, 3);

    assert_eq!(*each, [used(900, 10), used(1_001, 20), used(1_000, 20)]);
}

#[test]
fn what_was_said_after_the_last_count_makes_no_call_of_its_own() {
    let counted = [used(900, 10), used(900, 10)];

    let all = used(1_800, 25);
    let each = of(&all, &counted, 4);

    assert_eq!(*each, [used(900, 15), used(900, 10)]);
}

#[test]
fn a_sum_that_is_none_of_the_counts_is_shared_by_all_calls() {
    let unbelieved = [used(u64::MAX, 10), used(900, 10)];

    let all = used(1_801, 30);
    let each = of(&all, &unbelieved, 2);

    assert_eq!(*each, [used(901, 15), used(900, 15)]);
}

#[test]
fn classes_stay_inside_their_total_when_they_are_shared() {
    let all = Usage {
        cached: 5,
        ..used(7, 3)
    };

    let each: Vec<Usage> = all.shared_by(3).collect();

    assert_eq!(each.iter().copied().fold(Usage::default(), Usage::plus), all);
    assert!(each.iter().all(|usage| usage.cached <= usage.prompt), "{each:?}");
    assert_eq!(all.shared_by(0).collect::<Vec<_>>(), [all]);
}
