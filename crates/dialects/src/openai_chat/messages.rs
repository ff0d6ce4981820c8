//! Messages on their way to a provider: edited where it refuses what the client may send.
//!
//! A message is looked at again only when its traits and the provider's quirks say so.

use tollgate_catalog::{
    contract::MessageTraits,
    quirks::{MessageName, Quirks, ReasoningHistory},
};
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Member, Object, items},
};

use super::nulls;

/// Edits the array `messages`, which has been validated.
pub fn edit(messages: &str, traits: &MessageTraits, quirks: &Quirks, edits: &mut Edits<'_>) {
    if !needs_edit(traits, quirks) {
        return;
    }
    for message in items(messages).unwrap_or_default() {
        if let Ok(message) = Object::parse(message) {
            edit_message(&message, traits, quirks, edits);
        }
    }
}

fn needs_edit(traits: &MessageTraits, quirks: &Quirks) -> bool {
    (traits.developer && !quirks.developer_role)
        || (traits.name && quirks.message_name != MessageName::All)
        || (traits.text_part_arrays && !quirks.text_part_arrays)
        || traits.assistant_without_content
        || (traits.assistant_extras && !quirks.drop_message_fields.is_empty())
        || (traits.reasoning_content && quirks.reasoning_history == ReasoningHistory::Drop)
        || (traits.tool_calls && quirks.reasoning_history == ReasoningHistory::Require)
        || traits.null_members
}

fn edit_message(message: &Object<'_>, traits: &MessageTraits, quirks: &Quirks, edits: &mut Edits<'_>) {
    let role: String = message.read("role").unwrap_or_default();
    let assistant = role == "assistant";
    let mut edit = ObjectEdit::of(message);
    for (index, member) in message.members().iter().enumerate() {
        let dropped = assistant
            && quirks
                .drop_message_fields
                .iter()
                .any(|field| *field == member.name);
        match &*member.name {
            "content" => edit_content(member, assistant, traits, quirks, &mut edit, edits),
            _ if member.value == "null" || dropped => edit.remove(index),
            "role" if role == "developer" && !quirks.developer_role => edit.set("role", "\"system\""),
            "name" if !takes_name(&role, quirks.message_name) => edit.remove(index),
            "reasoning_content" if quirks.reasoning_history == ReasoningHistory::Drop => edit.remove(index),
            "tool_calls" if traits.null_members => nulls::strip(member.value, edits),
            _ => {}
        }
    }
    if assistant && message.get("content").is_none() && !quirks.null_content {
        edit.append("content", "\"\"");
    }
    if assistant
        && quirks.reasoning_history == ReasoningHistory::Require
        && message.present("tool_calls").is_some()
        && message.present("reasoning_content").is_none()
    {
        edit.set("reasoning_content", "\" \"");
    }
    edit.finish(edits);
}

fn takes_name(role: &str, taken: MessageName) -> bool {
    match taken {
        MessageName::All => true,
        MessageName::User => role == "user",
        MessageName::None => false,
    }
}

fn edit_content(
    content: &Member<'_>,
    assistant: bool,
    traits: &MessageTraits,
    quirks: &Quirks,
    edit: &mut ObjectEdit<'_, '_>,
    edits: &mut Edits<'_>,
) {
    if content.value == "null" {
        if assistant && !quirks.null_content {
            edit.set("content", "\"\"");
        }
    } else if assistant && items(content.value).is_ok_and(|parts| parts.is_empty()) {
        edit.set("content", if quirks.null_content { "null" } else { "\"\"" });
    } else if content.value.starts_with('[') {
        if let Some(text) = joined_text(content.value).filter(|_| !quirks.text_part_arrays) {
            edit.set("content", quote(&text));
        } else if traits.null_members {
            nulls::strip(content.value, edits);
        }
    }
}

/// Whether a message is of the kind before tools: role `function`, or `function_call`.
pub fn has_legacy_functions(messages: &str) -> bool {
    let messages = items(messages).unwrap_or_default().into_iter();
    messages
        .filter_map(|message| Object::parse(message).ok())
        .any(|message| {
            message
                .read::<String>("role")
                .is_some_and(|role| role == "function")
                || message.present("function_call").is_some()
        })
}

/// The texts of an array that holds only text parts, a line each.
fn joined_text(parts: &str) -> Option<String> {
    let mut texts = Vec::new();
    for part in items(parts).ok()? {
        let part = Object::parse(part).ok()?;
        let kind: String = part.read("type")?;
        texts.push(match &*kind {
            "text" => part.read::<String>("text")?,
            "refusal" => part.read::<String>("refusal")?,
            _ => return None,
        });
    }
    Some(texts.join("\n"))
}
