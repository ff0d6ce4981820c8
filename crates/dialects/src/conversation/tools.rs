//! Function tools on offer.

use std::borrow::Cow;

use tollgate_chat::object::{Object, items};

use super::text;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool<'a> {
    pub name: Cow<'a, str>,
    pub description: Option<Cow<'a, str>>,
    /// The JSON Schema of its arguments; `None`: it takes none.
    pub parameters: Option<&'a str>,
    pub strict: Option<bool>,
    /// The client's `cache_control`, as JSON.
    pub cache_control: Option<&'a str>,
}

/// Reads the member `tools`.
pub fn tools(json: &str) -> Vec<Tool<'_>> {
    let tools = items(json).unwrap_or_default().into_iter();
    tools.filter_map(tool).collect()
}

fn tool(json: &str) -> Option<Tool<'_>> {
    let tool = Object::parse(json).ok()?;
    let function = Object::parse(tool.present("function")?).ok()?;
    Some(Tool {
        name: text(&function, "name")?,
        description: text(&function, "description"),
        parameters: function.present("parameters"),
        strict: function.read("strict"),
        cache_control: tool
            .present("cache_control")
            .or_else(|| function.present("cache_control")),
    })
}
