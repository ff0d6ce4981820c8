//! Earlier turns of the model: its thoughts where the provider wants them, and no state of others.

use tollgate_catalog::quirks::ReasoningHistory;
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
};

use super::{MessageEditor, nulls};
use crate::{
    conversation::{self, Message, without_signature},
    openai_chat::{details, message::STATE},
};

/// Thoughts as text; the second is what some hosts call it.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

impl<'a> MessageEditor<'_, 'a> {
    pub(super) fn calls(&mut self, calls: &'a str, edits: &mut Edits<'a>) {
        let (strips_state, names) = (self.strips_state(), self.rules.names);
        let drops_marks = self.rules.traits.cache_control && !self.rules.quirks.cache_control;
        if !strips_state && !drops_marks && names.is_empty() {
            if self.rules.traits.null_members {
                nulls::strip(calls, edits);
            }
            return;
        }
        for call in items(calls).unwrap_or_default() {
            let Ok(call) = Object::parse(call) else { continue };
            let mut edit = ObjectEdit::of(&call);
            nulls::strip_members(&call, &mut edit, edits);
            if strips_state {
                edit.remove_named("extra_content");
                if let Some((id, Some(_))) = conversation::text(&call, "id").map(without_signature) {
                    edit.set("id", quote(&id));
                }
            }
            if drops_marks {
                edit.remove_named("cache_control");
            }
            edit.finish(edits);
            let Some(Ok(function)) = call.present("function").map(Object::parse) else {
                continue;
            };
            let name = conversation::text(&function, "name");
            let mut edit = ObjectEdit::of(&function);
            if drops_marks {
                edit.remove_named("cache_control");
            }
            if let Some(sent) = name.and_then(|name| names.sent(&name)) {
                edit.set("name", quote(sent));
            }
            edit.finish(edits);
        }
    }

    pub(super) fn history(&mut self) {
        let history = self.rules.quirks.reasoning_history;
        if !self.rules.quirks.foreign_state {
            for name in STATE {
                if !(name == "reasoning_details" && history == ReasoningHistory::Details) {
                    self.edit.remove_named(name);
                }
            }
        }
        match history {
            ReasoningHistory::Pass => {}
            ReasoningHistory::Drop => REASONING.iter().for_each(|name| self.edit.remove_named(name)),
            ReasoningHistory::Require => self.thoughts_as_text(),
            ReasoningHistory::Details => self.thoughts_as_details(),
        }
        if !self.rules.quirks.foreign_state
            && let Some(images) = self.message.present("images")
        {
            for image in items(images).unwrap_or_default() {
                self.wait_drawn(image);
            }
            self.edit.remove_named("images");
        }
    }

    /// Every turn that called a tool needs its thoughts, and every later one, so that the answer to what the tools
    /// gave has its own: the client's, else what the gate kept, else one space, which passes for thoughts.
    fn thoughts_as_text(&mut self) {
        let (own, other) = REASONING.map(|name| said(self.message, name)).into();
        match (own, other) {
            (Some(_), _) => self.edit.remove_named("reasoning"),
            (None, Some(other)) => {
                self.edit.remove_named("reasoning");
                self.edit.set("reasoning_content", other);
            }
            (None, None) => {
                let lost = || self.called.then(stand_in);
                if let Some(text) = self.kept_thoughts().or_else(lost) {
                    self.edit.set("reasoning_content", text);
                }
            }
        }
    }

    /// As in [`Self::thoughts_as_text`], in the form of details; a turn that called nothing goes without. Those that
    /// the gate kept go as they came, also where the client sends their text.
    ///
    /// Details that another family's provider gave go: it alone can read them.
    fn thoughts_as_details(&mut self) {
        let details = items(self.message.present("reasoning_details").unwrap_or_default());
        let details = details.unwrap_or_default();
        let own: Vec<&str> = details
            .iter()
            .copied()
            .filter(|detail| is_plain_detail(detail))
            .collect();
        let text = REASONING
            .iter()
            .find_map(|name| said(self.message, name))
            .map(str::to_owned);
        REASONING.iter().for_each(|name| self.edit.remove_named(name));
        if !own.is_empty() {
            if own.len() < details.len() {
                self.edit.set("reasoning_details", format!("[{}]", own.join(",")));
            }
        } else if let Some(kept) = self.kept_details(text.as_deref()) {
            self.edit.set("reasoning_details", kept);
        } else if let Some(text) =
            (text.or_else(|| self.kept_thoughts())).or_else(|| calls_tools(self.message).then(stand_in))
        {
            self.edit
                .set("reasoning_details", format!("[{{\"text\":{text}}}]"));
        } else {
            self.edit.remove_named("reasoning_details");
        }
    }

    /// The details that came with this turn, as a JSON array. `own`: the client's text of its thoughts, a JSON string;
    /// where it is another, that counts.
    fn kept_details(&self, own: Option<&str>) -> Option<String> {
        let text = |json: &str| serde_json::from_str::<String>(json).ok();
        let is_same = |own: &str| {
            let kept = self.kept_thoughts();
            kept.is_some_and(|kept| kept == own || text(&kept) == text(own))
        };
        own.is_none_or(is_same).then(|| self.kept(details::NAME))?
    }

    /// The thoughts that came with this turn, as a JSON string.
    fn kept_thoughts(&self) -> Option<String> {
        self.kept("reasoning_content")
            .filter(|text| text.starts_with('"') && text != "\"\"")
    }

    /// A member of the state that came with this turn.
    fn kept(&self, name: &str) -> Option<String> {
        let turn = self.turns.iter().find_map(|message| match message {
            Message::Assistant(turn) if turn.at == self.at => Some(turn),
            _ => None,
        })?;
        let state = self.rules.context.states.of(turn)?;
        state.pieces.iter().find_map(|piece| {
            let piece = Object::parse(&piece.json).ok()?;
            piece.present(name).map(str::to_owned)
        })
    }
}

/// Whether a message of the assistant's calls a tool.
pub(super) fn calls_tools(message: &Object<'_>) -> bool {
    message.present("tool_calls").is_some_and(|calls| calls != "[]")
}

/// What passes for thoughts that are lost, as a JSON string.
fn stand_in() -> String {
    "\" \"".to_owned()
}

/// Whether a detail is of the form in which MiniMax gives thoughts: text that nobody has signed.
fn is_plain_detail(detail: &str) -> bool {
    Object::parse(detail).is_ok_and(|detail| {
        let format = conversation::text(&detail, "format");
        let is_own = format.is_none_or(|format| format.to_ascii_lowercase().starts_with("minimax"));
        is_own && detail.present("signature").is_none() && said(&detail, "text").is_some()
    })
}

/// The text of a member, as the JSON string that it is; `None` for an empty one.
fn said<'a>(object: &Object<'a>, name: &str) -> Option<&'a str> {
    object
        .present(name)
        .filter(|text| text.starts_with('"') && *text != "\"\"")
}
