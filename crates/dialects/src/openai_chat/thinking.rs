//! What a request says about thinking, in the provider's own form.
//!
//! `reasoning_effort`, `thinking` and `enable_thinking` mean one thing on every model; the catalogue
//! tells which of them a provider takes.

use tollgate_catalog::{
    contract::{ToolChoice, ValidRequest},
    quirks::{Quirks, ThinkingForm, ToolChoiceForm},
    thinking::{Effort, Thinking},
};
use tollgate_chat::{edit::ObjectEdit, json::quote, object::Object};

use crate::request::Note;

const SWITCHES: [&str; 4] = [
    "reasoning_effort",
    "thinking",
    "enable_thinking",
    "thinking_budget",
];

/// The decision: whether the model will think, and what is sent to make it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    pub thinks: bool,
    /// Members to send, by name, as JSON.
    send: Vec<(&'static str, String)>,
    pub notes: Vec<Note>,
}

/// Decides for this request and provider. A provider that cannot think as asked takes the nearest it
/// can, with a note.
pub fn resolve(request: &ValidRequest, quirks: &Quirks) -> Resolved {
    let asked = give_way_to_forced_tools(request, quirks);
    let mut send = Vec::new();
    let mut notes = Vec::new();
    let thinks = match asked {
        Thinking::Unset => quirks
            .id_effort
            .or(quirks.default_effort)
            .map_or(quirks.thinks_by_default, on),
        // Without a switch it goes on as it always does.
        _ if quirks.thinking == ThinkingForm::None => quirks.thinks_by_default,
        Thinking::Off => !quirks.thinking_optional,
        Thinking::On { .. } => true,
    };
    if asked == Thinking::Off && thinks {
        notes.push(Note::Moved(switch_sent(request).to_owned()));
    }
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
                note_move(asked, effort, &mut notes);
                send.push(("reasoning_effort", quote(effort.as_str())));
            }
            notes.extend(note_budget(request, asked));
        }
        ThinkingForm::ThinkingObject => {
            let word = match asked {
                Thinking::Unset => None,
                Thinking::Off => quirks.thinking_optional.then_some("disabled"),
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
                        note_move(asked, effort, &mut notes);
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

/// A forced tool choice switches thinking off where the two exclude each other and the client did
/// not ask for thinking.
fn give_way_to_forced_tools(request: &ValidRequest, quirks: &Quirks) -> Thinking {
    let form = match request.tool_choice {
        ToolChoice::Required => ToolChoiceForm::Required,
        ToolChoice::Named(_) => ToolChoiceForm::Named,
        ToolChoice::Auto | ToolChoice::None => return request.thinking,
    };
    let excluded = quirks.tool_choices.contains(&form) && !quirks.tool_choices_while_thinking.contains(&form);
    if request.thinking == Thinking::Unset && excluded && quirks.thinking_optional {
        return Thinking::Off;
    }
    request.thinking
}

fn on(effort: Effort) -> bool {
    effort != Effort::None
}

/// Levels that mean thinking.
fn levels(quirks: &Quirks) -> Vec<Effort> {
    quirks
        .efforts
        .iter()
        .copied()
        .filter(|effort| on(*effort))
        .collect()
}

/// The effort to name, for providers that know no other switch.
fn effort_to_send(asked: Thinking, quirks: &Quirks) -> Option<Effort> {
    match asked {
        Thinking::Unset => quirks.id_effort,
        Thinking::Off => Effort::None.nearest(&quirks.efforts),
        Thinking::On {
            effort: Some(effort), ..
        } => effort.nearest(&quirks.efforts),
        Thinking::On { effort: None, .. } => {
            let thinks_anyway = quirks.default_effort.map_or(quirks.thinks_by_default, on);
            let wanted = quirks.id_effort.or((!thinks_anyway).then_some(Effort::Medium))?;
            wanted.nearest(&levels(quirks))
        }
    }
}

fn note_move(asked: Thinking, sent: Effort, notes: &mut Vec<Note>) {
    if matches!(asked, Thinking::On { effort: Some(effort), .. } if effort != sent) {
        notes.push(Note::Moved("reasoning_effort".to_owned()));
    }
}

/// A note for a budget that the provider has no place for, under the client's name for it.
fn note_budget(request: &ValidRequest, asked: Thinking) -> Option<Note> {
    let Thinking::On { budget: Some(_), .. } = asked else {
        return None;
    };
    let thinking = request.request.get("thinking").map(Object::parse);
    let inside = matches!(thinking, Some(Ok(thinking)) if thinking.present("budget_tokens").is_some());
    let name = if inside {
        "thinking.budget_tokens"
    } else {
        "thinking_budget"
    };
    Some(Note::Omitted(name.to_owned()))
}

fn no_switch_sent(request: &ValidRequest) -> bool {
    SWITCHES
        .into_iter()
        .all(|name| request.request.get(name).is_none())
}

/// The switch that the client used, for a note.
fn switch_sent(request: &ValidRequest) -> &'static str {
    SWITCHES
        .into_iter()
        .find(|name| request.request.get(name).is_some())
        .unwrap_or("enable_thinking")
}
