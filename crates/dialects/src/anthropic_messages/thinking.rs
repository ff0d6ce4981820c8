//! Thinking in Anthropic's words, and the thoughts of earlier turns.
//!
//! Later models are told to think as much as they like, with an effort; earlier ones get a budget of
//! tokens. With a budget the provider demands the thoughts of a tool exchange back: where they are lost,
//! the model goes on without thinking until the exchange is over.

use std::borrow::Cow;

use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{Quirks, ThinkingForm},
    thinking::{Effort, Thinking},
};
use tollgate_chat::{event::Place, json::quote, object::Object};

use crate::{
    conversation::{Assistant, Message, text},
    request::{Context, Note},
    thinking::{Decision, levels, note_budget, note_move, switch_sent},
    turn_state,
};

/// The provider's smallest budget.
const BUDGET_MIN: u64 = 1_024;
/// The format in which OpenRouter hands out Anthropic's thoughts.
const DETAILS_FORMAT: &str = "anthropic-claude-v1";

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
    /// Whether a tool exchange is under way whose thoughts are lost.
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
        self.thinking = Some(format!(r#"{{"type":"enabled","budget_tokens":{sent}}}"#));
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

/// A thinking block of an earlier turn, in the provider's own JSON, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Thought<'a> {
    pub place: Place,
    pub json: Cow<'a, str>,
}

/// The thoughts of an earlier turn: as the client sent them, else as the gate kept them.
pub fn thoughts<'a>(turn: &Assistant<'a>, context: &Context<'_>) -> Vec<Thought<'a>> {
    let at_start = |json| Thought {
        place: Place::Start,
        json,
    };
    let sent = turn.thinking_blocks.iter().copied().filter(|block| is_own(block));
    let sent: Vec<_> = sent.map(|block| at_start(Cow::Borrowed(block))).collect();
    if !sent.is_empty() {
        return sent;
    }
    let details = turn.reasoning_details.iter().filter_map(|item| block_of(item));
    let details: Vec<_> = details.map(|block| at_start(Cow::Owned(block))).collect();
    if !details.is_empty() {
        return details;
    }
    let Some(state) = turn_state::state_of(turn, context.states) else {
        return Vec::new();
    };
    let pieces = state.pieces.iter().filter(|piece| is_own(&piece.json));
    pieces
        .map(|piece| Thought {
            place: piece.place,
            json: Cow::Owned(piece.json.to_string()),
        })
        .collect()
}

/// Whether this is a block that the provider takes back: a thought with its signature, or a blackened one.
fn is_own(json: &str) -> bool {
    let Ok(block) = Object::parse(json) else {
        return false;
    };
    let has = |name| text(&block, name).is_some_and(|text| !text.is_empty());
    match text(&block, "type").as_deref() {
        Some("thinking") => has("signature") && text(&block, "thinking").is_some(),
        Some("redacted_thinking") => has("data"),
        _ => false,
    }
}

/// An item of `reasoning_details` as the block that it was made of.
fn block_of(detail: &str) -> Option<String> {
    let detail = Object::parse(detail).ok()?;
    if text(&detail, "format")? != DETAILS_FORMAT {
        return None;
    }
    let member = |name| text(&detail, name).filter(|text| !text.is_empty());
    match &*text(&detail, "type")? {
        "reasoning.text" => Some(format!(
            r#"{{"type":"thinking","thinking":{},"signature":{}}}"#,
            quote(&text(&detail, "text").unwrap_or_default()),
            quote(&member("signature")?),
        )),
        "reasoning.encrypted" => Some(format!(
            r#"{{"type":"redacted_thinking","data":{}}}"#,
            quote(&member("data")?),
        )),
        _ => None,
    }
}

/// Whether a tool exchange is under way whose thoughts are lost. The provider looks at how the exchange
/// begins: later calls of it may come without a thought.
pub fn lost(messages: &[Message<'_>], context: &Context<'_>) -> bool {
    let first = exchange(messages).iter().find_map(|message| match message {
        Message::Assistant(turn) if !turn.calls.is_empty() => Some(turn),
        _ => None,
    });
    first.is_some_and(|turn| thoughts(turn, context).is_empty())
}

/// What came since the user last spoke of their own accord: words right after a tool's result belong to
/// the exchange, since they go out in one turn with it.
fn exchange<'m, 'a>(messages: &'m [Message<'a>]) -> &'m [Message<'a>] {
    let follows_result = |index: usize| {
        let mut earlier = messages[..index].iter().rev();
        let spoke = earlier.find(|message| !matches!(message, Message::System { .. } | Message::User { .. }));
        matches!(spoke, Some(Message::Tool { .. }))
    };
    let is_user = |index: &usize| matches!(messages[*index], Message::User { .. });
    let start = (0..messages.len())
        .rev()
        .filter(is_user)
        .find(|index| !follows_result(*index));
    start.map_or(messages, |user| &messages[user + 1..])
}
