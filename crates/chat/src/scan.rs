//! A quick pass over JSON, for the texts that every request and answer brings.
//!
//! Long strings (an image of a megabyte) are crossed with vector instructions, and nothing is decoded
//! that nobody asked for. It accepts only what it is sure of: for everything else it says `None`, and
//! the caller lets serde_json decide, which also words the error.

use std::borrow::Cow;

use memchr::memchr2;

use crate::{
    json::{Json, Number},
    object::{MEMBERS_LIMIT, Member},
};

/// Nesting that serde_json takes.
const DEPTH_LIMIT: u8 = 127;
/// Bytes that are looked at together in a short string.
const WORD: usize = size_of::<u64>();
/// Words of a string after which it counts as long.
const SHORT_WORDS: usize = 4;
/// Bytes of a long string that are looked at in one go: they stay in the first cache.
const BLOCK: usize = 8 * 1024;

/// The members of a text that is one object. `known`: it is part of a text that has been crossed before,
/// so that what is nested in it needs no second look.
pub(crate) fn members(text: &str, known: bool) -> Option<Vec<Member<'_>>> {
    let mut scan = Scan::of(text, known);
    let mut members = Vec::with_capacity(12);
    scan.object(|scan, name| {
        let value = scan.value(1)?;
        members.push(Member { name, value });
        (members.len() <= MEMBERS_LIMIT).then_some(())
    })?;
    scan.end()?;
    Some(members)
}

/// The items of a text that is one array. `known`: as with [`members`].
pub(crate) fn items(text: &str, known: bool) -> Option<Vec<&str>> {
    let mut scan = Scan::of(text, known);
    let mut items = Vec::new();
    scan.array(|scan| {
        items.push(scan.value(1)?);
        Some(())
    })?;
    scan.end()?;
    Some(items)
}

/// The value that a text is. `known`: as with [`members`].
pub(crate) fn tree(text: &str, known: bool) -> Option<Json<'_>> {
    let mut scan = Scan::of(text, known);
    let tree = scan.tree(0)?;
    scan.end()?;
    Some(tree)
}

struct Scan<'a> {
    text: &'a str,
    /// The next byte; always on a character's border where a token may begin.
    at: usize,
    /// Whether the text is known to be JSON, and its strings to hold no control characters.
    known: bool,
}

impl<'a> Scan<'a> {
    fn of(text: &'a str, known: bool) -> Self {
        Self { text, at: 0, known }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        found.then(|| self.at += word.len())
    }

