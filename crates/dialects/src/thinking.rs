//! Whether the model will think about a request: one meaning for the client's three switches, whatever
//! the provider calls them. How a dialect says it is its own business (`<dialect>/thinking.rs`).

use tollgate_catalog::{
    contract::{ToolChoice, ValidRequest},
    quirks::{Quirks, ThinkingForm, ToolChoiceForm},
    thinking::{Effort, Thinking},
};
use tollgate_chat::object::Object;

use crate::{conversation, request::Note};

/// The members by which a client speaks of thinking.
pub const SWITCHES: [&str; 4] = [
    "reasoning_effort",
    "thinking",
    "enable_thinking",
    "thinking_budget",
];

/// The decision for one request and provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What is asked, once a forced tool has had its way.
    pub asked: Thinking,
    pub thinks: bool,
    pub notes: Vec<Note>,
}

/// Decides. A provider that cannot think as asked takes the nearest it can, with a note; so does one that
/// stops thinking for a forced tool. `forces` is the form of tool choice that will go out, where that forces
/// a call.
pub fn decide(request: &ValidRequest, quirks: &Quirks, forces: Option<ToolChoiceForm>) -> Decision {
    let gives_way = forces.is_some_and(|form| gives_way(request, quirks, form));
    let asked = if gives_way {
        Thinking::Off
    } else {
        request.thinking
    };
    let unasked = quirks
        .id_effort
        .or(quirks.default_effort)
        .map_or(quirks.thinks_by_default, means_thinking);
    let thinks = match asked {
        Thinking::Unset => unasked,
        // Without a switch it goes on as it always does.
        _ if quirks.thinking == ThinkingForm::None => quirks.thinks_by_default,
        Thinking::Off => !quirks.thinking_optional,
        Thinking::On { .. } => true,
    };
    let mut notes = Vec::new();
    if gives_way && unasked && !thinks {
        notes.push(Note::Omitted("thinking".to_owned()));
    } else if asked == Thinking::Off && thinks {
        notes.push(Note::Moved(switch_sent(request).to_owned()));
    }
    Decision { asked, thinks, notes }
}

/// Tokens of thought that may come on top of the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeyondLimit {
    AtMost(u64),
    /// As many as the model can think.
    Any,
}

/// How much is thought on top of the output limit, by what the provider will be told.
pub fn beyond_limit(request: &ValidRequest, quirks: &Quirks) -> BeyondLimit {
    let passes = quirks.thinking == ThinkingForm::Pass;
    if quirks.limit_counts_thinking {
        return BeyondLimit::AtMost(match request.thinking {
            // It is told the budget as the client says it, and nobody knows what it makes of it.
            Thinking::On { budget, .. } if passes => budget.unwrap_or(0),
            _ => 0,
        });
    }
    let forces = forced_form(&choice_to_send(request, quirks)).filter(|_| request.tools > 0);
    let Decision { asked, thinks, .. } = decide(request, quirks, forces);
    let decides_itself = passes && asked == Thinking::Unset;
    if !thinks && !decides_itself {
        return BeyondLimit::AtMost(0);
    }
    let taken = quirks.thinking_budget;
    match (quirks.thinking, asked) {
        // The one form that has a place for a budget.
        (
            ThinkingForm::EnableThinking,
            Thinking::On {
                budget: Some(budget), ..
            },
        ) => BeyondLimit::AtMost(within(budget, quirks)),
        _ => taken.map_or(BeyondLimit::Any, |taken| BeyondLimit::AtMost(taken.max)),
    }
}

/// The form of a client's tool choice that forces a call.
pub fn forced_form(choice: &ToolChoice) -> Option<ToolChoiceForm> {
    match choice {
        ToolChoice::Required => Some(ToolChoiceForm::Required),
        ToolChoice::Named(_) => Some(ToolChoiceForm::Named),
        ToolChoice::Auto | ToolChoice::None => None,
    }
}

