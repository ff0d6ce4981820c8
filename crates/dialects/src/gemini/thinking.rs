//! Thinking in Gemini's words: a level (3.x) or a budget of tokens (2.5), never both (wire notes,
//! section 4).

use serde::Serialize;
use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{Quirks, ThinkingForm},
    thinking::{Effort, Thinking},
};

use crate::{
    request::Note,
    thinking::{Decision, budget_to_send, effort_to_send, note_budget, note_move, switch_sent, within},
};

/// How Gemini is told to choose its own budget.
const DYNAMIC: i64 = -1;

/// `generationConfig.thinkingConfig`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    /// Whether the answer is to tell what was thought.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
}

/// Says the decision in the form that this model takes; `None` where nothing needs to be said.
pub(super) fn config(
    request: &ValidRequest,
    quirks: &Quirks,
    decision: &Decision,
    notes: &mut Vec<Note>,
) -> Option<ThinkingConfig> {
    let asked = decision.asked;
    let mut config = ThinkingConfig {
        include_thoughts: decision.thinks,
        ..ThinkingConfig::default()
    };
    match quirks.thinking {
        ThinkingForm::None => {
            let plainly_on = matches!(
                asked,
                Thinking::On {
                    effort: None,
                    budget: None
                }
            );
            if matches!(asked, Thinking::On { .. }) && !(plainly_on && decision.thinks) {
                notes.push(Note::Omitted(switch_sent(request).to_owned()));
            }
        }
        // Google's own levels have the same names.
        ThinkingForm::ReasoningEffort | ThinkingForm::Pass => {
            if let Some(effort) = effort_to_send(asked, quirks) {
                notes.extend(note_move(asked, effort));
                config.thinking_level = Some(effort.as_str());
            }
            notes.extend(note_budget(request, asked));
        }
        ThinkingForm::EnableThinking | ThinkingForm::ThinkingObject => {
            config.thinking_budget = budget(request, quirks, asked, notes);
        }
    }
    (config != ThinkingConfig::default()).then_some(config)
}

fn budget(request: &ValidRequest, quirks: &Quirks, asked: Thinking, notes: &mut Vec<Note>) -> Option<i64> {
    let of_effort = |effort: Effort| {
        let known: Vec<Effort> = quirks.effort_budgets.keys().copied().collect();
        let nearest = effort.nearest(&known)?;
        let tokens = quirks.effort_budgets.get(&nearest).copied()?;
        Some((nearest, tokens_sent(within(tokens, quirks))))
    };
    match asked {
        Thinking::Unset => quirks.id_effort.and_then(of_effort).map(|(_, tokens)| tokens),
        Thinking::Off if quirks.thinking_optional => Some(0),
        // As little as there can be.
        Thinking::Off => quirks.thinking_budget.map(|taken| tokens_sent(taken.min)),
        Thinking::On {
            budget: Some(tokens), ..
        } => {
            let (taken, note) = budget_to_send(request, quirks, asked, tokens);
            notes.extend(note);
            Some(tokens_sent(taken))
        }
        Thinking::On {
            effort: Some(effort), ..
        } => {
            let (nearest, tokens) = of_effort(effort)?;
            notes.extend(note_move(asked, nearest));
            Some(tokens)
        }
        Thinking::On { .. } => quirks
            .id_effort
            .and_then(of_effort)
            .map(|(_, tokens)| tokens)
            .or((!quirks.thinks_by_default).then_some(DYNAMIC)),
    }
}

fn tokens_sent(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
