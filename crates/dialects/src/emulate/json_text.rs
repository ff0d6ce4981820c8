//! Takes the JSON out of an answer that was only asked in words to be JSON.
//!
//! Models put it into a code fence, or say a sentence before and after it. What stands around the value
//! was not asked for and goes; the value itself passes letter by letter as it comes.

use super::schema::Root;

/// Most bytes that are held while no value has begun; then it is taken for an answer in words.
const WORDS_LIMIT: usize = 64 << 10;
const FENCE: &str = "```";

#[derive(Debug)]
pub struct JsonText {
    root: Root,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing but words so far, which are held.
    Before(String),
    Inside(Nesting),
    /// The value is whole.
    After,
    /// There was no value.
    Words,
}

/// Where in a value the next letter stands.
#[derive(Debug, Default)]
struct Nesting {
    open: usize,
    in_string: bool,
    escaped: bool,
}

impl JsonText {
    /// `root`: what the value has to be. A value that may be a string or a number cannot be told from
    /// words, so it waits for the end.
    pub fn new(root: Root) -> Self {
        Self {
            root,
            state: State::Before(String::new()),
        }
    }

    /// Takes the next piece and returns what of it may be shown.
    pub fn take(&mut self, piece: &str) -> String {
        match &mut self.state {
            State::Before(held) => {
                held.push_str(piece);
                let bracket = match self.root {
                    Root::Object => '{',
                    Root::Array => '[',
                    Root::Any => return String::new(),
                };
                if let Some(start) = held.find(bracket) {
                    let value = held.split_off(start);
                    self.state = State::Inside(Nesting::default());
                    return self.take(&value);
                }
                if held.len() > WORDS_LIMIT {
                    let words = std::mem::take(held);
                    self.state = State::Words;
                    return words;
                }
                String::new()
            }
            State::Inside(nesting) => match nesting.end_in(piece) {
                None => piece.to_owned(),
                Some(end) => {
                    self.state = State::After;
                    piece[..end].to_owned()
                }
            },
            State::After => String::new(),
            State::Words => piece.to_owned(),
        }
    }

    /// The end of the answer: what was held, without a fence around it.
    pub fn end(&mut self) -> String {
        match std::mem::replace(&mut self.state, State::After) {
            State::Before(held) => without_fence(&held).to_owned(),
            State::Inside(_) | State::After | State::Words => String::new(),
        }
    }
}

impl Nesting {
    /// Where in `piece` the value ends.
    fn end_in(&mut self, piece: &str) -> Option<usize> {
        for (at, byte) in piece.bytes().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.open += 1,
                b'}' | b']' => {
                    self.open = self.open.saturating_sub(1);
                    if self.open == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// What stands between ```` ```json ```` and ```` ``` ````, or the whole text where they do not.
fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix(FENCE)
        .and_then(|text| text.split_once('\n'))
        .map(|(_language, text)| text.strip_suffix(FENCE).unwrap_or(text));
    inner.unwrap_or(text).trim()
}

#[cfg(test)]
mod tests;
