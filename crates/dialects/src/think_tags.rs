//! Takes `<think>…</think>` out of content: some hosts put the reasoning there.
//!
//! Only a tag at the very start of the content counts (after white space), since later ones are the
//! model's own words. The opening tag may be missing, where the host has it in the prompt: of a model that
//! always thinks and whose thoughts have not come by themselves, content is held until a closing tag says
//! that it was thought, or nothing can say so any more. Of others, and where the catalogue says that the tag
//! is always there, a lone `</think>` is not looked for.

use tollgate_catalog::quirks::Quirks;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// Most bytes of white space held back before a tag.
const HELD_LIMIT: usize = 1_024;

/// Most bytes held of what may be a thought without its opening tag.
const UNOPENED_LIMIT: usize = 64 * 1_024;

/// A piece of content, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Reasoning(String),
}

/// The splitter's place in one choice's content.
#[derive(Debug, Clone, Default)]
pub struct ThinkTags {
    state: State,
    /// The possible beginning of a tag, white space that may belong to one, or what may be a thought.
    held: String,
    /// Bytes of `held` in which no closing tag begins.
    searched: usize,
    /// Whether a thought may begin without its tag.
    may_lack_opening: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    #[default]
    Opening,
    /// A thought, if a closing tag comes.
    Unopened,
    Reasoning,
    /// After the closing tag: white space before the answer is dropped.
    Closed,
    Text,
}

impl ThinkTags {
    /// For the content of a choice at a provider that is known to write such tags.
    pub fn of(quirks: &Quirks) -> Self {
        let always_thinks = quirks.thinks_by_default && !quirks.thinking_optional;
        match always_thinks && !quirks.think_tag_opens {
            true => Self::of_a_thinker(),
            false => Self::default(),
        }
    }

    /// For a model that always thinks.
    fn of_a_thinker() -> Self {
        Self {
            may_lack_opening: true,
            ..Self::default()
        }
    }

    /// Thoughts have come beside the content, so the content holds none that lack their tag.
    pub fn thoughts_came(&mut self) {
        self.may_lack_opening = false;
    }

    /// Something comes that goes after the text, such as a call: a thought would have ended before it.
    pub fn interrupt(&mut self, pieces: &mut Vec<Piece>) {
        if self.state == State::Unopened {
            self.end(pieces);
        }
    }

    /// Takes the next piece of content. At most a tag's length is held back, white space before the opening
    /// one up to a bound, and up to another one what may be a thought without it.
    pub fn split(&mut self, content: &str, pieces: &mut Vec<Piece>) {
        self.held.push_str(content);
        loop {
            match self.state {
                State::Opening => {
                    let trimmed = self.held.trim_start();
                    if let Some(rest) = trimmed.strip_prefix(OPEN) {
                        self.held = rest.to_owned();
                        self.state = State::Reasoning;
                    } else if OPEN.starts_with(trimmed) && self.held.len() <= HELD_LIMIT {
                        return;
                    } else if self.may_lack_opening {
                        self.state = State::Unopened;
                    } else {
                        self.state = State::Text;
                    }
                }
                State::Unopened => {
                    let found = self.held[self.searched..].find(CLOSE);
                    if let Some(place) = found.map(|place| self.searched + place) {
                        push(pieces, Piece::Reasoning(self.held[..place].to_owned()));
                        self.held.drain(..place + CLOSE.len());
                        self.state = State::Closed;
                    } else if self.may_lack_opening && self.held.len() <= UNOPENED_LIMIT {
                        self.searched = self.held.len() - longest_beginning(&self.held, CLOSE);
                        return;
                    } else {
                        self.state = State::Text;
                    }
                }
                State::Reasoning => {
                    if let Some((reasoning, rest)) = self.held.split_once(CLOSE) {
                        push(pieces, Piece::Reasoning(reasoning.to_owned()));
                        self.held = rest.to_owned();
                        self.state = State::Closed;
                    } else {
                        let keep = longest_beginning(&self.held, CLOSE);
                        let reasoning = self.held[..self.held.len() - keep].to_owned();
                        self.held.drain(..reasoning.len());
                        push(pieces, Piece::Reasoning(reasoning));
                        return;
                    }
                }
                State::Closed => {
                    let rest = self.held.trim_start();
                    if rest.is_empty() {
                        self.held.clear();
                        return;
                    }
                    self.held = rest.to_owned();
                    self.state = State::Text;
                }
                State::Text => {
                    push(pieces, Piece::Text(std::mem::take(&mut self.held)));
                    return;
                }
            }
        }
    }

    /// The end of the content: what was held back is what it looked like.
    pub fn end(&mut self, pieces: &mut Vec<Piece>) {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Reasoning => push(pieces, Piece::Reasoning(held)),
            State::Opening | State::Unopened | State::Closed | State::Text => push(pieces, Piece::Text(held)),
        }
        self.state = State::Text;
    }
}

fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    let (Piece::Text(text) | Piece::Reasoning(text)) = &piece;
    if !text.is_empty() {
        pieces.push(piece);
    }
}

/// Bytes at the end of `text` that may be the beginning of `tag`.
fn longest_beginning(text: &str, tag: &str) -> usize {
    (1..tag.len())
        .rev()
        .find(|&length| text.ends_with(&tag[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
