//! Turns text into the model's tokens and tokens back into text.
//!
//! Built from the vocabulary and merges that the model file carries. The file asks for the
//! pre-tokenizer `smollm`: digits one by one, then GPT-2's byte-level split. (candle's own reader
//! does not know that name and quietly uses another split, so every number comes out wrong.)
//!
//! Control tokens such as `<|im_start|>` are recognised only in [`Tokenizer::encode_template`]. A
//! message that contains the same characters is ordinary text, so nobody can end their own turn
//! and speak as somebody else.

use std::collections::HashMap;

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

pub(crate) use text_stream::TextStream;

mod text_stream;

/// A vocabulary that cannot be used, or a text that it cannot express.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("the vocabulary is not usable: {0}")]
    Vocabulary(#[source] tokenizers::Error),
    #[error("merge {index} is not two tokens with a space between: {merge:?}")]
    Merge { index: usize, merge: String },
    #[error("token {id} holds a character that stands for no byte: {token:?}")]
    NotBytes { id: u32, token: String },
    #[error("a text could not be split into tokens: {0}")]
    Encode(#[source] tokenizers::Error),
}

/// What a model file says about its tokens.
pub(crate) struct Vocabulary {
    /// By token ID.
    pub(crate) tokens: Vec<String>,
    /// Pairs to join, first things first: two tokens with a space between.
    pub(crate) merges: Vec<String>,
    /// IDs that steer the model and are no text.
    pub(crate) control: Vec<u32>,
}

pub(crate) struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// What a token adds to the text, by ID; nothing for control tokens.
    bytes: Vec<Box<[u8]>>,
    /// Control tokens with their names, the longest first.
    control: Vec<(String, u32)>,
}

impl Tokenizer {
    pub(crate) fn new(vocabulary: Vocabulary) -> Result<Self, TokenizerError> {
        let Vocabulary {
            tokens,
            merges,
            control,
        } = vocabulary;
        let mut bytes = Vec::with_capacity(tokens.len());
        let letters = byte_letters();
        for (id, token) in (0..).zip(&tokens) {
            let text = token.chars().map(|letter| letters.get(&letter).copied());
            bytes.push(match text.collect::<Option<Box<[u8]>>>() {
                _ if control.contains(&id) => Box::default(),
                Some(text) => text,
                None => {
                    return Err(TokenizerError::NotBytes {
                        id,
                        token: token.clone(),
                    });
                }
            });
        }
        let mut control: Vec<_> = control
            .into_iter()
            .map(|id| (tokens[id as usize].clone(), id))
            .collect();
        control.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));

        let vocabulary: HashMap<String, u32> = tokens.into_iter().zip(0..).collect();
        let merges = merges.into_iter().enumerate().map(|(index, merge)| {
            let pair = merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
            pair.ok_or(TokenizerError::Merge { index, merge })
        });
        let model = BPE::builder()
            .vocab_and_merges(
                vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(),
                merges.collect::<Result<_, _>>()?,
            )
            .build()
            .map_err(TokenizerError::Vocabulary)?;
        let mut inner = tokenizers::Tokenizer::new(model);
        inner.with_pre_tokenizer(Some(Sequence::new(vec![
            Digits::new(true).into(),
            ByteLevel::new(false, false, true).into(),
        ])));
        Ok(Self {
            inner,
            bytes,
            control,
        })
    }

    /// Tokens of a text by a stranger: never a control token.
    pub(crate) fn encode_text(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut tokens = Vec::new();
        for piece in pieces(text) {
            tokens.extend_from_slice(self.encode_piece(piece)?.get_ids());
        }
        Ok(tokens)
    }

    /// How many tokens a text has, as far as `goes_on` is content with the count so far.
    pub(crate) fn count(&self, text: &str, goes_on: impl Fn(usize) -> bool) -> Result<usize, TokenizerError> {
        let mut count = 0;
        for piece in pieces(text) {
            if !goes_on(count) {
                break;
            }
            count += self.encode_piece(piece)?.len();
        }
        Ok(count)
    }

    fn encode_piece(&self, piece: &str) -> Result<tokenizers::Encoding, TokenizerError> {
        self.inner
            .encode_fast(piece, false)
            .map_err(TokenizerError::Encode)
    }

    /// Tokens of a text that comes with the model, in which names of control tokens are meant.
    pub(crate) fn encode_template(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let mut tokens = Vec::new();
        let mut rest = text;
        loop {
            let next = self.control.iter().filter_map(|(name, id)| {
                rest.find(name.as_str())
                    .map(|at| (at, std::cmp::Reverse(name.len()), *id))
            });
            let Some((at, std::cmp::Reverse(length), id)) = next.min() else {
                tokens.extend(self.encode_text(rest)?);
                return Ok(tokens);
            };
            tokens.extend(self.encode_text(&rest[..at])?);
            tokens.push(id);
            rest = &rest[at + length..];
        }
    }

    /// The bytes that a token adds to a text. They need not be whole characters.
    pub(crate) fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], |bytes| bytes)
    }

    /// The bytes that a token adds to a text; for a control token its name, so that it can be shown.
    pub(crate) fn name(&self, token: u32) -> &[u8] {
        let control = self.control.iter().find(|(_, id)| *id == token);
        control.map_or_else(|| self.bytes(token), |(name, _)| name.as_bytes())
    }

    /// How many tokens there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Any of the tokens that steer the model, if there are some.
    pub(crate) fn first_control(&self) -> Option<u32> {
        self.control.first().map(|(_, id)| *id)
    }

    /// Whether a token steers the model and is no text. An answer ends where one comes.
    pub(crate) fn is_control(&self, token: u32) -> bool {
        self.control.iter().any(|(_, id)| *id == token)
    }
}

/// Bytes that are tokenised at once: each takes some hundred bytes of memory meanwhile.
const PIECE: usize = 16 << 10;

/// A text in pieces of limited length that have the same tokens one by one as together: a token never goes
/// on across the beginning of white space. A longer text without white space is cut all the same.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.len() <= PIECE {
            return Some(std::mem::take(&mut rest)).filter(|last| !last.is_empty());
        }
        let most = rest.floor_char_boundary(PIECE);
        let begins = |at: &usize| {
            let before = rest[..*at].chars().next_back();
            before.is_some_and(|letter| !letter.is_whitespace())
        };
        let space = rest[..most]
            .char_indices()
            .rev()
            .filter(|(_, letter)| letter.is_whitespace());
        let cut = space.map(|(at, _)| at).find(begins).unwrap_or(most);
        let (piece, after) = rest.split_at(cut);
        rest = after;
        Some(piece)
    })
}

/// GPT-2's letters for bytes: printable ones stand for themselves, the others follow from U+0100 on.
fn byte_letters() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let (own, other): (Vec<u8>, Vec<u8>) = (0..=u8::MAX).partition(printable);
    let own = own.into_iter().map(|byte| (char::from(byte), byte));
    own.chain(('\u{100}'..).zip(other)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
pub(crate) mod tests;
