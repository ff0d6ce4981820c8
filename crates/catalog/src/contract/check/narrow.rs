//! A request that lets the model call some of its tools only, as one that offers no others.
//!
//! OpenAI alone knows the form, and it is there for the sake of its prompt cache. What the model is to do is the
//! same, so whoever reads a valid request need not know of it.

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    object::items,
    request::ChatRequest,
};

use super::Draft;
use crate::contract::ToolChoice;

/// Takes the tools out of `request` that are not allowed, and says the rest of the choice in a word.
pub(super) fn tools(request: ChatRequest, allowed: &[usize], draft: &mut Draft) -> ChatRequest {
    let Some(Ok(tools)) = request.get("tools").map(items) else {
        return request;
    };
    let kept: Vec<&str> = allowed
        .iter()
        .filter_map(|index| tools.get(*index).copied())
        .collect();
    let object = request.object();
    let mut edits = Edits::of(object.text());
    let mut edit = ObjectEdit::of(&object);
    edit.set("tools", format!("[{}]", kept.join(",")));
    let mode = match draft.tool_choice {
        ToolChoice::Required => "\"required\"",
        _ => "\"auto\"",
    };
    edit.set("tool_choice", mode);
    edit.finish(&mut edits);
    let count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    match ChatRequest::parse(edits.finish().into()) {
        Ok(narrowed) => {
            draft.tools = count;
            draft.traits.narrowed_tools = kept.len() < tools.len();
            narrowed
        }
        // What was an object is one.
        Err(_) => request,
    }
}
