//! What becomes of a request's parameters: most are served, and nothing of the others is left out in silence.
//!
//! Not here: parameters of form (`tools`, `response_format`), which are refused where they cannot be followed.

use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::{Note, Unsupported, openai_chat::place_of_stored, parameter::has_no_effect};

/// What the embedded model heeds, or what the gate does for it.
const SERVED: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "n",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "thinking",
    "enable_thinking",
];

/// What an answer would not be the same without, with the words for it.
const REFUSED: &[(&str, &str)] = &[
    ("functions", "`functions`, the older form of `tools`"),
    (
        "function_call",
        "`function_call`, the older form of `tool_choice`",
    ),
    ("modalities", "other modalities than `text`"),
    ("audio", "`audio`: it writes text alone"),
    ("web_search_options", "`web_search_options`: it searches nowhere"),
];

/// The notes of what is left out. Fails with the first parameter that the answer would not be the same without.
pub fn notes(request: &ValidRequest) -> Result<Vec<Note>, Unsupported> {
    let refuse = |param: &str, what: &str| {
        let problem =
            format!("the embedded model does not take {what}; leave `{param}` out, or configure a channel");
        Err(Unsupported::new(param, problem))
    };
    if let Some(message) = request.traits.provider_file {
        let messages = request.request.get("messages").unwrap_or_default();
        let param = place_of_stored(messages, message as usize);
        return refuse(&param, "references into a provider's storage");
    }
    let mut notes = Vec::new();
    for (name, value) in request.request.members() {
        if value == "null" || SERVED.contains(&name) || has_no_effect(name, value) {
            continue;
        }
        if let Some((name, what)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return refuse(name, what);
        }
        notes.push(Note::Omitted(name.to_owned()));
    }
    Ok(notes)
}
