//! What a whole answer's message and a stream's delta have in common: reasoning under other names
//! and half-written tool calls.

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
};

/// Gives reasoning its one name, `reasoning_content`, and returns its text.
///
/// Other hosts call it `reasoning` (OpenRouter, Groq, vLLM) or send `reasoning_details` with texts
/// (MiniMax). Where several say the same, the first of these counts and the others go, but
/// `reasoning_details` stay, since a client may have to send them back.
pub fn unify_reasoning(message: &Object<'_>, edit: &mut ObjectEdit<'_, '_>) -> Option<String> {
    let own = message.read::<String>("reasoning_content");
    let foreign = message.position("reasoning");
    if let Some(own) = own.filter(|text| !text.is_empty()) {
        if let Some(index) = foreign {
            edit.remove(index);
        }
        return Some(own);
    }
    if let Some(index) = foreign {
        let text = message.read::<String>("reasoning");
        if text.is_some() {
            edit.remove_named("reasoning_content");
            edit.rename(index, "reasoning_content");
        } else {
            edit.remove(index);
        }
        return text;
    }
    let texts = detail_texts(message.present("reasoning_details")?);
    if texts.is_empty() {
        return None;
    }
    edit.set("reasoning_content", quote(&texts));
    Some(texts)
}

fn detail_texts(details: &str) -> String {
    items(details)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|detail| Object::parse(detail).ok()?.read::<String>("text"))
        .collect()
}

/// A tool call, or a piece of one, as the host wrote it.
#[derive(Debug)]
pub struct ToolCallPiece<'a> {
    /// The host's index, where it gives one.
    pub index: Option<u32>,
    /// Not empty.
    pub id: Option<String>,
    /// Not empty.
    pub name: Option<String>,
    pub arguments: String,
    pub object: Object<'a>,
    pub function: Option<Object<'a>>,
}

/// Reads an array of tool calls; what is no object is passed over.
pub fn tool_calls(json: &str) -> Vec<ToolCallPiece<'_>> {
    items(json)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|item| {
            let object = Object::parse(item).ok()?;
            let function = object
                .present("function")
                .and_then(|json| Object::parse(json).ok());
            let text =
                |object: &Object<'_>, name| object.read::<String>(name).filter(|text| !text.is_empty());
            let arguments = function.as_ref().and_then(|function| {
                let json = function.present("arguments")?;
                // Some hosts send the object itself, not its text.
                Some(serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()))
            });
            Some(ToolCallPiece {
                index: object.read("index"),
                id: text(&object, "id"),
                name: function.as_ref().and_then(|function| text(function, "name")),
                arguments: arguments.unwrap_or_default(),
                object,
                function,
            })
        })
        .collect()
}

impl ToolCallPiece<'_> {
    /// Writes the piece in our form: its index (in streams), `id` with `type`, and `name`, only where
    /// they are given here, `arguments` always.
    pub fn rewrite(
        &self,
        index: Option<u32>,
        id: Option<&str>,
        name: Option<&str>,
        arguments: &str,
        edits: &mut Edits<'_>,
    ) {
        let mut edit = ObjectEdit::of(&self.object);
        if let Some(index) = index {
            set_if_different(&self.object, &mut edit, "index", index.to_string());
        }
        match id {
            Some(id) => {
                set_if_different(&self.object, &mut edit, "id", quote(id));
                set_if_different(&self.object, &mut edit, "type", "\"function\"".to_owned());
            }
            None => {
                edit.remove_named("id");
                edit.remove_named("type");
            }
        }
        match &self.function {
            Some(function) => {
                let mut inner = ObjectEdit::of(function);
                match name {
                    Some(name) => set_if_different(function, &mut inner, "name", quote(name)),
                    None => inner.remove_named("name"),
                }
                // The same text may be escaped in another way; only another text is written anew.
                if function.read::<String>("arguments").as_deref() != Some(arguments) {
                    inner.set("arguments", quote(arguments));
                }
                inner.finish(edits);
            }
            None => {
                let name = name
                    .map(|name| format!("\"name\":{},", quote(name)))
                    .unwrap_or_default();
                edit.set(
                    "function",
                    format!("{{{name}\"arguments\":{}}}", quote(arguments)),
                );
            }
        }
        edit.finish(edits);
    }
}

/// Sets a member unless it says so already.
pub fn set_if_different(object: &Object<'_>, edit: &mut ObjectEdit<'_, '_>, name: &str, json: String) {
    if object.get(name) != Some(json.as_str()) {
        edit.set(name, json);
    }
}
