//! Thinking in Anthropic's words.
//!
//! Later models are told to think as much as they like, with an effort; earlier ones get a budget of
//! tokens. With a budget the provider demands the thoughts of a tool exchange back: where they are lost,
//! the model goes on without thinking until the exchange is over. Not here: those thoughts (`earlier`).

use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{Quirks, ThinkingForm},
    thinking::{Effort, Thinking},
};

use crate::{
    request::Note,
    thinking::{Decision, levels, note_budget, note_move, switch_sent},
};

/// The provider's smallest budget.
const BUDGET_MIN: u64 = 1_024;
/// How the member `thinking` begins where it names a budget.
const BUDGET_FORM: &str = r#"{"type":"enabled","budget_tokens":"#;

/// What goes out about thinking.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// Whether the model thinks.
    pub thinks: bool,
    /// The member `thinking`, as JSON.
    pub thinking: Option<String>,
    /// `output_config.effort`.
    pub effort: Option<Effort>,
    pub notes: Vec<Note>,
}

/// What bears on a decision beside the request itself.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// The output limit that will go out.
    pub max_tokens: u64,
    /// Whether a tool must be called, which a budget excludes.
    pub forced: bool,
    /// Whether a tool exchange is under way that does not begin with a thought (`earlier::lost`).
    pub lost: bool,
}

/// Says the decision in the form that this model takes.
pub fn say(
    request: &ValidRequest,
    quirks: &Quirks,
    decision: &Decision,
    circumstances: Circumstances,
) -> Said {
    let mut said = Said {
        thinks: quirks.thinks_by_default,
        notes: decision.notes.clone(),
        ..Said::default()
    };
    if quirks.thinking != ThinkingForm::ThinkingObject {
        let is_so_anyway = said.thinks && asks_no_more(decision.asked);
        if matches!(decision.asked, Thinking::On { .. }) && !is_so_anyway {
            said.notes.push(Note::Omitted(switch_sent(request).to_owned()));
        }
        return said;
    }
    match (decision.asked, quirks.id_effort) {
        (Thinking::Off, _) => {
            let told = quirks.thinks_by_default || request.thinking == Thinking::Off;
            if told && quirks.thinking_optional {
                said.thinking = Some(r#"{"type":"disabled"}"#.to_owned());
                said.thinks = false;
            }
        }
        (Thinking::Unset, None) => {}
        (Thinking::Unset, effort) => {
            let asked = Thinking::On { effort, budget: None };
            said.switch_on(request, quirks, asked, circumstances);
        }
        (asked, _) => said.switch_on(request, quirks, asked, circumstances),
    }
    said
}

/// Whether thinking alone is asked, no matter how much.
fn asks_no_more(asked: Thinking) -> bool {
    let only_on = Thinking::On {
        effort: None,
        budget: None,
    };
    asked == only_on
}

impl Said {
    /// Whether the model gets a budget, and so a turn that holds thoughts has to begin with one.
    pub fn has_budget(&self) -> bool {
        self.thinking
            .as_deref()
            .is_some_and(|json| json.starts_with(BUDGET_FORM))
    }

    fn switch_on(
        &mut self,
        request: &ValidRequest,
        quirks: &Quirks,
        asked: Thinking,
        circumstances: Circumstances,
    ) {
        let Thinking::On { effort, budget } = asked else {
            return;
        };
        let levels = levels(quirks);
        let takes_budget = quirks.thinking_budget.is_some() && !circumstances.forced;
        if levels.is_empty() || (takes_budget && budget.is_some() && effort.is_none()) {
            self.switch_on_with_budget(request, quirks, effort, budget, circumstances);
            return;
        }
        self.thinks = true;
        self.thinking = Some(r#"{"type":"adaptive","display":"summarized"}"#.to_owned());
        self.effort = effort.and_then(|effort| effort.nearest(&levels));
        self.notes
            .extend(self.effort.and_then(|sent| note_move(asked, sent)));
        self.notes.extend(note_budget(request, asked));
    }

    /// A budget lies at 1,024 tokens or above, and below the output limit.
    fn switch_on_with_budget(
        &mut self,
        request: &ValidRequest,
        quirks: &Quirks,
        effort: Option<Effort>,
        budget: Option<u64>,
        circumstances: Circumstances,
    ) {
        let (least, most) = match quirks.thinking_budget {
            Some(taken) => (taken.min.max(BUDGET_MIN), taken.max),
            None => (BUDGET_MIN, u64::MAX),
        };
        let most = most.min(circumstances.max_tokens.saturating_sub(1));
        if circumstances.lost || most < least {
            self.thinks = false;
            self.notes.push(Note::Omitted(switch_sent(request).to_owned()));
            return;
        }
        let (wanted, most, name) = match (budget, note_budget(request, request.thinking)) {
            (Some(budget), Some(Note::Omitted(name))) => (budget, most, name),
            // A level leaves half of the limit to the answer.
            _ => (
                budget_of(effort.unwrap_or(Effort::Medium), quirks),
                most.min((circumstances.max_tokens / 2).max(least)),
                switch_sent(request).to_owned(),
            ),
        };
        let sent = wanted.clamp(least, most);
        if sent != wanted {
            self.notes.push(Note::Moved(name));
        }
        self.thinks = true;
        self.thinking = Some(format!("{BUDGET_FORM}{sent}}}"));
    }
}

/// The budget that a level stands for, or the nearest level that has one.
fn budget_of(effort: Effort, quirks: &Quirks) -> u64 {
    let levels: Vec<Effort> = quirks.effort_budgets.keys().copied().collect();
    let level = effort.nearest(&levels);
    level
        .and_then(|level| quirks.effort_budgets.get(&level).copied())
        .unwrap_or(BUDGET_MIN)
}
