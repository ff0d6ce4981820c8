//! Takes the JSON out of an answer that was only asked in words to be JSON.
//!
//! Models put it into a code fence, or say a sentence before and after it. What stands around the value
//! was not asked for and goes; the value itself passes letter by letter as it comes. Brackets among the words
//! that begin no value are words.

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
    Before(Words),
    Inside(Nesting),
    /// The value is whole.
    After,
    /// There was no value.
    Words,
}

/// Words that are held, for a value may begin in them.
#[derive(Debug, Default)]
struct Words {
    held: String,
    /// No value begins before this.
    from: usize,
    /// Whether brackets with nothing between them came: a value where no other comes.
    empty: bool,
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
            state: State::Before(Words::default()),
        }
    }

    /// Takes the next piece and returns what of it may be shown.
    pub fn take(&mut self, piece: &str) -> String {
        match &mut self.state {
            State::Before(words) => {
                words.held.push_str(piece);
                if self.root == Root::Any {
                    return String::new();
                }
                if let Some(start) = words.value(self.root) {
                    let value = words.held.split_off(start);
                    self.state = State::Inside(Nesting::default());
                    return self.take(&value);
                }
                if words.held.len() > WORDS_LIMIT {
                    let words = std::mem::take(&mut words.held);
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
            State::Before(words) if self.root == Root::Any => value_among(&words.held).to_owned(),
            State::Before(words) if words.empty => match self.root {
                Root::Array => "[]".to_owned(),
                _ => "{}".to_owned(),
            },
            // A value that was cut off where it began.
            State::Before(words) if words.from < words.held.len() => words.held[words.from..].to_owned(),
            State::Before(words) => without_fence(&words.held).to_owned(),
            State::Inside(_) | State::After | State::Words => String::new(),
        }
    }
}

impl Words {
    /// Where the value begins, as far as that can be told yet.
    fn value(&mut self, root: Root) -> Option<usize> {
        let bracket = if root == Root::Array { '[' } else { '{' };
        while let Some(at) = self.held[self.from..].find(bracket) {
            let start = self.from + at;
            self.from = start;
            match beginning(&self.held[start..]) {
                Beginning::Value => return Some(start),
                Beginning::Unknown => return None,
                Beginning::Empty => self.empty = true,
                Beginning::Words => {}
            }
            self.from = start + 1;
        }
        self.from = self.held.len();
        None
    }
}

/// What a bracket begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Value,
    /// Brackets with nothing between them.
    Empty,
    /// Words in brackets.
    Words,
    /// More has to come.
    Unknown,
}

/// Tells a value from words in brackets: an object by its first name and the colon behind it, a list by how
/// its first item begins.
fn beginning(text: &str) -> Beginning {
    const UNDECIDED_LIMIT: usize = 1_024;

    let (is_object, inner) = (text.starts_with('{'), text[1..].trim_start());
    let unknown = match text.len() > UNDECIDED_LIMIT {
        true => Beginning::Value,
        false => Beginning::Unknown,
    };
    let Some(first) = inner.chars().next() else {
        return unknown;
    };
    match (is_object, first) {
        (true, '}') | (false, ']') => Beginning::Empty,
        (true, '"') => match string_end(inner) {
            None => unknown,
            Some(end) => match inner[end..].trim_start().chars().next() {
                None => unknown,
                Some(':') => Beginning::Value,
                Some(_) => Beginning::Words,
            },
        },
        (false, '{' | '[' | '"' | '-' | '0'..='9') => Beginning::Value,
        (false, 't' | 'f' | 'n') => {
            let of_text = |word: &&str| inner.starts_with(*word) || word.starts_with(inner);
            match ["true", "false", "null"].iter().find(|word| of_text(word)) {
                None => Beginning::Words,
                Some(word) if inner.len() < word.len() => unknown,
                Some(_) => Beginning::Value,
            }
        }
        _ => Beginning::Words,
    }
}

/// Where the string ends that `text` begins with.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// A text that may be any value: itself where it is one, else the first object or list in it that is one.
fn value_among(text: &str) -> &str {
    let inner = without_fence(text);
    if is_json(inner) {
        return inner;
    }
    let mut from = 0;
    while let Some(at) = text[from..].find(['{', '[']) {
        let start = from + at;
        if beginning(&text[start..]) == Beginning::Value {
            let end = Nesting::default().end_in(&text[start..]);
            let value = end.map(|end| &text[start..start + end]);
            return value.filter(|value| is_json(value)).unwrap_or(inner);
        }
        from = start + 1;
    }
    inner
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
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
