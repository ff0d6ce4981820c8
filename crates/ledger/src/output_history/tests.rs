use proptest::prelude::*;

use super::*;

fn history(answers: impl IntoIterator<Item = u64>) -> OutputHistory {
    let history = OutputHistory::default();
    for tokens in answers {
        history.add(tokens);
    }
    history
}

#[test]
fn before_twenty_answers_nothing_is_known() {
    assert_eq!(history([]).expected(), 4_096);
    assert_eq!(history([10; 19]).expected(), 4_096);
    assert_eq!(history([10; 20]).expected(), 10);
}

#[test]
fn one_long_answer_in_a_hundred_is_not_reckoned_with_and_two_are() {
    let short = || std::iter::repeat_n(100, 198);

    let one = history(short().chain([60_000; 2])).expected();
    let two = history(short().chain([60_000; 4])).expected();

    assert!((100..=120).contains(&one), "{one}");
    assert!((60_000..=72_000).contains(&two), "{two}");
}

#[test]
fn what_was_long_ago_fades() {
    let history = history([50_000; 1_000]);
    assert!(history.expected() >= 50_000);

    for _ in 0..20_000 {
        history.add(100);
    }

    assert!(history.expected() <= 120, "{}", history.expected());
}

#[test]
fn an_answer_beyond_all_measure_counts_as_the_longest() {
    assert_eq!(history([u64::MAX; 20]).expected(), 1 << 20);
}

proptest! {
    #[test]
    fn answers_alike_are_expected_to_come_again_a_fifth_longer_at_most(tokens in 1_u64..1_000_000) {
        let expected = history([tokens; 50]).expected();

        prop_assert!(expected >= tokens, "{expected} for {tokens}");
        prop_assert!(expected <= tokens + tokens / 5 + 1, "{expected} for {tokens}");
    }
}
