use super::*;

const PROMPT: u64 = 6;

fn used(prompt: u64, completion: u64) -> Usage {
    Usage {
        prompt,
        completion,
        ..Usage::default()
    }
}

/// Bytes that were said, or a count.
enum Says {
    Bytes(usize),
    Thinks(usize),
    Count(u64, u64),
    CutOff,
}
use Says::{Bytes, Count, CutOff, Thinks};

fn heard<const N: usize>(says: [Says; N]) -> Heard {
    let mut heard = Heard::default();
    for said in says {
        heard.hear(&match said {
            Bytes(bytes) => EventKind::Text {
                choice: 0,
                text: "x".repeat(bytes),
            },
            Thinks(bytes) => EventKind::Reasoning {
                choice: 0,
                text: "x".repeat(bytes),
            },
            Count(prompt, completion) => EventKind::Usage(used(prompt, completion)),
            CutOff => EventKind::UsageCutOff,
        });
    }
    heard
}

#[test]
fn what_nobody_has_counted_is_estimated() {
    let (usage, is_estimated) = heard([Thinks(40), Bytes(80)]).so_far(PROMPT, true);

    assert_eq!(
        (usage.prompt, usage.completion, usage.reasoning),
        (PROMPT, 30, 10)
    );
    assert!(is_estimated);
}

#[test]
fn a_count_at_the_end_is_what_it_used() {
    let heard = heard([Count(900, 1), Bytes(400), Count(900, 120)]);

    assert_eq!(heard.so_far(PROMPT, true), (used(900, 120), false));
    assert_eq!(heard.so_far(PROMPT, false), (used(900, 120), false));
}

#[test]
fn what_was_said_since_the_last_count_is_added_while_it_goes_on() {
    let heard = heard([Bytes(40), Count(900, 12), Bytes(40)]);

    assert_eq!(heard.so_far(PROMPT, false), (used(900, 22), true));
    // What came with the last count may stand behind it.
    assert_eq!(heard.so_far(PROMPT, true), (used(900, 12), false));
}

#[test]
fn a_count_of_how_it_opens_is_none_of_a_long_answer() {
    let heard = heard([Count(900, 3), Bytes(400)]);

    assert_eq!(heard.so_far(PROMPT, true), (used(900, 100), true));
}

#[test]
fn a_count_without_tokens_takes_nothing_away() {
    let before = heard([Bytes(400), Count(900, 0)]);
    assert_eq!(before.so_far(PROMPT, true), (used(900, 100), true));

    let behind = heard([Bytes(400), Count(900, 120), Count(0, 0)]);
    assert_eq!(behind.so_far(PROMPT, true), (used(900, 120), false));

    let without_prompt = heard([Bytes(400), Count(0, 120)]);
    assert_eq!(without_prompt.so_far(PROMPT, true), (used(PROMPT, 100), true));
}

#[test]
fn what_its_provider_broke_off_is_not_counted_whole() {
    let heard = heard([Bytes(8), Count(900, 2), Bytes(12), CutOff]);

    assert_eq!(heard.so_far(PROMPT, true), (used(900, 5), true));
}
