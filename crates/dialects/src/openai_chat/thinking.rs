//! Thinking in the words of chat completions: which of the client's switches go out, and how.

use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{Quirks, ThinkingForm},
    thinking::Thinking,
};
use tollgate_chat::{edit::ObjectEdit, json::quote, object::Object};

use crate::{
    request::Note,
    thinking::{
        Decision, SWITCHES, budget_to_send, effort_to_send, levels, no_switch_sent, note_budget, note_move,
        switch_sent,
    },
};

/// The decision, and what is sent to make it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub thinks: bool,
    /// Members to send, by name, as JSON.
    send: Vec<(&'static str, String)>,
    pub notes: Vec<Note>,
}

/// Says the decision in the form that this provider takes.
pub fn resolve(request: &ValidRequest, quirks: &Quirks, decision: Decision) -> Resolved {
    let Decision {
        asked,
        thinks,
        mut notes,
    } = decision;
    let mut send = Vec::new();
    match quirks.thinking {
        // Its own default may be another than the one documented here.
        ThinkingForm::Pass => {
            if request.thinking == Thinking::Off && no_switch_sent(request) {
                send.push(("enable_thinking", "false".to_owned()));
            }
        }
        ThinkingForm::None => {
            let is_so_anyway = thinks
                && matches!(
                    asked,
                    Thinking::On {
                        effort: None,
                        budget: None
                    }
                );
            if matches!(asked, Thinking::On { .. }) && !is_so_anyway {
                notes.push(Note::Omitted(switch_sent(request).to_owned()));
            }
        }
        ThinkingForm::ReasoningEffort => {
            if let Some(effort) = effort_to_send(asked, quirks) {
                notes.extend(note_move(asked, effort));
                send.push(("reasoning_effort", quote(effort.as_str())));
            }
            notes.extend(note_budget(request, asked));
        }
        ThinkingForm::ThinkingObject => {
            let word = match asked {
                Thinking::Unset => None,
                Thinking::Off => quirks.thinking_optional.then_some("disabled"),
                Thinking::On { effort: None, .. }
                    if quirks.thinking_auto && leaves_it_to_the_model(request) =>
                {
                    Some("auto")
                }
                Thinking::On { .. } => Some("enabled"),
            };
            if let Some(word) = word {
                send.push(("thinking", format!("{{\"type\":\"{word}\"}}")));
            }
            if let Thinking::On {
                effort: Some(asked_effort),
                ..
            } = asked
            {
                match asked_effort.nearest(&levels(quirks)) {
                    Some(effort) => {
                        notes.extend(note_move(asked, effort));
                        send.push(("reasoning_effort", quote(effort.as_str())));
                    }
                    None => notes.push(Note::Omitted("reasoning_effort".to_owned())),
                }
            }
            notes.extend(note_budget(request, asked));
        }
        // Always said, since the provider's own default differs from model to model.
        ThinkingForm::EnableThinking => {
            if quirks.thinking_optional {
                send.push(("enable_thinking", thinks.to_string()));
            }
            if let Thinking::On { effort, budget } = asked {
                if let Some(budget) = budget {
                    let (budget, note) = budget_to_send(request, quirks, asked, budget);
                    notes.extend(note);
                    send.push(("thinking_budget", budget.to_string()));
                }
                if effort.is_some() {
                    notes.push(Note::Omitted("reasoning_effort".to_owned()));
                }
            }
        }
    }
    Resolved { thinks, send, notes }
}

/// Whether the client says `thinking.type` "auto", or "adaptive", which is another word for it, and no other
/// switch asks for more.
fn leaves_it_to_the_model(request: &ValidRequest) -> bool {
    let thinking = request.request.get("thinking").map(Object::parse);
    let Some(Ok(thinking)) = thinking else {
        return false;
    };
    matches!(thinking.get("type"), Some("\"auto\"" | "\"adaptive\""))
        && request
            .request
            .get("enable_thinking")
            .is_none_or(|json| json == "null")
}

impl Resolved {
    /// Writes the switches into the request: the provider's own, and none of the others.
    pub fn write(&self, object: &Object<'_>, quirks: &Quirks, edit: &mut ObjectEdit<'_, '_>) {
        if quirks.thinking == ThinkingForm::Pass {
            // The client's own switches stay; ours comes only where it sent none.
            for (name, json) in &self.send {
                edit.set(name, json.clone());
            }
            return;
        }
        for switch in SWITCHES {
            match self.send.iter().find(|(name, _)| *name == switch) {
                Some((name, json)) => {
                    if object.get(name) != Some(json.as_str()) {
                        edit.set(name, json.clone());
                    }
                }
                None => edit.remove_named(switch),
            }
        }
    }
}
