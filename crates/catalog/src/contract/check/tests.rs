#![allow(clippy::unwrap_used)]

mod documented;
pub(crate) mod gate;
mod limits;
mod properties;
mod texts;
mod together;
mod tool_choice;
