//! Escapes in JSON that stand for half a character.
//!
//! `\ud800` without the half that belongs to it is JSON by its grammar and no text at all. Models and hosts
//! write such halves where they cut a character in two; strict readers then refuse the whole. Here they
//! become U+FFFD, and everything else stays as it is.

use std::borrow::Cow;

use memchr::memchr;

/// What stands for half a character.
const REPLACEMENT: &str = "\\ufffd";
/// Bytes of an escape such as `\ud800`.
const ESCAPE: usize = 6;

/// JSON in which every half of a character has become U+FFFD.
pub fn mended(json: &str) -> Cow<'_, str> {
    if !may_have_halves(json) {
        return Cow::Borrowed(json);
    }
    let mut mender = Mender::default();
    let mut mended = mender.push(json.to_owned());
    mended.push_str(&mender.end());
    Cow::Owned(mended)
}

/// Whether JSON has escapes of which one may be half a character: a quick look.
pub fn may_have_halves(json: &str) -> bool {
    let escapes = memchr::memmem::find_iter(json.as_bytes(), b"\\u");
    let mut digits = escapes.filter_map(|at| json.as_bytes().get(at + 2));
    digits.any(|digit| matches!(digit, b'd' | b'D'))
}

/// The same for JSON that comes in pieces. At most two escapes wait for what follows them.
#[derive(Debug, Default)]
pub struct Mender {
    waiting: String,
}

/// What stands at a backslash.
enum Found {
    /// So many bytes that may stay.
    Whole(usize),
    /// An escape that is half a character.
    Half,
    /// It depends on what comes.
    Unfinished,
}

impl Mender {
    /// Takes the next piece and gives what is certain.
    pub fn push(&mut self, piece: String) -> String {
        if self.waiting.is_empty() && memchr(b'\\', piece.as_bytes()).is_none() {
            return piece;
        }
        let text = std::mem::take(&mut self.waiting) + &piece;
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(plain) = memchr(b'\\', &text.as_bytes()[at..]) {
            out.push_str(&text[at..at + plain]);
            at += plain;
            match look(&text[at..]) {
                Found::Whole(bytes) => {
                    // The byte after a backslash may begin a longer character.
                    let end = text.ceil_char_boundary(at + bytes);
                    out.push_str(&text[at..end]);
                    at = end;
                }
                Found::Half => {
                    out.push_str(REPLACEMENT);
                    at += ESCAPE;
                }
                Found::Unfinished => {
                    self.waiting = text[at..].to_owned();
                    return out;
                }
            }
        }
        out.push_str(&text[at..]);
        out
    }

    /// Whether something waits for the next piece.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What has waited, as it came: nothing follows that could tell.
    pub fn end(&mut self) -> String {
        let waiting = std::mem::take(&mut self.waiting);
        match code(&waiting) {
            Some(0xd800..=0xdbff) => REPLACEMENT.to_owned() + &waiting[ESCAPE..],
            _ => waiting,
        }
    }
}

/// `text` begins with a backslash.
fn look(text: &str) -> Found {
    match text.as_bytes().get(1) {
        None => return Found::Unfinished,
        Some(b'u') => {}
        Some(_) => return Found::Whole(2),
    }
    let Some(first) = code(text) else {
        let is_cut = text.len() < ESCAPE && text.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit());
        return if is_cut {
            Found::Unfinished
        } else {
            Found::Whole(2)
        };
    };
    match first {
        0xd800..=0xdbff => {
            let rest = &text[ESCAPE..];
            match code(rest) {
                Some(0xdc00..=0xdfff) => Found::Whole(2 * ESCAPE),
                Some(_) => Found::Half,
                None if may_become_escape(rest) => Found::Unfinished,
                None => Found::Half,
            }
        }
        0xdc00..=0xdfff => Found::Half,
        _ => Found::Whole(ESCAPE),
    }
}

/// The number of the escape that `text` begins with.
fn code(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| all_digits)
}

fn may_become_escape(text: &str) -> bool {
    let (head, digits) = text.split_at_checked(2).unwrap_or((text, ""));
    text.len() < ESCAPE && "\\u".starts_with(head) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
