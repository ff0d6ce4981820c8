//! Tools on offer, and which of them has to be called.

use tollgate_catalog::{contract::ToolChoice, quirks::ToolChoiceForm};
use tollgate_chat::{
    edit::ObjectEdit,
    json::quote,
    object::{Object, items},
};

use super::Encoder;
use crate::{
    conversation,
    emulate::FormatPlan,
    openai_chat::{names::Names, nulls},
    parameter::{has_functions, has_no_effect, no_functions},
    request::{Note, Unsupported},
};

impl<'a> Encoder<'_, 'a> {
    /// Whether everything about tools goes: there are none, or none may be called and the provider
    /// cannot be told so.
    pub(super) fn drops_tools(&self) -> bool {
        let none = self.request.tool_choice == ToolChoice::None;
        self.request.tools == 0 || (none && !self.quirks.tool_choices.contains(&ToolChoiceForm::None))
    }

    pub(super) fn tools(&mut self, value: &'a str) -> Result<(), Unsupported> {
        if !self.quirks.tools {
            return Err(Unsupported::new("tools", "this model's provider takes no tools"));
        }
        let traits = &self.request.traits;
        let drops_strict = traits.tool_strict && !self.quirks.tool_strict;
        let drops_markers = traits.tool_cache_control && !self.quirks.cache_control;
        if !drops_strict && !drops_markers && self.names.is_empty() {
            nulls::strip(value, &mut self.edits);
            return Ok(());
        }
        let drops = |name: &str| match name {
            "strict" => drops_strict,
            "cache_control" => drops_markers,
            _ => false,
        };
        for tool in items(value).unwrap_or_default() {
            let Ok(tool) = Object::parse(tool) else { continue };
            self.without(&tool, drops);
        }
        if drops_strict {
            self.notes.push(Note::Omitted("tools.strict".to_owned()));
        }
        if drops_markers {
            self.note_once(Note::Omitted("cache_control".to_owned()));
        }
        Ok(())
    }

    /// Takes nulls and what `drops` names out of a tool and of its function, which may get another name.
    fn without(&mut self, tool: &Object<'a>, drops: impl Fn(&str) -> bool + Copy) {
        let mut edit = ObjectEdit::of(tool);
        for (index, member) in tool.members().iter().enumerate() {
            let function = Some(member.value).filter(|_| member.name == "function");
            if member.value == "null" || drops(&member.name) {
                edit.remove(index);
            } else if let Some(Ok(function)) = function.map(Object::parse) {
                self.without(&function, drops);
            } else if member.name == "name"
                && let Some(sent) = conversation::text(tool, "name").and_then(|name| self.names.sent(&name))
            {
                edit.set("name", quote(sent));
            } else if member.name != "parameters" {
                nulls::strip(member.value, &mut self.edits);
            }
        }
        edit.finish(&mut self.edits);
    }

    /// The forerunners of tools. Without functions to call, nothing that is said of them counts.
    pub(super) fn legacy_functions(
        &mut self,
        index: usize,
        name: &str,
        value: &str,
    ) -> Result<(), Unsupported> {
        if !has_functions(self.request) && (name == "functions" || has_no_effect(name, value)) {
            self.edit.remove(index);
        } else if self.quirks.legacy_functions {
            nulls::strip(value, &mut self.edits);
        } else if has_no_effect(name, value) {
            self.edit.remove(index);
        } else {
            return Err(no_functions(name));
        }
        Ok(())
    }

    pub(super) fn tool_choice(&mut self, index: usize, value: &str) {
        let is_renamed =
            matches!(&self.plan.tool_choice, ToolChoice::Named(name) if self.names.sent(name).is_some());
        if is_renamed || self.plan.tool_choice != self.request.tool_choice {
            match tool_choice_json(&self.plan.tool_choice, &self.names) {
                Some(json) => self.edit.set("tool_choice", json),
                None => self.edit.remove(index),
            }
        } else if self.request.tool_choice == ToolChoice::Auto
            && !self.quirks.tool_choices.contains(&ToolChoiceForm::Auto)
        {
            // Every provider that takes tools chooses by itself when nothing is said.
            self.edit.remove(index);
        } else {
            nulls::strip(value, &mut self.edits);
        }
    }

    /// The tool whose arguments are the content. There are no others beside it.
    pub(super) fn content_tool(&mut self) {
        let FormatPlan::Tool { name, schema } = &self.plan.format else {
            return;
        };
        let name = quote(name);
        let function = format!("{{\"name\":{name},\"parameters\":{schema}}}");
        self.edit.set(
            "tools",
            format!("[{{\"type\":\"function\",\"function\":{function}}}]"),
        );
        if let Some(json) = tool_choice_json(&self.plan.tool_choice, &self.names) {
            self.edit.set("tool_choice", json);
        }
    }
}

/// A tool choice in the words of chat completions; `None` where nothing is to be said.
fn tool_choice_json(choice: &ToolChoice, names: &Names) -> Option<String> {
    Some(match choice {
        ToolChoice::Auto => return None,
        ToolChoice::None => "\"none\"".to_owned(),
        ToolChoice::Required => "\"required\"".to_owned(),
        ToolChoice::Named(name) => {
            format!(
                "{{\"type\":\"function\",\"function\":{{\"name\":{}}}}}",
                quote(names.sent(name).unwrap_or(name))
            )
        }
    })
}
