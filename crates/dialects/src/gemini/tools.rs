//! Function tools, the choice among them, and what Gemini takes of JSON Schema.

use std::fmt::Display;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tollgate_catalog::{
    contract::{ToolChoice, ValidRequest},
    quirks::{Quirks, SchemaForm},
};

use super::{body::Declaration, media::note, names::Names};
use crate::{
    conversation,
    emulate::{FormatPlan, Plan},
    json_schema::{self, Losses, References, Subset, Values},
    request::{Note, Unsupported},
};

/// What `parametersJsonSchema` and `responseJsonSchema` take (documentation of the Gemini API,
/// "GenerationConfig"; `default` is taken too by all models on record).
const JSON_SCHEMA: Subset = Subset {
    keywords: &[
        "type",
        "format",
        "title",
        "description",
        "default",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    ],
    references: References::Kept { alone: true },
    type_lists: true,
    values: Values::Numbers,
    formats: None,
    pattern_lacks: &[],
    min_items: None,
    any_of_alone: false,
    closed_objects: false,
    losses: Losses::Dropped,
};

/// What `parameters` and `responseSchema` take: a part of OpenAPI 3.0 (wire notes, section 4).
const OPEN_API: Subset = Subset {
    keywords: &[
        "type",
        "format",
        "title",
        "description",
        "nullable",
        "enum",
        "items",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
        "pattern",
        "anyOf",
        "properties",
        "required",
        "propertyOrdering",
    ],
    references: References::Inlined,
    type_lists: false,
    values: Values::Strings,
    formats: Some(&["date-time", "enum", "int32", "int64", "float", "double"]),
    pattern_lacks: &[],
    min_items: None,
    any_of_alone: true,
    closed_objects: false,
    losses: Losses::Dropped,
};

/// A schema as it goes out, and the constraints that it has lost.
pub(super) struct Schema {
    pub schema: Box<RawValue>,
    pub lost: Vec<String>,
}

/// Rewrites a schema in the form that this model takes. `param`: its path in the client's body.
pub(super) fn schema(json: &str, quirks: &Quirks, param: &str) -> Result<Schema, Unsupported> {
    let subset = match quirks.schemas {
        SchemaForm::JsonSchema => &JSON_SCHEMA,
        SchemaForm::OpenApi => &OPEN_API,
    };
    let refused = |problem: &dyn Display| Unsupported::new(param, problem.to_string());
    let cleaned = json_schema::clean(json, subset).map_err(|problem| refused(&problem))?;
    let schema = RawValue::from_string(cleaned.schema).map_err(|problem| refused(&problem))?;
    Ok(Schema {
        schema,
        lost: cleaned.lost,
    })
}

/// Where the schema of an answer goes.
pub(super) fn response_schema_member(quirks: &Quirks) -> &'static str {
    match quirks.schemas {
        SchemaForm::JsonSchema => "responseJsonSchema",
        SchemaForm::OpenApi => "responseSchema",
    }
}

/// The members `tools` and `toolConfig`.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub tools: Vec<Box<RawValue>>,
    pub config: Option<Box<RawValue>>,
}

/// Writes the tools and the choice among them.
pub(super) fn write(
    request: &ValidRequest,
    quirks: &Quirks,
    plan: &mut Plan,
    names: &mut Names,
    notes: &mut Vec<Note>,
) -> Result<Written, Unsupported> {
    let mut tools = Vec::new();
    if request.tools > 0 {
        if !quirks.tools {
            return Err(Unsupported::new("tools", "this model's provider takes no tools"));
        }
        tools = conversation::tools(request.request.get("tools").unwrap_or_default());
    }
    let offered = tools.len();
    if let FormatPlan::Tool { name, schema } = &plan.format {
        tools.push(conversation::Tool {
            name: name.as_str().into(),
            description: None,
            parameters: Some(schema),
            strict: None,
            cache_control: None,
        });
    }
    if tools.is_empty() {
        return Ok(Written::default());
    }
    let mut declarations = Vec::with_capacity(tools.len());
    for (index, tool) in tools.iter().enumerate() {
        let param = match index < offered {
            true => format!("tools[{index}].function.parameters"),
            false => "response_format.json_schema.schema".to_owned(),
        };
        declarations.push(declaration(tool, quirks, &param, names, notes)?);
    }
    Ok(Written {
        tools: vec![raw(&Tools {
            function_declarations: declarations,
        })],
        config: choice(&plan.tool_choice, names),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tools<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

fn declaration<'a>(
    tool: &'a conversation::Tool<'_>,
    quirks: &Quirks,
    param: &str,
    names: &mut Names,
    notes: &mut Vec<Note>,
) -> Result<Declaration<'a>, Unsupported> {
    if tool.strict == Some(true) {
        note(notes, Note::Omitted("tools.strict".to_owned()));
    }
    let mut declaration = Declaration {
        name: names.send(&tool.name),
        description: tool.description.as_deref(),
        parameters_json_schema: None,
        parameters: None,
    };
    let Some(parameters) = tool.parameters else {
        return Ok(declaration);
    };
    let cleaned = schema(parameters, quirks, param)?;
    let schemas = param.trim_end_matches(".schema");
    for keyword in cleaned.lost {
        note(notes, Note::Omitted(format!("{schemas}.{keyword}")));
    }
    match quirks.schemas {
        SchemaForm::JsonSchema => declaration.parameters_json_schema = Some(cleaned.schema),
        SchemaForm::OpenApi => declaration.parameters = Some(cleaned.schema),
    }
    Ok(declaration)
}

fn choice(choice: &ToolChoice, names: &mut Names) -> Option<Box<RawValue>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Config {
        function_calling_config: Calling,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Calling {
        mode: &'static str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        allowed_function_names: Vec<String>,
    }

    let (mode, allowed_function_names) = match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => ("NONE", Vec::new()),
        ToolChoice::Required => ("ANY", Vec::new()),
        ToolChoice::Named(name) => ("ANY", vec![names.send(name)]),
    };
    Some(raw(&Config {
        function_calling_config: Calling {
            mode,
            allowed_function_names,
        },
    }))
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("texts, lists and JSON always serialise")
}
