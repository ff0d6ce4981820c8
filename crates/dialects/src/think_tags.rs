//! Takes `<think>…</think>` out of content: some hosts put the reasoning there.
//!
//! Only a tag at the very start of the content counts (after white space), since later ones are the
//! model's own words. A lone `</think>` without its opening is not looked for: what came before it
//! has already been shown as text.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// Most bytes of white space held back before a tag.
const HELD_LIMIT: usize = 1_024;

/// A piece of content, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Reasoning(String),
}

/// The splitter's place in one choice's content.
#[derive(Debug, Default)]
pub struct ThinkTags {
    state: State,
    /// The possible beginning of a tag, or white space that may belong to one.
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing but white space so far.
    #[default]
    Opening,
    Reasoning,
    /// After the closing tag: white space before the answer is dropped.
    Closed,
    Text,
}

impl ThinkTags {
    /// Takes the next piece of content. At most a tag's length is held back, and
    /// white space before the opening one up to a bound.
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
            State::Opening | State::Closed | State::Text => push(pieces, Piece::Text(held)),
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
