//! What one delta says, and how it is written where it has to change.

use std::borrow::Cow;

use tollgate_chat::{edit::ObjectEdit, json::quote, object::Object};

use crate::{
    openai_chat::message::{STATE, set_if_different},
    think_tags::{Piece, ThinkTags},
};

/// The delta of a choice that came without one: text that was held back until now, if any.
pub fn bare_delta(opens: bool, reasoning: Option<&str>, text: Option<&str>) -> String {
    let role = opens.then_some(("role", "assistant"));
    let said = [("reasoning_content", reasoning), ("content", text)];
    let said = said.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let members: Vec<String> = role
        .into_iter()
        .chain(said.filter(|(_, text)| !text.is_empty()))
        .map(|(name, text)| format!("\"{name}\":{}", quote(text)))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// What comes after a piece of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// More content, as far as anybody knows.
    More,
    /// A call.
    Call,
}

/// Sorts a piece of content with `<think>` tags. Returns reasoning and text.
pub fn split_thinking<'a>(
    tags: &mut ThinkTags,
    content: Option<Cow<'a, str>>,
    next: Next,
    delta: &Object<'_>,
    edit: &mut ObjectEdit<'_, '_>,
) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let mut pieces = Vec::new();
    if let Some(content) = &content {
        tags.split(content, &mut pieces);
    }
    match next {
        Next::More => {}
        Next::Call => tags.interrupt(&mut pieces),
    }
    let (mut reasoning, mut text) = (String::new(), String::new());
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(&piece),
            Piece::Reasoning(piece) => reasoning.push_str(&piece),
        }
    }
    if content.as_deref().unwrap_or_default() != text {
        edit.set("content", quote(&text));
    }
    if !reasoning.is_empty() {
        set_if_different(delta, edit, "reasoning_content", quote(&reasoning));
    }
    (Some(reasoning.into()), Some(text.into()))
}

/// Whether a delta holds output of a kind without an event of its own. `keeps_state`: the client gets state of turns too.
pub fn has_other_content(delta: &Object<'_>, choice: &Object<'_>, keeps_state: bool) -> bool {
    const OWN_EVENT: [&str; 8] = [
        "role",
        "content",
        "refusal",
        "images",
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "tool_calls",
    ];
    let says_something = |value: &str| !matches!(value, "null" | "\"\"" | "[]" | "{}");
    let goes = |name: &str| !keeps_state && STATE.contains(&name);
    delta.members().iter().any(|member| {
        !OWN_EVENT.contains(&&*member.name) && !goes(&member.name) && says_something(member.value)
    }) || choice.present("logprobs").is_some_and(says_something)
}
