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
/// Strings shorter than this are crossed byte by byte.
const SHORT: usize = 24;
/// Bytes of a long string that are looked at in one go: they stay in the first cache.
const BLOCK: usize = 8 * 1024;

/// The members of a text that is one object.
pub(crate) fn members(text: &str) -> Option<Vec<Member<'_>>> {
    let mut scan = Scan::of(text);
    let mut members = Vec::with_capacity(12);
    scan.object(|scan, name| {
        let value = scan.skip_value(1)?;
        members.push(Member { name, value });
        (members.len() <= MEMBERS_LIMIT).then_some(())
    })?;
    scan.end()?;
    Some(members)
}

/// The items of a text that is one array.
pub(crate) fn items(text: &str) -> Option<Vec<&str>> {
    let mut scan = Scan::of(text);
    let mut items = Vec::new();
    scan.array(|scan| {
        items.push(scan.skip_value(1)?);
        Some(())
    })?;
    scan.end()?;
    Some(items)
}

/// The value that a text is. `known`: it is part of a text that has been crossed before, so that its
/// strings hold no control characters.
pub(crate) fn tree(text: &str, known: bool) -> Option<Json<'_>> {
    let mut scan = Scan {
        known,
        ..Scan::of(text)
    };
    let tree = scan.tree(0)?;
    scan.end()?;
    Some(tree)
}

struct Scan<'a> {
    text: &'a str,
    /// The next byte; always on a character's border where a token may begin.
    at: usize,
    /// Whether strings are known to hold no control characters.
    known: bool,
}

impl<'a> Scan<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            known: false,
        }
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

    /// Crosses an object; `member` takes the value of each name.
    fn object(&mut self, mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.expect(b'"')?;
            let name = self.string()?.decode()?;
            self.expect(b':')?;
            member(self, name)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Crosses an array; `item` takes each value.
    fn array(&mut self, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Crosses one value and gives its text.
    fn skip_value(&mut self, depth: u8) -> Option<&'a str> {
        let first = self.peek()?;
        let from = self.at;
        match first {
            b'"' => {
                self.at += 1;
                self.string()?;
            }
            b'{' | b'[' if depth >= DEPTH_LIMIT => return None,
            b'{' => self.object_names_unread(depth)?,
            b'[' => self.array(|scan| scan.skip_value(depth + 1).map(|_| ()))?,
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.skip_number()?,
        }
        Some(&self.text[from..self.at])
    }

    /// Like [`Scan::object`], for names that nobody needs.
    fn object_names_unread(&mut self, depth: u8) -> Option<()> {
        self.at += 1;
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.expect(b'"')?;
            self.string()?;
            self.expect(b':')?;
            self.skip_value(depth + 1)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn tree(&mut self, depth: u8) -> Option<Json<'a>> {
        Some(match self.peek()? {
            b'"' => {
                self.at += 1;
                Json::String(self.string()?.decode()?)
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

    /// Crosses a string whose opening quote has been crossed.
    fn string(&mut self) -> Option<Text<'a>> {
        let from = self.at;
        let mut escaped = false;
        loop {
            self.cross_plain()?;
            let found = self.byte(self.at)?;
            self.at += 1;
            if found == b'"' {
                break;
            }
            escaped = true;
            self.cross_escape()?;
        }
        Some(Text {
            quoted: &self.text[from - 1..self.at],
            escaped,
        })
    }

    /// Goes to the next quote or backslash. Control characters must not come before it.
    fn cross_plain(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let near = &bytes[self.at..bytes.len().min(self.at + SHORT)];
        for (index, byte) in near.iter().enumerate() {
            match byte {
                b'"' | b'\\' => {
                    self.at += index;
                    return Some(());
                }
                0..=0x1f => return None,
                _ => {}
            }
        }
        self.at += near.len();
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

/// A string as it stands, quotes included.
struct Text<'a> {
    quoted: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    fn decode(self) -> Option<Cow<'a, str>> {
        match self.escaped {
            false => Some(Cow::Borrowed(&self.quoted[1..self.quoted.len() - 1])),
            true => serde_json::from_str(self.quoted).ok().map(Cow::Owned),
        }
    }
}

#[cfg(test)]
mod tests;
