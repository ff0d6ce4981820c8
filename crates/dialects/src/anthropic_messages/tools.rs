//! Function tools on offer, and which of them must be called.

use std::borrow::Cow;

use tollgate_catalog::{
    contract::{ToolChoice, ValidRequest},
    quirks::Quirks,
};

use super::{
    body::Body,
    cache::Mark,
    names::Names,
    schema::{self, Complexity},
};
use crate::{
    conversation,
    emulate::{FormatPlan, Plan},
    json_schema,
    request::{Note, Unsupported},
};

/// Most tools of one request whose arguments the provider holds to their schema (wire notes, section 3).
const STRICT_LIMIT: usize = 20;
/// Stands in the offer where the history has calls and nothing is on offer: without any tool the
/// provider refuses such a history.
const NO_TOOL: &str = "no_tool";
const NO_TOOL_DESCRIPTION: &str = "Not to be called.";

/// The members `tools` and `tool_choice`.
#[derive(Debug, Default)]
pub struct Offer<'a> {
    pub tools: Vec<Tool<'a>>,
    /// As JSON.
    pub choice: Option<String>,
    pub notes: Vec<Note>,
}

#[derive(Debug)]
pub struct Tool<'a> {
    name: String,
    description: Option<Cow<'a, str>>,
    input_schema: Cow<'a, str>,
    strict: bool,
    pub mark: Option<Mark>,
}

/// Whether the tool whose arguments are the answer, where there is one, can say all that its schema does: a choice at
/// the top of it cannot be said, and arguments that fit what is left would be no answer.
pub fn carries_answer(plan: &Plan) -> bool {
    let FormatPlan::Tool { schema, .. } = &plan.format else {
        return true;
    };
    // What is wrong with it is told where it is written.
    json_schema::arguments(schema).map_or(true, |arguments| arguments.lost.is_empty())
}

/// What is offered. `called_before`: the history has calls. `format`: what the schema of the answer
/// takes of the provider's limits for schemas.
pub fn offer<'a>(
    request: &'a ValidRequest,
    plan: &Plan,
    quirks: &Quirks,
    called_before: bool,
    format: Complexity,
    names: &mut Names,
) -> Result<Offer<'a>, Unsupported> {
    let tools = conversation::tools(request.request.get("tools").unwrap_or_default());
    if !quirks.tools && !tools.is_empty() {
        return Err(Unsupported::new("tools", "this model's provider takes no tools"));
    }
    let mut offer = Offer::default();
    if let FormatPlan::Tool { name, schema } = &plan.format {
        let input_schema = json_schema::arguments(schema)
            .map_err(|problem| Unsupported::new("response_format.json_schema.schema", problem))?;
        offer.tools.push(Tool {
            name: names.of(name),
            description: None,
            input_schema: input_schema.schema.into_owned().into(),
            strict: false,
            mark: None,
        });
        offer.choice = Some(choice_json(&plan.tool_choice, true, names).unwrap_or_default());
        return Ok(offer);
    }
    if tools.is_empty() {
        if called_before && quirks.tools {
            offer.tools.push(no_tool());
            offer.choice = choice_json(&ToolChoice::None, false, names);
        }
        return Ok(offer);
    }
    let mut complexity = format;
    let strict = strict_schemas(&tools, quirks, &mut complexity, &mut offer.notes);
    for (index, (tool, strict)) in tools.into_iter().zip(strict).enumerate() {
        let path = || format!("tools[{index}].function.parameters");
        let input_schema = match tool.parameters {
            None => r#"{"type":"object","properties":{}}"#.into(),
            Some(schema) => {
                let arguments =
                    json_schema::arguments(schema).map_err(|problem| Unsupported::new(path(), problem))?;
                let lost = arguments.lost.iter();
                let lost = lost.map(|keyword| Note::Omitted(format!("{}.{keyword}", path())));
                offer.notes.extend(lost);
                arguments.schema
            }
        };
        offer.tools.push(Tool {
            name: names.of(&tool.name),
            description: tool.description.filter(|text| !text.trim().is_empty()),
            strict: strict.is_some(),
            input_schema: strict.map_or(input_schema, Cow::Owned),
            mark: tool
                .cache_control
                .filter(|_| quirks.cache_control)
                .and_then(|json| Mark::read(json, &mut offer.notes)),
        });
    }
    let one_at_a_time = request.request.get("parallel_tool_calls") == Some("false");
    offer.choice = choice_json(&plan.tool_choice, one_at_a_time, names);
    Ok(offer)
}

/// For each tool the schema that its arguments are held to; none at all where together they are more
/// than the provider takes.
fn strict_schemas(
    tools: &[conversation::Tool<'_>],
    quirks: &Quirks,
    complexity: &mut Complexity,
    notes: &mut Vec<Note>,
) -> Vec<Option<String>> {
    let asked = tools.iter().filter(|tool| tool.strict == Some(true)).count();
    let mut schemas: Vec<Option<String>> = vec![None; tools.len()];
    let mut closed = Vec::new();
    if quirks.tool_strict && asked <= STRICT_LIMIT {
        for (index, (tool, schema)) in tools.iter().zip(&mut schemas).enumerate() {
            let parameters = tool.parameters.filter(|_| tool.strict == Some(true));
            let object = parameters.and_then(|schema| json_schema::arguments(schema).ok());
            let strict = object.and_then(|object| schema::held(&object.schema));
            if let Some(strict) = strict {
                complexity.add(strict.complexity);
                if strict.closed {
                    closed.push(format!("tools[{index}].function.parameters.additionalProperties"));
                }
                *schema = Some(strict.json);
            }
        }
        if complexity.is_too_much() {
            schemas.fill(None);
            closed.clear();
        }
    }
    notes.extend(closed.into_iter().map(Note::Omitted));
    if schemas.iter().flatten().count() < asked {
        notes.push(Note::Omitted("tools.strict".to_owned()));
    }
    schemas
}

fn no_tool() -> Tool<'static> {
    Tool {
        name: NO_TOOL.to_owned(),
        description: Some(NO_TOOL_DESCRIPTION.into()),
        input_schema: r#"{"type":"object","properties":{}}"#.into(),
        strict: false,
        mark: None,
    }
}

/// A tool choice in the provider's words; `None` where nothing is to be said.
fn choice_json(choice: &ToolChoice, one_at_a_time: bool, names: &mut Names) -> Option<String> {
    let kind = match choice {
        ToolChoice::Auto if !one_at_a_time => return None,
        ToolChoice::Auto => r#""type":"auto""#.to_owned(),
        ToolChoice::None => return Some(r#"{"type":"none"}"#.to_owned()),
        ToolChoice::Required => r#""type":"any""#.to_owned(),
        ToolChoice::Named(name) => format!(r#""type":"tool","name":"{}""#, names.of(name)),
    };
    let only_one = if one_at_a_time {
        r#","disable_parallel_tool_use":true"#
    } else {
        ""
    };
    Some(format!("{{{kind}{only_one}}}"))
}

impl Tool<'_> {
    pub fn write(&self, body: &mut Body<'_>) {
        body.json(r#"{"name":"#);
        body.string(&self.name);
        if let Some(description) = &self.description {
            body.name("description");
            body.string(description);
        }
        body.name("input_schema");
        body.json(&self.input_schema);
        if self.strict {
            body.name("strict");
            body.json("true");
        }
        if let Some(mark) = self.mark {
            body.name("cache_control");
            body.json(mark.json());
        }
        body.json("}");
    }
}