/// The tool choice as it goes out, unless it has to be asked for in words. With one tool, `required` and its
/// name mean the same, so the one counts that the provider takes: if it can, while the model thinks.
pub fn choice_to_send(request: &ValidRequest, quirks: &Quirks) -> ToolChoice {
    let asked = &request.tool_choice;
    let Some(form) = forced_form(asked).filter(|_| request.tools > 0) else {
        return asked.clone();
    };
    let takes = |form| quirks.tool_choices.contains(&form);
    let always_takes = |form| takes(form) && quirks.tool_choices_while_thinking.contains(&form);
    if always_takes(form) {
        return asked.clone();
    }
    let tools = conversation::tools(request.request.get("tools").unwrap_or_default());
    let other = match (&*tools, asked) {
        ([only], ToolChoice::Required) => ToolChoice::Named(only.name.to_string()),
        ([only], ToolChoice::Named(name)) if *name == only.name => ToolChoice::Required,
        _ => return asked.clone(),
    };
    let other_is_better =
        forced_form(&other).is_some_and(|other| always_takes(other) || (takes(other) && !takes(form)));
    if other_is_better { other } else { asked.clone() }
}

/// Whether a forced tool choice switches thinking off: the two exclude each other, and the client did not
/// ask for thinking.
fn gives_way(request: &ValidRequest, quirks: &Quirks, form: ToolChoiceForm) -> bool {
    let excluded = quirks.tool_choices.contains(&form) && !quirks.tool_choices_while_thinking.contains(&form);
    let has_switch = quirks.thinking_optional && quirks.thinking != ThinkingForm::None;
    request.thinking == Thinking::Unset && excluded && has_switch
}

pub fn means_thinking(effort: Effort) -> bool {
    effort != Effort::None
}

/// Levels that mean thinking.
pub fn levels(quirks: &Quirks) -> Vec<Effort> {
    let levels = quirks.efforts.iter().copied();
    levels.filter(|effort| means_thinking(*effort)).collect()
}

/// The effort to name, for providers that know no other switch.
pub fn effort_to_send(asked: Thinking, quirks: &Quirks) -> Option<Effort> {
    match asked {
        Thinking::Unset => quirks.id_effort,
        Thinking::Off => Effort::None.nearest(&quirks.efforts),
        Thinking::On {
            effort: Some(effort), ..
        } => effort.nearest(&quirks.efforts),
        Thinking::On { effort: None, .. } => {
            let thinks_anyway = quirks
                .default_effort
                .map_or(quirks.thinks_by_default, means_thinking);
            let wanted = quirks.id_effort.or((!thinks_anyway).then_some(Effort::Medium))?;
            wanted.nearest(&levels(quirks))
        }
    }
}

/// A note where another level goes out than the one asked for.
pub fn note_move(asked: Thinking, sent: Effort) -> Option<Note> {
    matches!(asked, Thinking::On { effort: Some(effort), .. } if effort != sent)
        .then(|| Note::Moved("reasoning_effort".to_owned()))
}

/// A note for a budget that the provider has no place for, under the client's name for it.
pub fn note_budget(request: &ValidRequest, asked: Thinking) -> Option<Note> {
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

/// The budget that the provider takes in the place of the client's, and a note where it is another one.
pub fn budget_to_send(
    request: &ValidRequest,
    quirks: &Quirks,
    asked: Thinking,
    tokens: u64,
) -> (u64, Option<Note>) {
    let taken = within(tokens, quirks);
    let note = note_budget(request, asked).filter(|_| taken != tokens);
    let moved = note.map(|note| match note {
        Note::Omitted(name) => Note::Moved(name),
        other => other,
    });
    (taken, moved)
}

/// The nearest budget that the provider takes.
pub fn within(tokens: u64, quirks: &Quirks) -> u64 {
    quirks
        .thinking_budget
        .map_or(tokens, |taken| tokens.clamp(taken.min, taken.max))
}

pub fn no_switch_sent(request: &ValidRequest) -> bool {
    SWITCHES
        .into_iter()
        .all(|name| request.request.get(name).is_none())
}

/// The switch that the client used, for a note.
pub fn switch_sent(request: &ValidRequest) -> &'static str {
    SWITCHES
        .into_iter()
        .find(|name| request.request.get(name).is_some())
        .unwrap_or("enable_thinking")
}

#[cfg(test)]
mod tests;
