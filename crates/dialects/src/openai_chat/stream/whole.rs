//! A `message` where a stream should have a `delta`: some servers send the whole answer as one event, others
//! repeat it in the last chunk.
//!
//! What deltas have said is not taken again; anything else in the message is. Such a message is told in events
//! without chunks of their own.

use std::borrow::Cow;

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::{EventKind, Unshown},
    object::Object,
};

use super::Choice;
use crate::{
    fault::{Fault, malformed},
    openai_chat::{message, replay::WITHOUT_EVENT, shape},
    think_tags::{Piece, ThinkTags},
};

/// What has been said in a choice, by kind.
#[derive(Debug, Default)]
pub struct Told {
    /// Content, thoughts in tags included.
    text: bool,
    reasoning: bool,
    refusal: bool,
    images: bool,
    citations: bool,
    /// What has no event of its own.
    other: bool,
    /// What the last message said, where no delta has said anything since.
    message: Option<Words>,
}

#[derive(Debug, Default)]
struct Words {
    reasoning: String,
    text: String,
    refusal: String,
}

impl Told {
    /// A delta came with this content, shown yet or not.
    pub fn content(&mut self, content: Option<&str>) {
        if content.is_some_and(|content| !content.is_empty()) {
            self.text = true;
            self.message = None;
        }
    }

    /// A delta came that says this.
    pub fn delta(&mut self, kinds: &[EventKind]) {
        if !kinds.is_empty() {
            self.message = None;
        }
        self.take(kinds);
    }

    /// Something came that has no event of its own.
    pub fn other(&mut self) {
        self.other = true;
    }

    fn take(&mut self, kinds: &[EventKind]) {
        for kind in kinds {
            match kind {
                EventKind::Text { .. } => self.text = true,
                EventKind::Reasoning { .. } => self.reasoning = true,
                EventKind::Refusal { .. } => self.refusal = true,
                EventKind::Image { .. } => self.images = true,
                EventKind::Citation { .. } => self.citations = true,
                _ => {}
            }
        }
    }

    fn anything(&self) -> bool {
        self.text || self.reasoning || self.refusal || self.images || self.other
    }
}

impl Choice {
    /// What a choice says outside its delta and nobody has said before. Fails where it cannot be read, or
    /// cannot be said in chunks.
    pub fn untold(
        &mut self,
        choice: &Object<'_>,
        index: u32,
        answer_id: &str,
        keeps_state: bool,
    ) -> Result<Vec<EventKind>, Fault> {
        let Some(json) = choice.present("message") else {
            return match self.is_lost(choice) {
                true => Err(malformed("a choice says its text in a form that is no chat's")),
                false => Ok(Vec::new()),
            };
        };
        let message = Object::parse_member(json).map_err(|_| malformed("a message is not an object"))?;
        let says = |name: &&str| {
            let says_something = |json: &str| !matches!(json, "[]" | "{}" | "\"\"");
            message.present(name).is_some_and(says_something)
        };
        if !self.told.other && WITHOUT_EVENT.iter().any(says) {
            return Err(malformed(
                "a whole message in a stream, with more than events can say",
            ));
        }
        let calls = match self.calls.any() {
            true => Vec::new(),
            false => message::tool_calls(&message, keeps_state)?,
        };
        let mut kinds = Vec::new();
        self.words(&message, index, !calls.is_empty(), &mut kinds)?;
        if !self.told.images {
            let images = message::images(&message)?.into_iter();
            kinds.extend(images.map(|url| EventKind::Image { choice: index, url }));
        }
        if !self.told.citations {
            let cited = |citation| EventKind::Citation {
                choice: index,
                citation,
            };
            // Written by nobody.
            if shape::keep_citations(&message, &mut ObjectEdit::of(&message)) {
                kinds.push(EventKind::Unshown {
                    choice: index,
                    kind: Unshown::Annotations,
                });
            }
            kinds.extend(shape::citations(&message).into_iter().map(cited));
        }
        // Nobody sees how the pieces would be written.
        let mut unseen = Edits::of(json);
        for (position, mut piece) in calls.into_iter().enumerate() {
            piece.index = Some(position as u32);
            kinds.extend(self.calls.piece(&piece, index, answer_id, &mut unseen)?);
        }
        self.told.take(&kinds);
        Ok(kinds)
    }

    /// Whether the only thing that a choice says is the `text` of the interface before chats.
    fn is_lost(&self, choice: &Object<'_>) -> bool {
        choice.present("text").is_some_and(|text| text != "\"\"")
            && choice.present("delta").is_none()
            && !self.told.anything()
            && !self.calls.any()
    }

    /// The message's thoughts, text and refusal, as far as they are news.
    fn words(
        &mut self,
        message: &Object<'_>,
        choice: u32,
        calls: bool,
        kinds: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        // The same readings as a delta's; the edits go nowhere.
        let mut unseen = ObjectEdit::of(message);
        let reasoning = message::unify_reasoning(message, false, &mut unseen)?;
        let (reasoning, text) = message::unify_content(message, reasoning, &mut unseen)?;
        let refusal = message::text(message, "refusal")?;
        let [reasoning, text, refusal] = [reasoning, text, refusal].map(Option::unwrap_or_default);

        let before = self.told.message.as_ref();
        let is_told = |told: bool| told && before.is_none();
        // Thoughts behind the text would be those that stood in it, or come too late.
        let new_reasoning = match is_told(self.told.reasoning || self.told.text) {
            true => "",
            false => news(&reasoning, before.map(|words| &*words.reasoning))?,
        };
        let new_text = match is_told(self.told.text) {
            true => "",
            false => news(&text, before.map(|words| &*words.text))?,
        };
        let new_refusal = match is_told(self.told.refusal) {
            true => "",
            false => news(&refusal, before.map(|words| &*words.refusal))?,
        };
        let mut said = vec![Piece::Reasoning(new_reasoning.to_owned())];
        match &mut self.tags {
            Some(tags) if reasoning.is_empty() => {
                tags.split(new_text, &mut said);
                if calls {
                    tags.interrupt(&mut said);
                }
            }
            tags => {
                tags.iter_mut().for_each(ThinkTags::thoughts_came);
                said.push(Piece::Text(new_text.to_owned()));
            }
        }
        let said = said.into_iter().map(|piece| match piece {
            Piece::Text(text) => EventKind::Text { choice, text },
            Piece::Reasoning(text) => EventKind::Reasoning { choice, text },
        });
        let refused = EventKind::Refusal {
            choice,
            text: new_refusal.to_owned(),
        };
        kinds.extend(said.chain([refused]).filter(EventKind::is_content));
        self.told.text |= !text.is_empty();
        self.told.message = Some(Words {
            reasoning: longer(before.map(|words| &*words.reasoning), reasoning),
            text: longer(before.map(|words| &*words.text), text),
            refusal: longer(before.map(|words| &*words.refusal), refusal),
        });
        Ok(())
    }
}

/// What a message says more than the one before it. Fails where it says something else: pieces and repetitions
/// cannot be told apart.
fn news<'a>(said: &'a str, before: Option<&str>) -> Result<&'a str, Fault> {
    match said.strip_prefix(before.unwrap_or_default()) {
        Some(new) => Ok(new),
        None if said.is_empty() => Ok(""),
        None => Err(malformed("a second message says something else")),
    }
}

fn longer(before: Option<&str>, said: Cow<'_, str>) -> String {
    match before.filter(|before| before.len() > said.len()) {
        Some(before) => before.to_owned(),
        None => said.into_owned(),
    }
}
