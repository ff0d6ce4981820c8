use super::*;

fn used(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt,
        completion,
        ..Usage::default()
    }
}

fn tier(name: &str) -> Option<ServiceTier> {
    ServiceTier::read(name)
}

/// Calls that were counted so, at the standard tier.
fn counted<const N: usize>(usages: [Usage; N]) -> Vec<CallMade> {
    let call = |usage| CallMade {
        usage: Some(usage),
        is_told: true,
        ..CallMade::default()
    };
    usages.map(call).into()
}

/// What each used, where nobody names a tier.
fn each(all: Usage, known: &[CallMade], calls: u64) -> Vec<Usage> {
    let each = of(&all, None, known.iter(), calls);
    each.iter().map(|call| call.usage).collect()
}

/// Each call's tier, and its prompt.
fn tiers<'a>(each: &[Spent<'a>]) -> Vec<(Option<&'a str>, u64)> {
    each.iter()
        .map(|call| (call.service_tier, call.usage.prompt))
        .collect()
}

#[test]
fn one_call_used_all_of_it() {
    assert_eq!(each(used(900, 30), &[], 1), [used(900, 30)]);
    let known = counted([used(900, 10)]);
    assert_eq!(each(used(900, 30), &known, 1), [used(900, 30)]);
}

#[test]
fn what_the_provider_counted_of_each_call_is_what_it_used() {
    let usages = [used(900, 10), used(800, 20)];

    assert_eq!(each(used(1_700, 30), &counted(usages), 2), usages);
}

#[test]
fn calls_that_nobody_counted_share_the_rest() {
    let known = counted([used(900, 10)]);

    let each = each(used(2_901, 50), &known, 3);

    assert_eq!(each, [used(900, 10), used(1_001, 20), used(1_000, 20)]);
}

#[test]
fn what_was_said_after_the_last_count_makes_no_call_of_its_own() {
    let known = counted([used(900, 10), used(900, 10)]);

    let each = each(used(1_800, 25), &known, 4);

    assert_eq!(each, [used(900, 13), used(900, 12)]);
}

#[test]
fn a_sum_that_is_none_of_the_counts_is_shared_by_all_calls() {
    let unbelieved = counted([used(u64::MAX, 10), used(900, 10)]);

    let each = each(used(1_801, 30), &unbelieved, 2);

    assert_eq!(each, [used(901, 15), used(900, 15)]);
}

#[test]
fn each_call_is_of_its_own_tier_and_one_of_which_nothing_is_known_of_the_answers() {
    let answer = tier("flex");
    let mut known = counted([used(900, 10), used(800, 10)]);
    known[1].service_tier = tier("priority");
    known.push(CallMade {
        service_tier: tier("scale"),
        ..CallMade::default()
    });

    let all = used(1_700, 20);
    let of_counted = of(&all, answer.as_ref(), known.iter(), 2);
    assert_eq!(tiers(&of_counted), [(None, 900), (Some("priority"), 800)]);

    let all = used(3_100, 20);
    let of_others = of(&all, answer.as_ref(), known.iter(), 4);
    let counted = [(None, 900), (Some("priority"), 800)];
    let others = [(Some("scale"), 700), (Some("flex"), 700)];
    assert_eq!(tiers(&of_others), [counted, others].concat());

    let all = used(90, 20);
    let of_another_sum = of(&all, answer.as_ref(), known.iter(), 3);
    let shared = [(None, 30), (Some("priority"), 30), (Some("scale"), 30)];
    assert_eq!(tiers(&of_another_sum), shared);
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
