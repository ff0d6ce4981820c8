//! JSON Schemas in the form that the provider takes.
//!
//! [`of_input`] for the arguments of tools: an object at the top, in the words of draft 2020-12.
//! [`of_output`] for what the provider holds answers and strict arguments to: a smaller language, whose
//! missing limits go into descriptions, so that the model still reads them.

mod input;
mod output;
mod tree;

pub use input::of_input;
pub use output::{Complexity, of_output};
