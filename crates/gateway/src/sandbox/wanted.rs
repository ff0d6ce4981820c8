//! What an answer has to look like, by what the request says of formats and functions.

use serde_json::{Value, json};
use tollgate_catalog::contract::{ResponseFormatAsked, ToolChoice, ValidRequest};
use tollgate_dialects::Unsupported;
use tollgate_engine::{Effort, Engine, Fault, Form, Grammar, JsonForm, Unfollowable};
use tracing::debug;

use super::calls::{self, Where};

/// Most bytes of members' names that the model is told.
const HINT_LIMIT: usize = 256;

/// The form of an answer.
#[derive(Debug)]
pub struct Wanted {
    /// `None`: free text.
    pub grammar: Option<Grammar>,
    /// Where the answer may hold calls; `None`: nowhere.
    pub calls: Option<Where>,
    /// Whether the answer may hold text.
    pub text: bool,
    /// What the model is told of the form. It is kept to anyway, but means more if it is no surprise.
    pub hint: Option<String>,
    /// The schemas in it, by the path of the parameter that brought each.
    schemas: Vec<(String, JsonForm)>,
}

/// A function that the request offers.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub description: Option<String>,
    /// The schema of its arguments.
    pub parameters: Option<Value>,
}

/// The functions that the model may call in this answer.
pub fn functions(request: &ValidRequest) -> Vec<Function> {
    let tools = match request.tool_choice {
        ToolChoice::None => None,
        ToolChoice::Auto | ToolChoice::Required | ToolChoice::Named(_) => member(request, "tools"),
    };
    let text = |function: &Value, name: &str| function[name].as_str().map(str::to_owned);
    let functions = tools
        .iter()
        .flat_map(|tools| tools.as_array().into_iter().flatten());
    functions
        .map(|tool| &tool["function"])
        .map(|function| Function {
            name: text(function, "name").unwrap_or_default(),
            description: text(function, "description"),
            parameters: function
                .get("parameters")
                .filter(|schema| !schema.is_null())
                .cloned(),
        })
        .collect()
}

impl Wanted {
    /// Fails with the first keyword of a schema that cannot be followed, or for which there are no steps left.
    pub fn of(
        request: &ValidRequest,
        functions: &[Function],
        effort: &Effort<'_>,
    ) -> Result<Self, Unsupported> {
        let mut schemas = Vec::new();
        let asked = match request.response_format {
            ResponseFormatAsked::Text => None,
            ResponseFormatAsked::JsonObject => Some(json!({"type": "object"})),
            ResponseFormatAsked::JsonSchema => {
                let format = member(request, "response_format").unwrap_or_default();
                let asked = format["json_schema"].get("schema");
                let asked = asked.filter(|schema| !schema.is_null()).cloned();
                Some(asked.unwrap_or_else(|| json!({})))
            }
        };
        let hint = asked.as_ref().map(hint);
        let text = match &asked {
            None => None,
            Some(schema) => {
                let path = "response_format.json_schema.schema";
                Some(Grammar::Json(read(
                    path,
                    JsonForm::of(schema, effort),
                    &mut schemas,
                )?))
            }
        };

        let mut offered = Vec::new();
        for (index, function) in functions.iter().enumerate() {
            // What cannot be called anyway need not be followed.
            if let ToolChoice::Named(name) = &request.tool_choice
                && *name != function.name
            {
                continue;
            }
            let path = format!("tools[{index}].function.parameters");
            let none = json!({"type": "object", "additionalProperties": false});
            let schema = function.parameters.as_ref().unwrap_or(&none);
            let takes_arguments = !is_without_arguments(schema);
            // It might take others than those that it names, but nobody who names none means that.
            let schema = if takes_arguments { schema } else { &none };
            let arguments = read(&path, JsonForm::of_arguments(schema, effort), &mut schemas)?;
            offered.push(calls::Callable {
                name: function.name.clone(),
                arguments,
                takes_arguments,
            });
        }
        let parallel = request.request.get("parallel_tool_calls") != Some("false");
        let (grammar, calls, has_text) = match &request.tool_choice {
            // One function was named, so one call is meant.
            ToolChoice::Named(_) => (Some(forced(offered, false)), Some(Where::AtTheStart), false),
            ToolChoice::Required => (Some(forced(offered, parallel)), Some(Where::AtTheStart), false),
            _ if offered.is_empty() => (text, None, true),
            _ => {
                let place = match text {
                    Some(_) => Where::AtTheStart,
                    None => Where::Anywhere,
                };
                (Some(free_to_call(text, offered, parallel)), Some(place), true)
            }
        };
        Ok(Self {
            grammar,
            calls,
            text: has_text,
            hint: hint.filter(|_| has_text),
            schemas,
        })
    }

