//! Chat completions as hosts speak them: what goes to a provider, and what becomes of its answer.
#![allow(clippy::unwrap_used)]

mod harness;

mod openai_chat {
    mod answer;
    mod emulated;
    mod ending;
    mod fault;
    mod fixtures;
    mod history;
    mod media;
    mod reasoning;
    mod recordings;
    mod request;
    mod shape;
    mod side_by_side;
    mod stream;
    mod stream_fault;
    mod streamed;
    mod tool_calls;
    mod whole_in_stream;
    mod written;
}
