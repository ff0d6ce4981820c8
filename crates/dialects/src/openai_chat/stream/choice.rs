//! One choice of a stream: what a chunk says of it, edited into our form, and how it ends.

use tollgate_chat::{
    chunk::CHOICES_LIMIT,
    edit::{Edits, ObjectEdit},
    event::{Event, EventKind, FinishReason, Unshown},
    object::Object,
};

use super::{
    Decoder,
    calls::Calls,
    delta::{Next, bare_delta, has_other_content, split_thinking},
    ending::Ending,
    function::FunctionCall,
    whole::Told,
};
use crate::{
    Presentation, conversation,
    fault::{Fault, malformed},
    openai_chat::{
        details::Details,
        finish,
        message::{self, set_if_different, set_text_if_different},
        shape,
    },
    think_tags::{Piece, ThinkTags},
};

/// What one choice has said so far.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Whether a chunk has said its role.
    opened: bool,
    pub(super) calls: Calls,
    function: FunctionCall,
    pub(super) tags: Option<ThinkTags>,
    pub(super) told: Told,
    pub(super) ending: Ending,
    details: Details,
}

/// What a choice of one chunk is, beside what it says.
pub(super) struct Said {
    /// Whether the chunk says the choice's role.
    pub(super) opens: bool,
    /// The choice, where the chunk is its finish and nothing else.
    pub(super) ends: Option<u32>,
    /// What it says outside its delta.
    pub(super) untold: Vec<EventKind>,
}

impl Decoder {
    /// Edits one choice and says what it holds. It stands at that position of its chunk, alone or not.
    pub(super) fn choice(
        &mut self,
        choice: &Object<'_>,
        (position, is_alone): (u32, bool),
        kinds: &mut Vec<EventKind>,
        edits: &mut Edits<'_>,
    ) -> Result<Said, Fault> {
        let sent_index = choice.read::<u32>("index");
        let index = self.numbers.of(sent_index, position)?;
        if !self.choices.contains_key(&index) && self.choices.len() >= CHOICES_LIMIT {
            return Err(malformed("too many choices"));
        }
        let state = self.choices.entry(index).or_insert_with(|| Choice {
            tags: self.think_tags.clone(),
            ..Choice::default()
        });
        let opens = !state.opened;
        let before = kinds.len();

        let sent_delta = choice.present("delta");
        let delta = Object::parse_member(sent_delta.unwrap_or("{}"))
            .map_err(|_| malformed("a delta is not an object"))?;
        let word = conversation::text(choice, "finish_reason").unwrap_or_default();
        if choice.get("finish_reason") == Some("\"\"") {
            state.ending.comes_blank();
        }
        let pieces = message::tool_calls(&delta, self.keeps_state)?;
        let has_calls = state.calls.any() || !pieces.is_empty();
        let reason = finish::read(&word, has_calls)?;

        let mut edit = ObjectEdit::of(&delta);
        match (opens, delta.position("role")) {
            (true, _) => set_if_different(&delta, &mut edit, "role", "\"assistant\""),
            (false, Some(position)) => edit.remove(position),
            (false, None) => {}
        }
        if self.keeps_details {
            state.details.take(&delta);
        }
        let reasoning = message::unify_reasoning(&delta, self.keeps_state, &mut edit)?;
        let (reasoning, content) = message::unify_content(&delta, reasoning, &mut edit)?;
        state.told.content(content.as_deref());
        let (reasoning, text) = match &mut state.tags {
            Some(tags) if reasoning.is_none() => {
                let next = match pieces.is_empty() {
                    true => Next::More,
                    false => Next::Call,
                };
                split_thinking(tags, content, next, &delta, &mut edit)
            }
            tags => {
                tags.iter_mut().for_each(ThinkTags::thoughts_came);
                (reasoning, content)
            }
        };
        let bare_delta = sent_delta
            .is_none()
            .then(|| bare_delta(opens, reasoning.as_deref(), text.as_deref()));
        if let Some(text) = reasoning.filter(|text| !text.is_empty()) {
            kinds.push(EventKind::Reasoning {
                choice: index,
                text: text.into_owned(),
            });
        }
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            kinds.push(EventKind::Text {
                choice: index,
                text: text.into_owned(),
            });
        }
        if let Some(text) = message::text(&delta, "refusal")?.filter(|text| !text.is_empty()) {
            kinds.push(EventKind::Refusal {
                choice: index,
                text: text.into_owned(),
            });
        }
        if pieces.is_empty() {
            edit.remove_named("tool_calls");
        }
        let answer_id = &self.presentation.head.id;
        let said = state
            .calls
            .pieces((&delta, &mut edit), &pieces, index, answer_id, edits)?;
        kinds.extend(said);
        if let Some(piece) = message::function_call(&delta, self.legacy_functions, &mut edit)? {
            state.function.piece(piece, edits)?;
        }
        for name in ["refusal", "audio"] {
            if delta.get(name) == Some("null") {
                edit.remove_named(name);
            }
        }
        let images = message::images(&delta)?;
        if images.is_empty() {
            edit.remove_named("images");
        }
        kinds.extend(
            images
                .into_iter()
                .map(|url| EventKind::Image { choice: index, url }),
        );
        let leaves_out = shape::keep_citations(&delta, &mut edit);
        if has_other_content(&delta, choice, self.keeps_state) {
            state.told.other();
            if kinds.len() == before {
                kinds.push(EventKind::Other { choice: index });
            }
            let choice = index;
            if leaves_out {
                let kind = Unshown::Annotations;
                kinds.push(EventKind::Unshown { choice, kind });
            }
            let citations = shape::citations(&delta).into_iter();
            kinds.extend(citations.map(|citation| EventKind::Citation { choice, citation }));
        }
        state.told.delta(&kinds[before..]);
        let untold = state.untold(choice, index, answer_id, self.keeps_state)?;
        let logprobs = shape::logprobs(choice)?;
        if let Some(json) = logprobs.as_deref().and_then(shape::items_of) {
            kinds.push(EventKind::Logprobs { choice: index, json });
        }

