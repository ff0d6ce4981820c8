//! OpenAI's Responses: what some of its models speak alone, and others for tools beside reasoning.
//!
//! A conversation is a list of items (messages, calls, results, thoughts), and so is an answer. Nothing
//! is kept at the provider (`store: false`); thoughts go back encrypted, each right before the item
//! that it led to. What the protocol has no place for (stop strings, several choices, penalties) the
//! catalogue says, and the gate does it or leaves it out with a note (wire notes, section 2).

pub mod answer;
mod citations;
pub mod fault;
mod finish;
mod item;
mod logprobs;
mod messages;
mod output;
mod parts;
pub mod request;
mod said;
pub mod stream;
mod thinking;
mod tools;
mod turn;
pub(crate) mod usage;
