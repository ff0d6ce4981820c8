//! Names that operators give to keys, accounts and each other, and notes.

/// Most characters of a name.
const NAME_MAX: usize = 100;
/// Most characters of a note.
const NOTE_MAX: usize = 500;

/// Takes a name: visible, one line, and not longer than a list can show.
pub fn name(text: &str) -> Result<String, WrongName> {
    let fits = !text.trim().is_empty()
        && text.trim() == text
        && text.chars().count() <= NAME_MAX
        && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(WrongName) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {NAME_MAX} characters and no white space around it")]
pub struct WrongName;

/// Takes a note on an entry of the ledger.
pub fn note(text: &str) -> Result<String, WrongNote> {
    let fits = text.chars().count() <= NOTE_MAX && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(WrongNote) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a note is one line of at most {NOTE_MAX} characters")]
pub struct WrongNote;
