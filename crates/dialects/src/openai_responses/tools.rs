//! Tools, and which of them must be called: flat, and with `strict` always said, since here it is on
//! unless one says otherwise.

use tollgate_catalog::contract::ToolChoice;
use tollgate_chat::{json::quote, object::Object};

use crate::{
    conversation::{self, Tool},
    request::Unsupported,
};

/// A schema of no arguments, which is what chat means where there is none.
const NO_ARGUMENTS: &str = "{\"type\":\"object\",\"properties\":{}}";

/// The client's tools, each as JSON. `strict`: whether the provider takes it at all.
pub fn functions(json: &str, strict: bool) -> Vec<String> {
    let tools = conversation::tools(json).into_iter();
    tools.map(|tool| function(&tool, strict)).collect()
}

fn function(tool: &Tool<'_>, takes_strict: bool) -> String {
    let description = tool
        .description
        .as_deref()
        .map(|text| format!(",\"description\":{}", quote(text)));
    format!(
        "{{\"type\":\"function\",\"name\":{}{},\"parameters\":{},\"strict\":{}}}",
        quote(&tool.name),
        description.unwrap_or_default(),
        tool.parameters.unwrap_or(NO_ARGUMENTS),
        takes_strict && tool.strict.unwrap_or(false),
    )
}

/// The tool whose arguments are the content.
pub fn content_tool(name: &str, schema: &str) -> String {
    let tool = Tool {
        name: name.into(),
        description: None,
        parameters: Some(schema),
        strict: None,
        cache_control: None,
    };
    function(&tool, false)
}

/// A tool choice; `None` where the model is to choose, which it does anyway.
pub fn choice(choice: &ToolChoice) -> Option<String> {
    Some(match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => "\"none\"".to_owned(),
        ToolChoice::Required => "\"required\"".to_owned(),
        ToolChoice::Named(name) => format!("{{\"type\":\"function\",\"name\":{}}}", quote(name)),
    })
}

/// The provider's own web search, for `web_search_options`: chat's models for search do it unasked,
/// here it is a tool.
pub fn web_search(options: &str) -> Result<String, Unsupported> {
    let broken = || Unsupported::new("web_search_options", "`web_search_options` must be an object");
    let options = Object::parse(options).map_err(|_| broken())?;
    let mut members = vec!["\"type\":\"web_search\"".to_owned()];
    if let Some(size) = options.present("search_context_size") {
        members.push(format!("\"search_context_size\":{size}"));
    }
    if let Some(location) = options.present("user_location") {
        let location = Object::parse(location).map_err(|_| broken())?;
        let place = location.present("approximate").unwrap_or("{}");
        let place = Object::parse(place).map_err(|_| broken())?;
        let mut inner = vec!["\"type\":\"approximate\"".to_owned()];
        for name in ["city", "country", "region", "timezone"] {
            inner.extend(place.present(name).map(|value| format!("\"{name}\":{value}")));
        }
        members.push(format!("\"user_location\":{{{}}}", inner.join(",")));
    }
    Ok(format!("{{{}}}", members.join(",")))
}
