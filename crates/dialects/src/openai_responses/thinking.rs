//! Thinking in the words of Responses: `reasoning.effort`, and a summary of the thoughts where the
//! operator wants one.

use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{Quirks, ThinkingForm},
    thinking::Thinking,
};
use tollgate_chat::json::quote;

use crate::{
    request::Note,
    thinking::{Decision, effort_to_send, note_budget, note_move, switch_sent},
};

/// The member `reasoning`, as JSON; `None` where nothing is to be said. What could not be said is noted.
pub fn reasoning(
    request: &ValidRequest,
    quirks: &Quirks,
    decision: &Decision,
    notes: &mut Vec<Note>,
) -> Option<String> {
    let asked = decision.asked;
    let mut members = Vec::new();
    if quirks.thinking == ThinkingForm::None {
        let is_so_anyway = decision.thinks
            && asked
                == Thinking::On {
                    effort: None,
                    budget: None,
                };
        if matches!(asked, Thinking::On { .. }) && !is_so_anyway {
            notes.push(Note::Omitted(switch_sent(request).to_owned()));
        }
    } else {
        // The protocol has one switch, whatever the catalogue calls it.
        if let Some(effort) = effort_to_send(asked, quirks) {
            notes.extend(note_move(asked, effort));
            members.push(format!("\"effort\":{}", quote(effort.as_str())));
        }
        notes.extend(note_budget(request, asked));
    }
    if let Some(summary) = quirks.reasoning_summary.as_deref().filter(|_| decision.thinks) {
        members.push(format!("\"summary\":{}", quote(summary)));
    }
    (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
}
