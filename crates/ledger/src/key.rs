//! The text of an API key, and what is kept of it.
//!
//! The text itself leaves this process once, when the key is made; from then on only its SHA-256
//! is known. A plain hash is enough, since the text is random and cannot be guessed as a password
//! can.
//! Not here: what a key may do ([`crate::api_key`]), and how one is found (`store`).

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::account::below_zero;

/// Fewer characters than this could be guessed, and are not taken over from another gate.
const LEAST_CHARS: usize = 20;
/// More than this no gate makes, and none is looked for.
const MOST_CHARS: usize = 512;
/// What every key's text starts with, as OpenAI's do, so that secret scanners know it.
const MARK: &str = "sk-";
/// Random characters after the mark: 62^48 texts, a little over 285 bits.
const RANDOM_CHARS: usize = 48;
/// Characters of a text that logs may show: the mark and six more; the other 42 are still 250 bits.
const SHOWN_CHARS: usize = MARK.len() + 6;
/// Of a text from elsewhere, which may be shorter, at most one in so many.
const SHOWN_PART: usize = 4;
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The text of an API key: what a client presents. Those that are made here are `sk-` and 48 letters and digits; one
/// that another gate made is taken over as it is.
///
/// Never logged: [`fmt::Debug`] shows the prefix alone. [`KeyText::reveal`] is the one way to the
/// whole text.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(String);

impl KeyText {
    /// Random bytes needed to make a key.
    pub const RANDOM_BYTES: usize = 64;

    /// Makes a key's text out of random bytes.
    ///
    /// The bytes are read as one number that is written with 62 digits, its last 48 of them. With
    /// 512 bits of number for 286 bits of text, no text is likelier than another by more than one
    /// part in 2^226.
    pub fn from_random(random: &[u8; Self::RANDOM_BYTES]) -> Self {
        Self(marked(MARK, random))
    }

    /// SHA-256 of the whole text: what the database keeps and looks up.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }

    /// The part that may be shown and logged.
    pub fn prefix(&self) -> KeyPrefix {
        KeyPrefix(self.0[..SHOWN_CHARS.min(self.0.len() / SHOWN_PART)].to_owned())
    }

    /// The whole text. For the person who made the key, at that moment only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A mark, and letters and digits after it.
fn marked(mark: &str, random: &[u8; KeyText::RANDOM_BYTES]) -> String {
    let mut number = *random;
    let mut text = String::with_capacity(mark.len() + RANDOM_CHARS);
    text.push_str(mark);
    for _ in 0..RANDOM_CHARS {
        text.push(char::from(ALPHABET[divide_by_62(&mut number)]));
    }
    text
}

/// What an operator presents to the admin API: `tgo_`, or `tgs_` for that of a session, and 48 letters and digits.
///
/// Never logged: [`fmt::Debug`] shows the prefix alone.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorText(String);

impl OperatorText {
    /// One that an operator keeps.
    pub fn token(random: &[u8; KeyText::RANDOM_BYTES]) -> Self {
        Self(marked("tgo_", random))
    }

    /// One of a session.
    pub fn session(random: &[u8; KeyText::RANDOM_BYTES]) -> Self {
        Self(marked("tgs_", random))
    }

    /// SHA-256 of the whole text.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }

    /// The part that may be shown and logged.
    pub fn prefix(&self) -> KeyPrefix {
        KeyPrefix(self.0[..SHOWN_CHARS + 1].to_owned())
    }

    /// The whole text. For the operator, at that moment only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OperatorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorText({}…)", self.prefix())
    }
}

/// Divides a number, highest byte first, by 62 in place and returns the remainder.
fn divide_by_62(number: &mut [u8]) -> usize {
    let mut remainder = 0_usize;
    for byte in number {
        let dividend = remainder * 256 + usize::from(*byte);
        *byte = u8::try_from(dividend / 62).expect("the remainder before was below 62");
        remainder = dividend % 62;
    }
    remainder
}

impl FromStr for KeyText {
    type Err = NotAKey;

    /// Takes a text that another gate may have made. Says nothing about whether it did.
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let has_length = (LEAST_CHARS..=MOST_CHARS).contains(&text.len());
        match has_length && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(text.to_owned())),
            false => Err(NotAKey),
        }
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyText({}…)", self.prefix())
    }
}

/// A text that no API key can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: expected {LEAST_CHARS} to {MOST_CHARS} letters, digits and signs")]
pub struct NotAKey;

/// SHA-256 of a key's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Of what a client presents, whoever made it. `None`: it is too long to be a key.
    pub fn of_presented(text: &str) -> Option<Self> {
        (text.len() <= MOST_CHARS).then(|| Self::of(text))
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let digits = text.as_bytes().as_chunks::<2>();
        if digits.0.len() != bytes.len() || !digits.1.is_empty() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.0) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            *byte = u8::try_from(high? * 16 + low?).ok()?;
        }
        Some(Self(bytes))
    }

    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    /// The first four bytes: enough to tell two apart, of no use to anyone else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "KeyHash({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

/// The first characters of a key's text, by which people and logs name it (`key_prefix`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPrefix(String);

impl KeyPrefix {
    /// What names a key of which only the hash is known: eight of its 64 digits.
    pub fn of_hash(hash: &KeyHash) -> Self {
        let [a, b, c, d, ..] = hash.0;
        Self(format!("sha256:{a:02x}{b:02x}{c:02x}{d:02x}"))
    }

    /// Takes the prefix as it was stored.
    pub fn from_stored(prefix: String) -> Self {
        Self(prefix)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key's number in the database: above zero, of no other key of it, and the same after a rename. A database that was
/// restored from a copy gives the numbers of later keys once more ([`crate::Made`], [`Holder`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(i64);

impl KeyId {
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    pub fn get(self) -> i64 {
        self.0
    }

    /// As the books name a key that their database does not have: by its number below zero, which no key gets.
    #[must_use]
    pub fn missing(self) -> Self {
        Self(below_zero(self.0))
    }

    /// The number that it had, where the books name it so.
    pub fn had_number(self) -> Option<u64> {
        (self.0 < 0).then(|| self.0.unsigned_abs())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// For whom something is kept that may outlast its key in the database: a key that is given the number of one that was
/// lost with a restore is another holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    pub key: KeyId,
    /// When it was made, in microseconds since 1970.
    made_us: i64,
}

impl Holder {
    pub fn new(key: KeyId, made: Timestamp) -> Self {
        Self {
            key,
            made_us: made.as_microsecond(),
        }
    }

    /// The same in every gate, and that of no other key.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.key.get().to_le_bytes());
        bytes[8..].copy_from_slice(&self.made_us.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests;
