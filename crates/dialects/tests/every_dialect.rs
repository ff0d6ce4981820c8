//! What holds in every dialect alike.
#![allow(clippy::unwrap_used)]

// What requests need is for the others.
#[allow(dead_code)]
mod harness;

mod every_dialect {
    mod no_effect;
    mod recorded;
    mod service_tier;
    mod streamed_unasked;
}
