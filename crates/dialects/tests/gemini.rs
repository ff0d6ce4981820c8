//! Gemini in its own protocol: what goes to it, and what becomes of its answer.
#![allow(clippy::unwrap_used)]

mod harness;

mod gemini {
    mod answer;
    mod citations;
    mod exchanges;
    mod fault;
    mod fixtures;
    mod framing;
    mod media;
    mod messages;
    mod recorded_answers;
    mod recorded_requests;
    mod request;
    mod signatures;
    mod stream;
    mod thinking;
    mod tools;
}