    /// Makes the form. Fails for a schema that cannot be followed, with what is wrong with it, and for what
    /// is wrong with the engine. Blocks; `is_wanted`: whether it should go on looking for what is wrong.
    pub fn form(&self, engine: &Engine, is_wanted: impl Fn() -> bool) -> Result<Option<Form>, NoForm> {
        let Some(grammar) = &self.grammar else {
            return Ok(None);
        };
        let form = |grammar: &Grammar| match engine.form(grammar) {
            Ok(form) => Ok(Ok(form)),
            Err(Fault::Form(problem)) => Ok(Err(problem)),
            Err(fault) => Err(NoForm::Engine(fault)),
        };
        let problem = match form(grammar)? {
            Ok(form) => return Ok(Some(form)),
            Err(problem) => problem,
        };
        debug!(%problem, "a form cannot be made");
        for (path, schema) in self.schemas.iter().take_while(|_| is_wanted()) {
            if form(&Grammar::Json(schema.clone()))?.is_err() {
                return Err(NoForm::Unsupported(cannot_follow(path, TOO_MUCH)));
            }
        }
        let all = if self.calls.is_some() {
            "tools"
        } else {
            "response_format"
        };
        Err(NoForm::Unsupported(cannot_follow(all, TOO_MUCH)))
    }
}

/// What is wrong with a form of which every keyword can be followed.
const TOO_MUCH: &str = "it is too large or too involved";

/// Why there is no form.
#[derive(Debug)]
pub enum NoForm {
    Unsupported(Unsupported),
    Engine(Fault),
}

/// Words for a schema: the names of its members, as far as they are few.
fn hint(schema: &Value) -> String {
    let names = schema["properties"].as_object().map(|members| {
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        names.join(", ")
    });
    match names.filter(|names| (1..=HINT_LIMIT).contains(&names.len())) {
        Some(names) => format!("Answer with JSON that has these members: {names}."),
        None => "Answer with JSON.".to_owned(),
    }
}

fn forced(functions: Vec<calls::Callable>, parallel: bool) -> Grammar {
    Grammar::Sequence(vec![
        Grammar::Literal(calls::OPEN.to_owned()),
        calls::list(functions, parallel),
    ])
}

/// Calls where the model begins some, else text.
fn free_to_call(text: Option<Grammar>, functions: Vec<calls::Callable>, parallel: bool) -> Grammar {
    match text {
        Some(json) => Grammar::Either(vec![forced(functions, parallel), json]),
        None => {
            let calls = Grammar::Sequence(vec![
                Grammar::TextThrough(calls::OPEN.to_owned()),
                calls::list(functions, parallel),
            ]);
            Grammar::Either(vec![calls, Grammar::Text])
        }
    }
}

fn read(
    path: &str,
    form: Result<JsonForm, Unfollowable>,
    schemas: &mut Vec<(String, JsonForm)>,
) -> Result<JsonForm, Unsupported> {
    let form = form.map_err(|problem| {
        let is_kind = problem.keyword == "type" && problem.place == "/";
        let param = if is_kind {
            format!("{path}.type")
        } else {
            path.to_owned()
        };
        cannot_follow(&param, &problem.to_string())
    })?;
    schemas.push((path.to_owned(), form.clone()));
    Ok(form)
}

/// Whether an object of this schema has no members, as far as can be seen at a glance.
fn is_without_arguments(schema: &Value) -> bool {
    let has_none = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_none_or(|named| named.is_empty());
    let may_have_others = ["patternProperties", "required", "$ref", "allOf", "anyOf", "oneOf"]
        .into_iter()
        .any(|name| schema.get(name).is_some());
    let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    has_none && !may_have_others && (is_closed || schema.get("properties").is_some())
}

fn cannot_follow(path: &str, problem: &str) -> Unsupported {
    let problem = format!(
        "the embedded model cannot follow this schema: {problem}; change `{path}`, or configure a channel"
    );
    Unsupported::new(path, problem)
}

fn member(request: &ValidRequest, name: &str) -> Option<Value> {
    serde_json::from_str(request.request.get(name)?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
pub(super) mod tests;
