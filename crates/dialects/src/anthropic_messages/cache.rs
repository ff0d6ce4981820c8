//! Marks that ask the provider to cache the prompt up to them.

use tollgate_chat::object::Object;

use crate::{conversation::text, request::Note};

/// Most marks in one request (wire notes, section 3).
pub const MARKS_LIMIT: usize = 4;

/// A mark: how long the prompt up to it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As long as the provider keeps it when nothing is said: 5 minutes.
    Unsaid,
    FiveMinutes,
    OneHour,
}

impl Mark {
    /// Reads a client's `cache_control`. What the provider would refuse is left out, with a note.
    pub fn read(json: &str, notes: &mut Vec<Note>) -> Option<Self> {
        let mark = Object::parse(json).ok();
        let kind = mark.as_ref().and_then(|mark| text(mark, "type"));
        let Some(mark) = mark.filter(|_| kind.as_deref() == Some("ephemeral")) else {
            note_once(notes, Note::Omitted("cache_control".to_owned()));
            return None;
        };
        Some(match text(&mark, "ttl").as_deref() {
            None if mark.present("ttl").is_none() => Self::Unsaid,
            Some("5m") => Self::FiveMinutes,
            Some("1h") => Self::OneHour,
            _ => {
                note_once(notes, Note::Omitted("cache_control.ttl".to_owned()));
                Self::Unsaid
            }
        })
    }

    /// As the provider takes it.
    pub fn json(self) -> &'static str {
        match self {
            Self::Unsaid => r#"{"type":"ephemeral"}"#,
            Self::FiveMinutes => r#"{"type":"ephemeral","ttl":"5m"}"#,
            Self::OneHour => r#"{"type":"ephemeral","ttl":"1h"}"#,
        }
    }
}

/// Takes out the marks beyond `limit`, given in the order of the prompt: the last ones stay, since each
/// covers everything before it.
pub fn keep_last(marks: Vec<&mut Option<Mark>>, limit: usize, notes: &mut Vec<Note>) {
    let mut set: Vec<_> = marks.into_iter().filter(|mark| mark.is_some()).collect();
    let surplus = set.len().saturating_sub(limit);
    for mark in set.iter_mut().take(surplus) {
        **mark = None;
        note_once(notes, Note::Omitted("cache_control".to_owned()));
    }
}

/// Adds a note that is not there yet.
pub fn note_once(notes: &mut Vec<Note>, note: Note) {
    if !notes.contains(&note) {
        notes.push(note);
    }
}
