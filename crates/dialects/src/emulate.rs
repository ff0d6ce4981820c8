//! What a provider has no way of its own for, and how the gate does it instead: stop strings, response
//! formats, tools that must be called.
//!
//! [`plan`] decides on the request's side; [`Emulated`] travels to the answer's side, where
//! [`Emulator`] does it to the events, whatever the dialect.

mod content_call;
mod emulator;
mod json_text;
mod plan;
pub mod schema;

pub use emulator::Emulator;
pub use plan::{FormatPlan, Plan, plan};
pub use schema::Schema;

/// What the answer's side has to do for the client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Emulated {
    /// Where one of these appears in the text, the answer ends before it.
    pub stop: Vec<String>,
    /// The tool whose arguments are the content; its call is none.
    pub content_tool: Option<String>,
    /// The content has to be JSON that this schema takes.
    pub schema: Option<Schema>,
    /// The content has to be a JSON object.
    pub json_object: bool,
    /// A call must come; of this tool, where one is named.
    pub call: Option<RequiredCall>,
    /// Only the first call counts: the provider cannot be told to make one at a time.
    pub one_call: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequiredCall {
    Any,
    Named(String),
}

impl Emulated {
    /// Whether answers pass as they are.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}
