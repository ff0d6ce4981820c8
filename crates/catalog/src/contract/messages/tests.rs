#![allow(clippy::unwrap_used)]

mod content;
mod history;
mod order;
