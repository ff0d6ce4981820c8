//! What a whole answer's message and a stream's delta have in common: reasoning under other names
//! and half-written tool calls.

use std::borrow::Cow;

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::{Json, quote},
    object::{Object, member_items},
};

use crate::{
    conversation::{self, without_signature},
    fault::{Fault, malformed},
};

/// Reads the text of a member; `None` where it is absent or null. Fails where it is anything else:
/// what the model said would be lost.
pub fn text<'a>(object: &Object<'a>, name: &str) -> Result<Option<Cow<'a, str>>, Fault> {
    match object.present(name).map(Json::parse_member) {
        None => Ok(None),
        Some(Ok(Json::String(text))) => Ok(Some(text)),
        Some(_) => Err(malformed(format!("`{name}` is not a readable text"))),
    }
}

/// Members with state of earlier turns, in the forms of hosts that want it back.
pub const STATE: [&str; 3] = ["thinking_blocks", "reasoning_details", "extra_content"];

/// Gives reasoning its one name, `reasoning_content`, and returns its text.
///
/// Other hosts call it `reasoning` (OpenRouter, Groq, vLLM) or send `reasoning_details` with texts
/// (MiniMax). Where several say the same, the first of these counts and the others go. Members of
/// [`STATE`] stay where `keeps_state`: a gateway behind us wants them back, and the client has to bring them. From
/// anyone else they would be left out on their way back.
pub fn unify_reasoning<'a>(
    message: &Object<'a>,
    keeps_state: bool,
    edit: &mut ObjectEdit<'_, '_>,
) -> Result<Option<Cow<'a, str>>, Fault> {
    if !keeps_state {
        STATE.iter().for_each(|name| edit.remove_named(name));
    }
    let own = text(message, "reasoning_content")?.filter(|text| !text.is_empty());
    if let Some(index) = message.position("reasoning") {
        let foreign = text(message, "reasoning")?.filter(|text| !text.is_empty());
        if own.is_none() && foreign.is_some() {
            edit.remove_named("reasoning_content");
            edit.rename(index, "reasoning_content");
            return Ok(foreign);
        }
        edit.remove(index);
    }
    if own.is_some() {
        return Ok(own);
    }
    let details = message.present("reasoning_details");
    let texts = details.map(detail_texts).transpose()?.unwrap_or_default();
    if texts.is_empty() {
        return Ok(None);
    }
    edit.set("reasoning_content", quote(&texts));
    Ok(Some(texts.into()))
}

/// Reasoning and text, where there are any.
type Said<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

/// Gives content its one form, a string, and returns reasoning and text.
///
/// Mistral sends an array of parts while it thinks, the thoughts among them.
pub fn unify_content<'a>(
    message: &Object<'a>,
    reasoning: Option<Cow<'a, str>>,
    edit: &mut ObjectEdit<'_, '_>,
) -> Result<Said<'a>, Fault> {
    let array = message.present("content").filter(|json| json.starts_with('['));
    let Some(array) = array else {
        return Ok((reasoning, text(message, "content")?));
    };
    let (said, thoughts) = parts(array)?;
    edit.set("content", quote(&said));
    if reasoning.is_none() && !thoughts.is_empty() {
        edit.set("reasoning_content", quote(&thoughts));
        return Ok((Some(thoughts.into()), Some(said.into())));
    }
    Ok((reasoning, Some(said.into())))
}

/// Text and thoughts of content in parts. Fails for a part that is neither.
fn parts(array: &str) -> Result<(String, String), Fault> {
    let no_part = || malformed("a part of the content is neither text nor thought");
    let (mut said, mut thoughts) = (String::new(), String::new());
    for part in member_items(array).map_err(|_| no_part())? {
        let part = Object::parse_member(part).map_err(|_| no_part())?;
        match part.present("thinking") {
            Some(thought) if thought.starts_with('[') => thoughts.push_str(&detail_texts(thought)?),
            Some(_) => thoughts.extend(text(&part, "thinking")?),
            None => said.push_str(&text(&part, "text")?.ok_or_else(no_part)?),
        }
    }
    Ok((said, thoughts))
}

/// The addresses of the images in a message or delta, as image models of OpenRouter's kind draw them. Fails where
/// one cannot be read: it would be lost.
pub fn images(message: &Object<'_>) -> Result<Vec<String>, Fault> {
    let none = |json: &&str| matches!(*json, "\"\"" | "{}" | "false");
    let Some(json) = message.present("images").filter(|json| !none(json)) else {
        return Ok(Vec::new());
    };
    let url = |image: &str| {
        Object::parse_member(Object::parse_member(image).ok()?.present("image_url")?)
            .ok()?
            .read("url")
    };
    let images = member_items(json).ok();
    images
        .and_then(|images| images.into_iter().map(url).collect())
        .ok_or_else(|| malformed("`images` cannot be read"))
}

