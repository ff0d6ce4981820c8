//! OpenAI's Responses: what goes to a provider, and what becomes of its answer.
#![allow(clippy::unwrap_used)]

mod harness;
#[path = "harness/turns.rs"]
mod turns;

mod openai_responses {
    mod citations;
    mod commentary;
    mod earlier_turns;
    mod events;
    mod fault;
    mod fixtures;
    mod hostile;
    mod recorded_requests;
    mod recordings;
    mod request;
    mod routing;
    mod side_by_side;
    mod stream;
    mod streamed_calls;
}