    /// Nothing but white space may follow.
    fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    /// Crosses what stands between brackets, comma by comma; `each` takes one of it.
    fn between<const OPEN: u8, const CLOSE: u8>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.expect(OPEN)?;
        if self.peek()? == CLOSE {
            self.at += 1;
            return Some(());
        }
        loop {
            each(self)?;
            let after = self.peek()?;
            self.at += 1;
            match after {
                b',' => {}
                _ => return (after == CLOSE).then_some(()),
            }
        }
    }

    /// Crosses an object; `member` takes the value of each name.
    fn object(&mut self, mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>) -> Option<()> {
        self.between::<b'{', b'}'>(|scan| {
            scan.expect(b'"')?;
            let name = scan.string()?;
            scan.expect(b':')?;
            member(scan, name)
        })
    }

    /// Crosses an array; `item` takes each value.
    fn array(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.between::<b'[', b']'>(item)
    }

    /// Crosses one value and gives its text.
    fn value(&mut self, depth: u8) -> Option<&'a str> {
        self.peek()?;
        let from = self.at;
        self.skip_value(depth)?;
        Some(&self.text[from..self.at])
    }

    /// Crosses one value.
    fn skip_value(&mut self, depth: u8) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.skip_string()?;
            }
            b'{' | b'[' if self.known => self.skip_known()?,
            b'{' | b'[' if depth >= DEPTH_LIMIT => return None,
            b'{' => self.between::<b'{', b'}'>(|scan| {
                scan.expect(b'"')?;
                scan.skip_string()?;
                scan.expect(b':')?;
                scan.skip_value(depth + 1)
            })?,
            b'[' => self.array(|scan| scan.skip_value(depth + 1))?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.skip_number()?,
        }
        Some(())
    }

    /// Crosses an object or array of a known text: goes to the bracket that closes it.
    fn skip_known(&mut self) -> Option<()> {
        let mut open = 0_usize;
        loop {
            let byte = self.byte(self.at)?;
            self.at += 1;
            match byte {
                b'"' => {
                    self.skip_string()?;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => {
                    open -= 1;
                    if open == 0 {
                        return Some(());
                    }
                }
                _ => {}
            }
        }
    }

    fn tree(&mut self, depth: u8) -> Option<Json<'a>> {
        Some(match self.peek()? {
            b'"' => {
                self.at += 1;
                Json::String(self.string()?)
            }
            b'{' | b'[' if depth >= DEPTH_LIMIT => return None,
            b'{' => {
                let mut members = Vec::new();
                self.object(|scan, name| {
                    members.push((name, scan.tree(depth + 1)?));
                    Some(())
                })?;
                Json::Object(members)
            }
            b'[' => {
                let mut items = Vec::new();
                self.array(|scan| {
                    items.push(scan.tree(depth + 1)?);
                    Some(())
                })?;
                Json::Array(items)
            }
            b't' => self.word("true").map(|()| Json::Bool(true))?,
            b'f' => self.word("false").map(|()| Json::Bool(false))?,
            b'n' => self.word("null").map(|()| Json::Null)?,
            _ => Json::Number(self.number()?),
        })
    }

    /// Crosses a string whose opening quote has been crossed, and decodes it.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let from = self.at;
        match self.skip_string()? {
            Spelling::Plain => Some(Cow::Borrowed(&self.text[from..self.at - 1])),
            Spelling::Escaped => serde_json::from_str(&self.text[from - 1..self.at]).ok(),
        }
    }

    /// Crosses a string whose opening quote has been crossed.
    fn skip_string(&mut self) -> Option<Spelling> {
        let mut spelling = Spelling::Plain;
        loop {
            self.cross_plain()?;
            let found = self.byte(self.at)?;
            self.at += 1;
            if found == b'"' {
                return Some(spelling);
            }
            spelling = Spelling::Escaped;
            self.cross_escape()?;
        }
    }

    /// Goes to the next quote or backslash. Control characters must not come before it.
    fn cross_plain(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        for _ in 0..SHORT_WORDS {
            let Some(word) = bytes[self.at..].first_chunk::<WORD>() else {
                return self.cross_last_bytes();
            };
            let special = special_bytes(u64::from_le_bytes(*word));
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return (bytes[self.at] >= 0x20).then_some(());
            }
            self.at += WORD;
        }
        while self.at < bytes.len() {
            let block = &bytes[self.at..bytes.len().min(self.at + BLOCK)];
            let found = memchr2(b'"', b'\\', block);
            let plain = &block[..found.unwrap_or(block.len())];
            // Without a branch inside, so that it is done many bytes at a time.
            let controls = !self.known && plain.iter().fold(false, |any, byte| any | (*byte < 0x20));
            if controls {
                return None;
            }
            self.at += plain.len();
            if found.is_some() {
                return Some(());
            }
        }
        None
    }

    /// Like [`Scan::cross_plain`], where less than a word is left.
    fn cross_last_bytes(&mut self) -> Option<()> {
        loop {
            match self.byte(self.at)? {
                b'"' | b'\\' => return Some(()),
                0..=0x1f => return None,
                _ => self.at += 1,
            }
        }
    }

    /// Crosses what follows a backslash.
    fn cross_escape(&mut self) -> Option<()> {
        let kind = self.byte(self.at)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.as_bytes().get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Number> {
        let from = self.at;
        self.skip_number()?;
        let text = &self.text[from..self.at];
        // Short integers are the rule; how floats and large numbers round is serde_json's business.
        let short = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        match short {
            true => text.parse().ok().map(Number::Unsigned),
            false => match serde_json::from_str(text).ok()? {
                Json::Number(number) => Some(number),
                _ => None,
            },
        }
    }

    fn skip_number(&mut self) -> Option<()> {
        if self.byte(self.at)? == b'-' {
            self.at += 1;
        }
        match self.byte(self.at)? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return None,
        }
        if self.byte(self.at) == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.byte(self.at).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }
}

/// The first bit that is set lies in the first byte of `word` that is a quote, a backslash or a control
/// character; bits above it say nothing.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; WORD]);
    const HIGHEST_BITS: u64 = ONES << 7;
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & HIGHEST_BITS;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | is(b'"') | is(b'\\')
}

/// How a string is written.
enum Spelling {
    Plain,
    Escaped,
}

#[cfg(test)]
mod tests;