        let mut choice_edit = ObjectEdit::of(choice);
        match bare_delta {
            Some(json) => choice_edit.set("delta", json),
            None => edit.finish(edits),
        }
        if sent_index != Some(index) {
            choice_edit.set("index", index.to_string());
        }
        for name in ["usage", "message", "text"] {
            choice_edit.remove_named(name);
        }
        shape::write_logprobs(choice, logprobs.as_ref(), &mut choice_edit);
        let says_something = kinds.len() > before || !untold.is_empty();
        let only_ends = is_alone && !says_something && (reason.is_some() || state.ending.has_come());
        if says_something {
            state.ending.goes_on();
        }
        let is_news = match reason {
            Some(reason) => state.ending.comes(reason, choice.read("matched_stop")),
            None => false,
        };
        if only_ends {
            let word = state.ending.reason().map_or("null", FinishReason::as_str);
            set_text_if_different(choice, &mut choice_edit, "finish_reason", word);
            choice_edit.finish(edits);
            return Ok(Said {
                opens: false,
                ends: is_news.then_some(index),
                untold,
            });
        }
        set_if_different(choice, &mut choice_edit, "finish_reason", "null");
        if reason.is_some() {
            choice_edit.remove_named("matched_stop");
        }
        if !std::mem::replace(&mut state.opened, true) {
            state.ending.opens();
        }
        choice_edit.finish(edits);
        Ok(Said {
            opens,
            ends: None,
            untold,
        })
    }
}

impl Choice {
    /// The end of the stream: what was held back, and then the finish.
    pub(super) fn end(
        mut self,
        index: u32,
        presentation: &Presentation,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let mut pieces = Vec::new();
        if let Some(mut tags) = self.tags.take() {
            tags.end(&mut pieces);
        }
        let choice = index;
        events.extend(pieces.into_iter().map(|piece| {
            Event::new(match piece {
                Piece::Text(text) => EventKind::Text { choice, text },
                Piece::Reasoning(text) => EventKind::Reasoning { choice, text },
            })
        }));
        let is_cut = self.ending.reason().is_some_and(FinishReason::cuts);
        self.calls.end(index, is_cut, events)?;
        self.function.end(index, is_cut, presentation, events)?;
        let state = self.details.state();
        events.extend(state.map(|state| Event::new(EventKind::State { choice, state })));
        let (has_calls, has_function) = (self.calls.any(), self.function.came());
        events.extend(self.ending.finish(index, has_calls, has_function));
        Ok(())
    }
}
