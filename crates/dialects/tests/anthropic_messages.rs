//! Anthropic's Messages: what goes to a provider, and what becomes of its answer.
#![allow(clippy::unwrap_used)]

mod harness;
#[path = "harness/turns.rs"]
mod turns;

mod anthropic_messages {
    mod answers;
    mod citations;
    mod counts;
    mod earlier_turns;
    mod faults;
    mod fixtures;
    mod marks;
    mod media;
    mod messages;
    mod parameters;
    mod recorded_answers;
    mod recorded_requests;
    mod side_by_side;
    mod thinking;
    mod told_thoughts;
    mod tools;
    mod turn_begins;
    mod unions;
}
