//! The functions that a request offers, and which of them must be called.

use std::collections::HashSet;

use tollgate_chat::{json::Json, request::ChatRequest};

use super::Values;
use crate::contract::{
    ToolChoice,
    violation::{Code, Found, Path, Word},
};

/// What a request says about functions.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// Functions in `tools`.
    pub tools: u32,
    pub choice: ToolChoice,
    /// Some function has `strict`.
    pub strict: bool,
    /// Some tool has `cache_control`.
    pub cache_control: bool,
    /// The older `functions` or `function_call` say something.
    pub legacy: bool,
}

/// Reads the offer; the shapes of its members have been checked.
pub(super) fn read(request: &ChatRequest, values: &Values<'_>, found: &mut Found) -> Offer {
    let tools = values.get("tools").and_then(Json::as_array).unwrap_or_default();
    let mut names = HashSet::with_capacity(tools.len());
    let (mut strict, mut cache_control) = (false, false);
    found.at(values.position("tools"));
    for (index, tool) in tools.iter().enumerate() {
        cache_control |= tool.present("cache_control").is_some();
        let Some(function) = tool.present("function") else {
            continue;
        };
        cache_control |= function.present("cache_control").is_some();
        strict |= function.present("strict").is_some();
        let Some(name) = function.present("name").and_then(Json::as_str) else {
            continue;
        };
        if !names.insert(name) {
            let tools = Path::Member("tools");
            let tool = tools.item(index);
            let function = tool.member("function");
            found.add(
                function.member("name"),
                Code::InvalidValue,
                format_args!("repeats {}; each function needs a name of its own", Word(name)),
            );
        }
    }
    let functions = values
        .get("functions")
        .and_then(Json::as_array)
        .unwrap_or_default();
    Offer {
        tools: u32::try_from(tools.len()).unwrap_or(u32::MAX),
        // Tools that break their own rule say nothing about which names there are.
        choice: match request.get("tools").is_some() && values.get("tools").is_none() {
            true => ToolChoice::Auto,
            false => choice(values, &names, found),
        },
        strict,
        cache_control,
        legacy: !functions.is_empty() || values.get("function_call").is_some(),
    }
}

fn choice(values: &Values<'_>, names: &HashSet<&str>, found: &mut Found) -> ToolChoice {
    let at = Path::Member("tool_choice");
    found.at(values.position("tool_choice"));
    match values.get("tool_choice") {
        Some(Json::String(word)) => match &**word {
            "none" => ToolChoice::None,
            "required" => {
                if names.is_empty() {
                    found.add(
                        at,
                        Code::InvalidValue,
                        format_args!("is \"required\", but `tools` offers no function"),
                    );
                }
                ToolChoice::Required
            }
            _ => ToolChoice::Auto,
        },
        Some(object @ Json::Object(_)) => {
            let name = object
                .present("function")
                .and_then(|function| function.present("name"))
                .and_then(Json::as_str)
                .unwrap_or_default();
            if !names.contains(name) {
                let function = at.member("function");
                found.add(
                    function.member("name"),
                    Code::InvalidValue,
                    format_args!("names {}, which is not among `tools`", Word(name)),
                );
            }
            ToolChoice::Named(name.to_owned())
        }
        _ => ToolChoice::Auto,
    }
}
