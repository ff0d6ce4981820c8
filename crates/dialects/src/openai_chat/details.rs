//! Thoughts as `reasoning_details`, of a provider that wants them back as they came (wire notes, section 11).
//!
//! The client sees their text as `reasoning_content`; signatures, encrypted parts and the order of items are in none
//! of that. So the items are state of the turn. Pieces of a stream are put together by the items' `index`, or by their
//! place where they have none.

use std::borrow::Cow;

use tollgate_catalog::quirks::{Quirks, ReasoningHistory};
use tollgate_chat::{
    event::{EventKind, Place, State},
    json::quote,
    object::{Object, member_items},
    surrogates,
};

use super::shape;

pub const NAME: &str = "reasoning_details";
/// Most bytes and items that are kept of one turn. Beyond, its text alone goes back.
const BYTES_LIMIT: usize = 8 << 20;
const ITEMS_LIMIT: usize = 256;
/// Members that come in pieces; others come once, or the same each time.
const GROWING: [&str; 3] = ["text", "summary", "data"];

/// Whether this provider wants items back that the client is not given.
pub fn are_kept(quirks: &Quirks) -> bool {
    quirks.reasoning_history == ReasoningHistory::Details && !quirks.foreign_state
}

/// The items of one turn so far.
#[derive(Debug, Default)]
pub struct Details {
    items: Vec<Item>,
    held: usize,
}

#[derive(Debug)]
struct Item {
    number: u64,
    /// Names and JSON.
    members: Vec<(String, String)>,
    /// As it came, while it has come once.
    whole: Option<String>,
}

impl Details {
    /// Takes what one message or delta has of them.
    pub fn take(&mut self, said: &Object<'_>) {
        let Some(json) = said.present(NAME) else { return };
        self.held = self.held.saturating_add(json.len());
        if self.held > BYTES_LIMIT {
            self.items.clear();
            return;
        }
        for (place, json) in member_items(json).unwrap_or_default().into_iter().enumerate() {
            if let Ok(item) = Object::parse_member(json) {
                self.item(place, json, &item);
            }
        }
    }

    fn item(&mut self, place: usize, json: &str, item: &Object<'_>) {
        let number = item.read("index").unwrap_or(place as u64);
        let of_same = |known: &&mut Item| known.number == number && known.is_same(item);
        if let Some(known) = self.items.iter_mut().rev().find(of_same) {
            known.grow(item);
            return;
        }
        if self.items.len() == ITEMS_LIMIT {
            self.held = usize::MAX;
            self.items.clear();
            return;
        }
        let members = item.members().iter();
        self.items.push(Item {
            number,
            members: members
                .map(|member| (member.name.to_string(), member.value.to_owned()))
                .collect(),
            whole: Some(json.to_owned()),
        });
    }

    /// The state to keep. `None`: there is nothing but text, which is kept anyway.
    pub fn state(&self) -> Option<State> {
        let is_text = |item: &Item| matches!(&*item.members, [(name, _)] if name == "text");
        if self.items.is_empty() || matches!(&*self.items, [only] if is_text(only)) {
            return None;
        }
        let items: Vec<Cow<'_, str>> = self.items.iter().map(Item::json).collect();
        Some(State {
            place: Place::Start,
            json: format!("{{\"{NAME}\":[{}]}}", items.join(",")).into(),
        })
    }
}

impl Item {
    /// Whether a piece with the same number is more of this item, as far as it says.
    fn is_same(&self, piece: &Object<'_>) -> bool {
        ["type", "id"].iter().all(|name| {
            let (known, said) = (self.get(name), piece.present(name));
            known.is_none_or(|known| said.is_none_or(|said| said == known))
        })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let member = self.members.iter().find(|(known, _)| known == name);
        member.map(|(_, json)| &**json).filter(|json| *json != "null")
    }

    fn grow(&mut self, piece: &Object<'_>) {
        self.whole = None;
        for member in piece.members() {
            let Some((_, known)) = self.members.iter_mut().find(|(name, _)| *name == *member.name) else {
                self.members
                    .push((member.name.to_string(), member.value.to_owned()));
                continue;
            };
            // Two texts without the quotes between them are one, escaped as it was.
            let more = member.value.strip_prefix('"').filter(|_| known.starts_with('"'));
            match more {
                Some(more) if GROWING.contains(&&*member.name) => {
                    known.pop();
                    known.push_str(more);
                }
                _ if member.value == "null" => {}
                _ => *known = member.value.to_owned(),
            }
        }
    }

    fn json(&self) -> Cow<'_, str> {
        if let Some(whole) = &self.whole {
            return Cow::Borrowed(whole);
        }
        let members = self.members.iter();
        let members: Vec<String> = members
            .map(|(name, json)| format!("{}:{json}", quote(name)))
            .collect();
        Cow::Owned(format!("{{{}}}", members.join(",")))
    }
}

/// The items of a whole answer that [`super::answer::decode`] has read, as state of its turns.
pub fn of_answer(body: &[u8], quirks: &Quirks) -> Vec<EventKind> {
    let text = std::str::from_utf8(body).ok().filter(|_| are_kept(quirks));
    let mended = text.map(|text| surrogates::mended(text.trim()));
    let answer = mended.as_deref().and_then(|text| Object::parse(text).ok());
    let choices = answer.as_ref().and_then(|answer| answer.present("choices"));
    let choices = choices.and_then(|choices| member_items(choices).ok());
    let choices: Vec<Object<'_>> = choices
        .unwrap_or_default()
        .into_iter()
        .filter_map(|choice| Object::parse_member(choice).ok())
        .collect();
    let mut events = Vec::new();
    for (choice, number) in choices.iter().zip(shape::numbers(&choices)) {
        let mut details = Details::default();
        if let Some(Ok(message)) = choice.present("message").map(Object::parse_member) {
            details.take(&message);
        }
        let state = details.state();
        events.extend(state.map(|state| EventKind::State {
            choice: number,
            state,
        }));
    }
    events
}
