#![allow(clippy::unwrap_used)]

mod content;
mod order;