/// The texts of an array's items, those without one passed over.
fn detail_texts(details: &str) -> Result<String, Fault> {
    let details = member_items(details).unwrap_or_default().into_iter();
    details
        .filter_map(|detail| text(&Object::parse_member(detail).ok()?, "text").transpose())
        .collect()
}

/// The forerunner of a tool call, or a piece of one.
#[derive(Debug)]
pub struct FunctionPiece<'a> {
    /// Not empty.
    pub name: Option<String>,
    pub arguments: Option<Cow<'a, str>>,
    pub object: Object<'a>,
}

/// Reads the forerunner of a tool call. Fails where nobody can have asked for one (`asked`), and where it
/// cannot be read.
pub fn function_call<'a>(
    message: &Object<'a>,
    asked: bool,
    edit: &mut ObjectEdit<'_, '_>,
) -> Result<Option<FunctionPiece<'a>>, Fault> {
    let Some(json) = message.get("function_call") else {
        return Ok(None);
    };
    if matches!(json, "null" | "{}") {
        edit.remove_named("function_call");
        return Ok(None);
    }
    let call = Object::parse_member(json).map_err(|_| malformed("`function_call` is not an object"))?;
    if !asked {
        return Err(malformed(
            "a call of the kind before tools, which nobody asked for",
        ));
    }
    let name = text(&call, "name")?.filter(|name| !name.is_empty());
    Ok(Some(FunctionPiece {
        name: name.map(Cow::into_owned),
        arguments: text(&call, "arguments")?,
        object: call,
    }))
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
    /// Whether state that stands in it goes to the client.
    keeps_state: bool,
}

/// Reads a message's tool calls. Fails where they are not an array of objects that can be read. Without `keeps_state`
/// an ID is without a signature that stands in it: so it is when it comes back.
pub fn tool_calls<'a>(message: &Object<'a>, keeps_state: bool) -> Result<Vec<ToolCallPiece<'a>>, Fault> {
    let Some(json) = message.present("tool_calls") else {
        return Ok(Vec::new());
    };
    let calls = member_items(json).map_err(|_| malformed("`tool_calls` is not an array"))?;
    calls
        .into_iter()
        .map(|call| tool_call(call, keeps_state))
        .collect()
}

fn tool_call(json: &str, keeps_state: bool) -> Result<ToolCallPiece<'_>, Fault> {
    let no_object = || malformed("a tool call is not an object");
    let object = Object::parse_member(json).map_err(|_| no_object())?;
    let function = object.present("function").map(Object::parse_member);
    let function = function.transpose().map_err(|_| no_object())?;
    if function.is_none() && object.present("custom").is_some() {
        // Tools that take free text are no part of any contract.
        return Err(malformed("a call of a kind of tool that nobody offered"));
    }
    let (name, arguments) = match &function {
        None => (None, None),
        Some(function) => {
            let arguments = match function.present("arguments") {
                // Some hosts send the object itself, not its text.
                Some(json) if !json.starts_with('"') => Some(Cow::Borrowed(json)),
                _ => text(function, "arguments")?,
            };
            let name = text(function, "name")?.filter(|name| !name.is_empty());
            (name.map(Cow::into_owned), arguments)
        }
    };
    let id = object.read::<String>("id").filter(|id| !id.is_empty());
    Ok(ToolCallPiece {
        index: object.read("index"),
        id: match keeps_state {
            true => id,
            false => id.map(|id| without_signature(id.into()).0.into_owned()),
        },
        name,
        arguments: arguments.unwrap_or_default().into_owned(),
        object,
        function,
        keeps_state,
    })
}

impl ToolCallPiece<'_> {
    /// Whether the call says nothing, as a first piece or as a whole: Groq writes `null` for it.
    pub fn is_blank(&self) -> bool {
        let arguments = self.arguments.trim();
        arguments.is_empty() || arguments == "null"
    }

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
        if !self.keeps_state {
            edit.remove_named("extra_content");
        }
        if let Some(index) = index {
            set_if_different(&self.object, &mut edit, "index", index.to_string());
        }
        match id {
            Some(id) => {
                set_if_different(&self.object, &mut edit, "id", quote(id));
                set_if_different(&self.object, &mut edit, "type", "\"function\"");
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
pub fn set_if_different(
    object: &Object<'_>,
    edit: &mut ObjectEdit<'_, '_>,
    name: &str,
    json: impl AsRef<str> + Into<String>,
) {
    if object.get(name) != Some(json.as_ref()) {
        edit.set(name, json);
    }
}

/// Sets a member to a text unless it says so already, however it is escaped.
pub fn set_text_if_different(object: &Object<'_>, edit: &mut ObjectEdit<'_, '_>, name: &str, text: &str) {
    if conversation::text(object, name).as_deref() != Some(text) {
        edit.set(name, quote(text));
    }
}
