//! Puts characters together that a host cut in two.
//!
//! Models write a character beyond U+FFFF as two escapes, and some hosts end a chunk between them. A half
//! waits for the next piece of the same text; one that nothing follows becomes U+FFFD, as everywhere.
//! Not here: whole answers, and what a half is (`chat::surrogates`).

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    object::{Object, member_items},
    surrogates::{Mender, may_have_halves, mended},
};

/// Texts of a delta that come in pieces.
const TEXTS: [&str; 4] = ["reasoning_content", "reasoning", "refusal", "content"];

/// The halves that wait, by choice and member.
#[derive(Debug, Default)]
pub struct Halves(BTreeMap<(u32, &'static str), Mender>);

impl Halves {
    /// The chunk with whole characters; `None` where it stays as it is.
    pub fn mend(&mut self, data: &[u8]) -> Option<Bytes> {
        let data = std::str::from_utf8(data).ok()?;
        if self.0.is_empty() && !may_have_halves(data) {
            return None;
        }
        let object = Object::parse(data.trim()).ok()?;
        let mut edits = Edits::of(object.text());
        let choices = object.present("choices").map(member_items);
        for (position, choice) in choices
            .and_then(Result::ok)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            if let Ok(choice) = Object::parse_member(choice) {
                self.choice(&choice, position as u32, &mut edits);
            }
        }
        let text: Cow<'_, str> = match edits.is_empty() {
            true => Cow::Borrowed(object.text()),
            false => Cow::Owned(edits.finish()),
        };
        // What does not come in pieces of text, such as a call's name.
        let whole = mended(&text);
        (*whole != *object.text()).then(|| Bytes::from(whole.into_owned()))
    }

    fn choice(&mut self, choice: &Object<'_>, position: u32, edits: &mut Edits<'_>) {
        let index = choice.read::<u32>("index").unwrap_or(position);
        let delta = choice.present("delta").map(Object::parse_member);
        let ends = choice.present("finish_reason").is_some();
        let Some(Ok(delta)) = delta else {
            if ends {
                self.last(choice, index, edits);
            }
            return;
        };
        let piece = |name| delta.present(name).and_then(inner);
        let says_something = TEXTS
            .iter()
            .any(|name| piece(name).is_some_and(|text| !text.is_empty()));
        let mut edit = ObjectEdit::of(&delta);
        for name in TEXTS {
            let before = piece(name);
            let mut mender = match (self.0.remove(&(index, name)), before) {
                (Some(mender), _) => mender,
                (None, Some(_)) => Mender::default(),
                (None, None) => continue,
            };
            let text = before.unwrap_or_default();
            let mut after = mender.push(text.to_owned());
            // Another text follows, or none.
            if ends || (text.is_empty() && says_something) {
                after.push_str(&mender.end());
            }
            if after != text {
                edit.set(name, format!("\"{after}\""));
            }
            if mender.is_waiting() {
                self.0.insert((index, name), mender);
            }
        }
        edit.finish(edits);
    }

    /// What waits of a choice that ends without a delta.
    fn last(&mut self, choice: &Object<'_>, index: u32, edits: &mut Edits<'_>) {
        let waiting = TEXTS.into_iter().filter_map(|name| {
            let mut mender = self.0.remove(&(index, name))?;
            Some(format!("\"{name}\":\"{}\"", mender.end()))
        });
        let members: Vec<String> = waiting.collect();
        if !members.is_empty() {
            let mut edit = ObjectEdit::of(choice);
            edit.set("delta", format!("{{{}}}", members.join(",")));
            edit.finish(edits);
        }
    }
}

/// A JSON string without its quotes, as it is escaped.
fn inner(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}
