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
    /// Indices of the functions that may be called, where the client names them.
    pub allowed: Option<Vec<usize>>,
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
    // Tools that break their own rule say nothing about which names there are.
    let (choice, allowed) = match request.get("tools").is_some() && values.get("tools").is_none() {
        true => (ToolChoice::Auto, None),
        false => choice(values, &names, found),
    };
    let allowed = allowed.map(|allowed| {
        let tools = tools.iter().zip(0..);
        let tools = tools.filter(|(tool, _)| allowed.contains(function_name(tool)));
        tools.map(|(_, index)| index).collect::<Vec<usize>>()
    });
    let functions = values
        .get("functions")
        .and_then(Json::as_array)
        .unwrap_or_default();
    Offer {
        tools: u32::try_from(tools.len()).unwrap_or(u32::MAX),
        choice,
        allowed,
        strict,
        cache_control,
        legacy: !functions.is_empty() || values.get("function_call").is_some(),
    }
}

/// The choice, and the names of those among which it is made where the client names them.
fn choice<'v>(
    values: &'v Values<'_>,
    names: &HashSet<&str>,
    found: &mut Found,
) -> (ToolChoice, Option<HashSet<&'v str>>) {
    let at = Path::Member("tool_choice");
    found.at(values.position("tool_choice"));
    let choice = match values.get("tool_choice") {
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
        Some(object @ Json::Object(_)) if word(object, "type") == "allowed_tools" => {
            return allowed_tools(object, names, found);
        }
        Some(object @ Json::Object(_)) => {
            let name = function_name(object);
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
    };
    (choice, None)
}

/// A choice among some of the functions.
fn allowed_tools<'v>(
    object: &'v Json<'_>,
    names: &HashSet<&str>,
    found: &mut Found,
) -> (ToolChoice, Option<HashSet<&'v str>>) {
    let Some(allowed) = object.present("allowed_tools") else {
        return (ToolChoice::Auto, None);
    };
    let list = allowed
        .present("tools")
        .and_then(Json::as_array)
        .unwrap_or_default();
    let choice = Path::Member("tool_choice");
    let inner = choice.member("allowed_tools");
    let at = inner.member("tools");
    for (index, tool) in list.iter().enumerate() {
        let name = function_name(tool);
        if !names.contains(name) {
            let tool = at.item(index);
            let function = tool.member("function");
            found.add(
                function.member("name"),
                Code::InvalidValue,
                format_args!("names {}, which is not among `tools`", Word(name)),
            );
        }
    }
    let choice = match word(allowed, "mode") {
        "required" => ToolChoice::Required,
        _ => ToolChoice::Auto,
    };
    (choice, Some(list.iter().map(function_name).collect()))
}

/// The name of the function that a choice or a tool speaks of.
fn function_name<'v>(object: &'v Json<'_>) -> &'v str {
    object
        .present("function")
        .map_or("", |function| word(function, "name"))
}

fn word<'v>(object: &'v Json<'_>, name: &str) -> &'v str {
    object.present(name).and_then(Json::as_str).unwrap_or_default()
}
