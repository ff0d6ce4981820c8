//! The client's own name for what a provider complains about.
//!
//! A provider names its own parameters, as paths into a body that the client has never seen. Each dialect has a
//! table of those that stand for one of chat's; what is in none says nothing to the client and is left out.
//! Places in messages are left out too: turns are merged, and so are their parts.

use tollgate_catalog::contract::ValidRequest;

use crate::{
    Dialect,
    fault::Fault,
    thinking::{no_switch_sent, switch_sent},
};

/// Most steps of a path that are looked at.
const STEPS_LIMIT: usize = 32;

/// Whose name a parameter has with the client.
#[derive(Debug, Clone, Copy)]
enum Clients {
    /// That of the provider.
    Same,
    Named(&'static str),
    /// The same, with what the path goes on with: the client's JSON went out as it came.
    With(&'static str),
    /// A member of the client's tool of that number; `""` is the tool.
    Tool(&'static str),
    /// The same, with what the path goes on with.
    ToolWith(&'static str),
    /// Whichever output limit the client sent.
    Limit,
    /// Whichever switch for thinking the client sent.
    Thinking,
    /// Whichever name for its user the client sent.
    User,
}

type Table = &'static [(&'static str, Clients)];

/// Paths are written with `#` for a number; the row that names most steps counts.
const CHAT: Table = &[
    ("max_tokens", Clients::Limit),
    ("max_completion_tokens", Clients::Limit),
    ("reasoning_effort", Clients::Thinking),
    ("thinking", Clients::Thinking),
    ("enable_thinking", Clients::Thinking),
    ("thinking_budget", Clients::Thinking),
];

const RESPONSES: Table = &[
    ("include", Clients::Named("logprobs")),
    ("input", Clients::Named("messages")),
    ("instructions", Clients::Named("messages")),
    ("max_output_tokens", Clients::Limit),
    ("metadata", Clients::Same),
    ("model", Clients::Same),
    ("parallel_tool_calls", Clients::Same),
    ("prompt_cache_key", Clients::Same),
    ("prompt_cache_retention", Clients::Same),
    ("reasoning", Clients::Thinking),
    ("safety_identifier", Clients::Same),
    ("service_tier", Clients::Same),
    ("stream", Clients::Same),
    ("stream_options", Clients::Same),
    ("temperature", Clients::Same),
    ("text.format", Clients::Named("response_format")),
    (
        "text.format.name",
        Clients::Named("response_format.json_schema.name"),
    ),
    (
        "text.format.schema",
        Clients::With("response_format.json_schema.schema"),
    ),
    ("text.verbosity", Clients::Named("verbosity")),
    ("tool_choice", Clients::Same),
    ("tools", Clients::Same),
    ("tools.#", Clients::Tool("")),
    ("tools.#.description", Clients::Tool("function.description")),
    ("tools.#.name", Clients::Tool("function.name")),
    ("tools.#.parameters", Clients::ToolWith("function.parameters")),
    ("top_logprobs", Clients::Same),
    ("top_p", Clients::Same),
    ("user", Clients::Same),
];

/// Anthropic's, with `custom` for the kind of a tool left out.
const MESSAGES: Table = &[
    ("cache_control", Clients::Same),
    ("max_tokens", Clients::Limit),
    ("messages", Clients::Same),
    ("metadata", Clients::User),
    ("model", Clients::Same),
    ("output_config.effort", Clients::Thinking),
    ("output_config.format", Clients::Named("response_format")),
    (
        "output_config.format.schema",
        Clients::Named("response_format.json_schema.schema"),
    ),
    ("output_format", Clients::Named("response_format")),
    ("service_tier", Clients::Same),
    ("stop_sequences", Clients::Named("stop")),
    ("stream", Clients::Same),
    ("system", Clients::Named("messages")),
    ("temperature", Clients::Same),
    ("thinking", Clients::Thinking),
    ("tool_choice", Clients::Same),
    ("tools", Clients::Same),
    ("tools.#", Clients::Tool("")),
    ("tools.#.description", Clients::Tool("function.description")),
    ("tools.#.input_schema", Clients::Tool("function.parameters")),
    ("tools.#.name", Clients::Tool("function.name")),
    ("top_k", Clients::Same),
    ("top_p", Clients::Same),
];

/// Google's, in either spelling (`maxOutputTokens` is read as `max_output_tokens`).
const GEMINI: Table = &[
    ("contents", Clients::Named("messages")),
    ("generation_config.candidate_count", Clients::Named("n")),
    (
        "generation_config.frequency_penalty",
        Clients::Named("frequency_penalty"),
    ),
    ("generation_config.logprobs", Clients::Named("top_logprobs")),
    ("generation_config.max_output_tokens", Clients::Limit),
    (
        "generation_config.presence_penalty",
        Clients::Named("presence_penalty"),
    ),
    (
        "generation_config.response_json_schema",
        Clients::Named("response_format.json_schema.schema"),
    ),
    ("generation_config.response_logprobs", Clients::Named("logprobs")),
    (
        "generation_config.response_mime_type",
        Clients::Named("response_format"),
    ),
    (
        "generation_config.response_modalities",
        Clients::Named("modalities"),
    ),
    (
        "generation_config.response_schema",
        Clients::Named("response_format.json_schema.schema"),
    ),
    ("generation_config.seed", Clients::Named("seed")),
    ("generation_config.stop_sequences", Clients::Named("stop")),
    ("generation_config.temperature", Clients::Named("temperature")),
    ("generation_config.thinking_config", Clients::Thinking),
    ("generation_config.top_k", Clients::Named("top_k")),
    ("generation_config.top_p", Clients::Named("top_p")),
    ("frequency_penalty", Clients::Same),
    ("model", Clients::Same),
    ("presence_penalty", Clients::Same),
    ("system_instruction", Clients::Named("messages")),
    // Vertex names these by themselves.
    ("temperature", Clients::Same),
    ("tool_config", Clients::Named("tool_choice")),
    ("tools", Clients::Same),
    // All functions stand in one tool.
    ("tools.0.function_declarations.#", Clients::Tool("")),
    (
        "tools.0.function_declarations.#.description",
        Clients::Tool("function.description"),
    ),
    (
        "tools.0.function_declarations.#.name",
        Clients::Tool("function.name"),
    ),
    (
        "tools.0.function_declarations.#.parameters",
        Clients::Tool("function.parameters"),
    ),
    (
        "tools.0.function_declarations.#.parameters_json_schema",
        Clients::Tool("function.parameters"),
    ),
    ("top_k", Clients::Same),
    ("top_p", Clients::Same),
];

/// Puts the client's name for the parameter that a fault complains about in the place of the provider's; none
/// where it has none.
pub fn say_clients_param(fault: &mut Fault, dialect: Dialect, request: &ValidRequest) {
    fault.param = fault
        .param
        .take()
        .and_then(|theirs| clients(dialect, &theirs, request));
}

fn clients(dialect: Dialect, theirs: &str, request: &ValidRequest) -> Option<String> {
    let table = match dialect {
        Dialect::OpenaiChat => CHAT,
        Dialect::OpenaiResponses => RESPONSES,
        Dialect::AnthropicMessages => MESSAGES,
        Dialect::Gemini => GEMINI,
    };
    let path = steps(theirs, dialect);
    let found = table.iter().filter_map(|(pattern, name)| {
        let (named, number) = begins(&path, pattern)?;
        Some((named, number, *name))
    });
    let Some((named, number, name)) = found.max_by_key(|(named, ..)| *named) else {
        return (dialect == Dialect::OpenaiChat).then(|| theirs.to_owned());
    };
    let rest = || {
        path[named..]
            .iter()
            .map(|step| format!(".{step}"))
            .collect::<String>()
    };
    let sent = |names: &[&'static str]| {
        let mut names = names.iter().copied();
        names.find(|name| request.request.get(name).is_some())
    };
    let of_tool = |member: &str, rest: String| match number {
        // The gate's own, whose arguments are the answer.
        _ if request.tools == 0 => "response_format".to_owned(),
        Some(number) if number < request.tools as usize => {
            let dot = if member.is_empty() { "" } else { "." };
            format!("tools[{number}]{dot}{member}{rest}")
        }
        _ => "tools".to_owned(),
    };
    Some(match name {
        Clients::Same => path.first()?.clone(),
        Clients::Named(name) => name.to_owned(),
        Clients::With(name) => name.to_owned() + &rest(),
        Clients::Tool(member) => of_tool(member, String::new()),
        Clients::ToolWith(member) => of_tool(member, rest()),
        Clients::Limit => sent(&["max_completion_tokens", "max_tokens"])
            .unwrap_or("max_tokens")
            .to_owned(),
        Clients::Thinking if no_switch_sent(request) => return None,
        Clients::Thinking => switch_sent(request).to_owned(),
        Clients::User => sent(&["user", "safety_identifier", "user_id", "metadata"])?.to_owned(),
    })
}

/// A path's steps: `tools[0].custom.inputSchema` is `tools`, `0`, `input_schema`.
fn steps(path: &str, dialect: Dialect) -> Vec<String> {
    let words = path.split(['.', '[', ']']);
    let words = words
        .map(|word| word.trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty());
    let words = words.take(STEPS_LIMIT);
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => words.map(str::to_owned).collect(),
        Dialect::AnthropicMessages => words
            .filter(|word| *word != "custom")
            .map(str::to_owned)
            .collect(),
        Dialect::Gemini => words
            .filter(|word| *word != "GenerateContentRequest")
            .map(with_underscores)
            .collect(),
    }
}

fn with_underscores(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 4);
    for character in word.chars() {
        if character.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// How many steps `pattern` has, and the number in it, where `path` begins so.
fn begins(path: &[String], pattern: &str) -> Option<(usize, Option<usize>)> {
    let (mut named, mut number) = (0, None);
    for wanted in pattern.split('.') {
        let step = path.get(named)?;
        match wanted {
            "#" => number = Some(step.parse().ok()?),
            wanted if wanted == step => {}
            _ => return None,
        }
        named += 1;
    }
    Some((named, number))
}

#[cfg(test)]
mod tests;
