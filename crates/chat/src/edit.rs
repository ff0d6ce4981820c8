//! Changes members of raw JSON and leaves every other byte as it came.
//!
//! An [`ObjectEdit`] says what becomes of one object's members; [`Edits`] gathers those of a whole
//! text, nested ones too, and applies them in one go. Nothing is parsed again.

use std::ops::Range;

use bytes::Bytes;

use crate::{json::quote, object::Object};

/// Replacements in one text, none overlapping another.
#[derive(Debug)]
pub struct Edits<'a> {
    text: &'a str,
    splices: Vec<(Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    /// Edits of `text`; every object and slice given later must be a part of it.
    pub fn of(text: &'a str) -> Self {
        Self {
            text,
            splices: Vec::new(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Puts `json` in the place of `part`.
    pub fn replace(&mut self, part: &str, json: impl Into<String>) {
        self.splices.push((range_of(self.text, part), json.into()));
    }

    /// The edited text as pieces: slices of `body` between new bytes, so that a large body is not
    /// copied. `body` must be the bytes of the text.
    pub fn segments(mut self, body: &Bytes) -> Vec<Bytes> {
        debug_assert_eq!(body.as_ptr(), self.text.as_ptr());
        self.sort();
        let mut segments = Vec::with_capacity(2 * self.splices.len() + 1);
        let mut at = 0;
        for (range, json) in self.splices {
            if at < range.start {
                segments.push(body.slice(at..range.start));
            }
            if !json.is_empty() {
                segments.push(Bytes::from(json));
            }
            at = range.end;
        }
        if at < body.len() {
            segments.push(body.slice(at..));
        }
        segments
    }

    /// The edited text in one piece.
    pub fn finish(mut self) -> String {
        self.sort();
        let put_in: usize = self.splices.iter().map(|(_, json)| json.len()).sum();
        let taken_out: usize = self.splices.iter().map(|(range, _)| range.len()).sum();
        let mut edited = String::with_capacity(self.text.len() + put_in - taken_out);
        let mut at = 0;
        for (range, json) in &self.splices {
            edited.push_str(&self.text[at..range.start]);
            edited.push_str(json);
            at = range.end;
        }
        edited.push_str(&self.text[at..]);
        edited
    }

    fn sort(&mut self) {
        self.splices.sort_by_key(|(range, _)| range.start);
        debug_assert!(
            self.splices
                .windows(2)
                .all(|pair| pair[0].0.end <= pair[1].0.start),
            "edits overlap"
        );
    }
}

/// Where `part`, a slice of `text`, stands in it.
fn range_of(text: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize)
        .checked_sub(text.as_ptr() as usize)
        .filter(|start| start + part.len() <= text.len())
        .expect("an edited part lies inside the edited text");
    start..start + part.len()
}

/// What becomes of one object's members.
#[derive(Debug)]
pub struct ObjectEdit<'o, 'a> {
    object: &'o Object<'a>,
    /// At most one for each member, by its index.
    changes: Vec<(usize, Change)>,
    appended: String,
}

#[derive(Debug)]
enum Change {
    Value(String),
    Name(String),
    Removed,
}

impl<'o, 'a> ObjectEdit<'o, 'a> {
    pub fn of(object: &'o Object<'a>) -> Self {
        Self {
            object,
            changes: Vec::new(),
            appended: String::new(),
        }
    }

    /// Gives the member `name` the value `json`, adding it at the end where it is missing.
    pub fn set(&mut self, name: &str, json: impl Into<String>) {
        match self.object.position(name) {
            Some(index) => self.change(index, Change::Value(json.into())),
            None => self.append(name, &json.into()),
        }
    }

    /// Adds a member that is known to be missing.
    pub fn append(&mut self, name: &str, json: &str) {
        if !self.appended.is_empty() {
            self.appended.push(',');
        }
        self.appended.push_str(&quote(name));
        self.appended.push(':');
        self.appended.push_str(json);
    }

    /// Takes the member at `index` out.
    pub fn remove(&mut self, index: usize) {
        self.change(index, Change::Removed);
    }

    /// Takes the member `name` out, where it is there.
    pub fn remove_named(&mut self, name: &str) {
        if let Some(index) = self.object.position(name) {
            self.remove(index);
        }
    }

    /// Calls the member at `index` `name` instead; its value stays.
    pub fn rename(&mut self, index: usize, name: &str) {
        self.change(index, Change::Name(quote(name)));
    }

    /// The last change of a member counts.
    fn change(&mut self, index: usize, change: Change) {
        match self.changes.iter_mut().find(|(changed, _)| *changed == index) {
            Some((_, earlier)) => *earlier = change,
            None => self.changes.push((index, change)),
        }
    }

    /// Hands the changes to the edits of the text in which the object stands.
    pub fn finish(self, edits: &mut Edits<'_>) {
        if self.changes.is_empty() && self.appended.is_empty() {
            return;
        }
        let (text, members) = (edits.text, self.object.members());
        let whole = range_of(text, self.object.text());
        let value_of = |index: usize| range_of(text, members[index].value);
        // A member's own text runs from the end of the one before it (or the brace), comma
        // included, to the end of its value.
        let own_start = |index: usize| match index {
            0 => whole.start + 1,
            _ => value_of(index - 1).end,
        };
        let removed = |index: &usize| {
            let mut changes = self.changes.iter();
            changes.any(|(changed, change)| changed == index && matches!(change, Change::Removed))
        };
        let first_kept = (0..members.len()).find(|index| !removed(index));
        for (index, change) in self.changes {
            let value = value_of(index);
            match change {
                Change::Value(json) => edits.splices.push((value, json)),
                Change::Name(name) => {
                    let range = name_range(text, own_start(index), value.start);
                    edits.splices.push((range, name));
                }
                Change::Removed => edits.splices.push((own_start(index)..value.end, String::new())),
            }
        }
        // Where everything before the first kept member goes, so does the comma before it.
        if let Some(first) = first_kept.filter(|first| *first > 0) {
            let start = own_start(first);
            let comma = text[start..]
                .find(',')
                .expect("a comma stands before every member but the first");
            edits.splices.push((start..start + comma + 1, String::new()));
        }
        if !self.appended.is_empty() {
            let comma = if first_kept.is_some() { "," } else { "" };
            let end = whole.end - 1;
            edits
                .splices
                .push((end..end, format!("{comma}{}", self.appended)));
        }
    }
}

/// Where the name of a member stands, quotes included, between its own start and its value.
fn name_range(text: &str, start: usize, value_start: usize) -> Range<usize> {
    let before = &text[start..value_start];
    let open = before.find('"').expect("a member has a name");
    let close = before.rfind('"').expect("a member has a name");
    start + open..start + close + 1
}

#[cfg(test)]
mod tests;
