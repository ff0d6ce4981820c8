//! What the model said in earlier turns: its thoughts, unchanged and where they stood, among texts and
//! calls in the order in which it made them.
//!
//! The provider takes a signed thought only as it gave it, and refuses a tool exchange whose first call
//! has lost its thought (wire notes, section 3). Leaving thoughts out of a turn that is over is legal.

use std::borrow::Cow;

use serde_json::Value;
use tollgate_chat::{json::quote, object::Object};

use super::blocks::Block;
use crate::{
    conversation::{Assistant, Message, Part, PartKind, text},
    request::Context,
    turn_state::order::{Order, Step},
};

/// The format in which OpenRouter hands out Anthropic's thoughts.
const DETAILS_FORMAT: &str = "anthropic-claude-v1";

/// What is known of an earlier turn beside the message.
#[derive(Debug, Default)]
pub struct EarlierTurn<'a> {
    /// Thoughts that nobody has placed: they go first.
    leading: Vec<Cow<'a, str>>,
    /// How everything followed each other.
    order: Option<Order>,
}

impl<'a> EarlierTurn<'a> {
    /// The thoughts as the client sent them, else as the gate kept them; none where the provider has
    /// refused them.
    pub fn of(turn: &Assistant<'a>, context: &Context<'_>) -> Self {
        let state = context.states.of(turn);
        let mut order = state.and_then(|state| Order::of(turn, state));
        let mut leading = match context.states.are_refused() {
            true => Vec::new(),
            false => sent(turn),
        };
        if let Some(order) = &mut order
            && !leading.is_empty()
        {
            match are_same(&leading, order) {
                true => leading.clear(),
                false => drop_thoughts(order),
            }
        }
        Self { leading, order }
    }

    /// The same for a model that does not think: the history then holds no thoughts.
    pub fn without_thoughts(mut self) -> Self {
        self.leading.clear();
        self.order.iter_mut().for_each(drop_thoughts);
        self
    }

    fn begins_with_thought(&self) -> bool {
        let mut steps = self.order.iter().flat_map(|order| &order.steps);
        let first = steps.find(|step| !matches!(step, Step::Gone));
        !self.leading.is_empty() || matches!(first, Some(Step::Thought(_)))
    }

    /// Whether parts of the text are not where the model said them, since the client has changed it.
    pub fn text_moved(&self) -> bool {
        self.order.as_ref().is_some_and(|order| order.text_moved)
    }

    /// The message's parts by where they stood: one group for each place of text, one where nothing is
    /// known of any.
    pub fn by_place(&self, parts: Vec<Part<'a>>) -> Vec<Vec<Part<'a>>> {
        let steps = self.order.iter().flat_map(|order| &order.steps);
        let places = steps.filter_map(|step| match step {
            Step::Text { bytes, .. } => Some(*bytes),
            _ => None,
        });
        let places: Vec<usize> = places.collect();
        if places.len() < 2 {
            return vec![parts];
        }
        let mut groups: Vec<Vec<Part<'a>>> = places.iter().map(|_| Vec::new()).collect();
        let last = groups.len() - 1;
        let (mut at, mut room) = (0, places[0]);
        for mut part in parts {
            while let PartKind::Text(text) = &part.kind
                && text.len() > room
                && at < last
            {
                let Some((head, tail)) = cut(text, room) else {
                    break;
                };
                if !head.is_empty() {
                    groups[at].push(Part {
                        kind: PartKind::Text(head),
                        spot: part.spot,
                        cache_control: None,
                    });
                }
                part.kind = PartKind::Text(tail);
                at += 1;
                room = places[at];
            }
            if let PartKind::Text(text) = &part.kind {
                room = room.saturating_sub(text.len());
            }
            groups[at].push(part);
        }
        groups
    }

    /// Puts the turn together. `said`: its words, by [`Self::by_place`]. Thoughts alone are no turn, and
    /// none may be the last.
    pub fn blocks(self, said: Vec<Vec<Block<'a>>>, calls: Vec<Block<'a>>) -> Vec<Block<'a>> {
        let mut blocks = Vec::new();
        let mut waiting = self.leading;
        let mut put = |block: Block<'a>, waiting: &mut Vec<Cow<'a, str>>| {
            blocks.extend(waiting.drain(..).map(Block::Thought));
            blocks.push(block);
        };
        let mut said = said.into_iter();
        let mut calls: Vec<Option<Block<'a>>> = calls.into_iter().map(Some).collect();
        let order = self.order.unwrap_or_default();
        let has_text = order.has_text();
        for step in order.steps {
            match step {
                Step::Thought(json) => waiting.push(json.into()),
                Step::Text { .. } => {
                    let words = said.next().into_iter().flatten();
                    words.for_each(|block| put(block, &mut waiting));
                }
                Step::Call(place) => {
                    // Words of the client's own, as everywhere, before the calls.
                    let words = if has_text { None } else { said.next() };
                    let call = calls.get_mut(place).and_then(Option::take);
                    let words = words.into_iter().flatten();
                    words.chain(call).for_each(|block| put(block, &mut waiting));
                }
                // Messages draws none.
                Step::Image(_) | Step::Gone => {}
            }
        }
        let rest = said.flatten().chain(calls.into_iter().flatten());
        rest.for_each(|block| put(block, &mut waiting));
        blocks
    }
}

fn cut<'a>(text: &Cow<'a, str>, at: usize) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
    Some(match text {
        Cow::Borrowed(text) => {
            let (head, tail) = text.split_at_checked(at)?;
            (head.into(), tail.into())
        }
        Cow::Owned(text) => {
            let (head, tail) = text.split_at_checked(at)?;
            (head.to_owned().into(), tail.to_owned().into())
        }
    })
}

fn drop_thoughts(order: &mut Order) {
    order.steps.retain(|step| !matches!(step, Step::Thought(_)));
}

/// Whether the client sent the very thoughts whose places are known.
fn are_same(sent: &[Cow<'_, str>], order: &Order) -> bool {
    let read = |json: &str| serde_json::from_str::<Value>(json).ok();
    let kept = order.thoughts().map(read);
    sent.iter().map(|json| read(json)).eq(kept)
}

/// The thoughts that a client sent, in either form.
fn sent<'a>(turn: &Assistant<'a>) -> Vec<Cow<'a, str>> {
    let own = turn.thinking_blocks.iter().copied().filter(|block| is_own(block));
    let own: Vec<_> = own.map(Cow::Borrowed).collect();
    if !own.is_empty() {
        return own;
    }
    let details = turn.reasoning_details.iter().filter_map(|item| block_of(item));
    details.map(Cow::Owned).collect()
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

/// Whether a tool exchange is under way that does not begin with a thought, as it would have to where the
/// model thinks with a budget: its thoughts are lost, or stand behind words. Later calls of it may come
/// without a thought.
pub fn lost(messages: &[Message<'_>], context: &Context<'_>) -> bool {
    let first = exchange(messages).iter().find_map(|message| match message {
        Message::Assistant(turn) if !turn.calls.is_empty() => Some(turn),
        _ => None,
    });
    first.is_some_and(|turn| !EarlierTurn::of(turn, context).begins_with_thought())
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
