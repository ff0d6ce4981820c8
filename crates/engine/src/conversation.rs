//! Makes tokens of a conversation, as many as the window leaves room for.

use crate::load::Language;
use crate::prompt::Turn;
use crate::template::{Piece, TemplateError};
use crate::tokenizer::TokenizerError;
use crate::window::{Kept, keep_ends};

/// Why a conversation could not be given to the model.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) tokens: Vec<u32>,
    /// Whether the middle is missing.
    pub(crate) truncated: bool,
}

/// Beyond this many bytes for each token of room, text is cut before it is tokenised: a long text
/// costs time, and English has about four bytes a token.
const BYTES_PER_TOKEN_AT_MOST: usize = 32;

/// Encodes a conversation in at most `room` tokens, up to where the answer begins.
pub(crate) fn encode(language: &Language, turns: &[Turn], room: usize) -> Result<Encoded, PromptError> {
    let lengths: Vec<_> = turns.iter().map(|turn| turn.text.len()).collect();
    let near = keep_ends(&lengths, 1, room * BYTES_PER_TOKEN_AT_MOST);
    let mut truncated =
        lengths.iter().map(|length| length + 1).sum::<usize>() > room * BYTES_PER_TOKEN_AT_MOST;

    let mut messages = Vec::with_capacity(near.len());
    for Kept { message, front, back } in near {
        let text = &turns[message].text;
        let mut tokens = language
            .tokenizer
            .encode_text(&text[..text.floor_char_boundary(front)])?;
        if back > 0 {
            let from = text.ceil_char_boundary(text.len() - back);
            tokens.extend(language.tokenizer.encode_text(&text[from..])?);
        }
        messages.push(Message {
            role: turns[message].role,
            tokens,
        });
    }

    let mut tokens = write(language, &messages)?;
    let lengths: Vec<_> = messages.iter().map(|message| message.tokens.len()).collect();
    let frame = tokens.len() - lengths.iter().sum::<usize>();
    let each = frame.div_ceil(messages.len().max(1));
    let mut left = room;
    while tokens.len() > room {
        truncated = true;
        // What the template adds is not the same for every message: correct by what was too much.
        let kept = keep_ends(&lengths, each, left);
        let shortened: Vec<_> = kept
            .iter()
            .map(|kept| messages[kept.message].shortened(*kept))
            .collect();
        tokens = write(language, &shortened)?;
        left = left.saturating_sub(tokens.len().saturating_sub(room).max(1));
        if shortened.is_empty() {
            tokens.truncate(room);
        }
    }
    Ok(Encoded { tokens, truncated })
}

/// How many tokens a conversation has, up to where the answer begins; `None`: more than `most`. Stops as soon
/// as that is known, or `is_wanted` no longer holds.
pub(crate) fn count(
    language: &Language,
    turns: &[Turn],
    most: usize,
    is_wanted: impl Fn() -> bool,
) -> Result<Option<usize>, PromptError> {
    let messages: Vec<_> = turns
        .iter()
        .map(|turn| Message {
            role: turn.role,
            tokens: Vec::new(),
        })
        .collect();
    let mut count = write(language, &messages)?.len();
    for turn in turns {
        let before = count;
        let goes_on = |more: usize| before + more <= most && is_wanted();
        count += language.tokenizer.count(&turn.text, goes_on)?;
        if count > most || !is_wanted() {
            return Ok(None);
        }
    }
    Ok(Some(count).filter(|count| *count <= most))
}

struct Message {
    role: crate::prompt::Role,
    tokens: Vec<u32>,
}

impl Message {
    fn shortened(&self, kept: Kept) -> Self {
        let back = &self.tokens[self.tokens.len() - kept.back..];
        Self {
            role: self.role,
            tokens: [&self.tokens[..kept.front], back].concat(),
        }
    }
}

fn write(language: &Language, messages: &[Message]) -> Result<Vec<u32>, PromptError> {
    let roles: Vec<_> = messages.iter().map(|message| message.role).collect();
    let mut tokens = Vec::new();
    for piece in language.template.render(&roles)? {
        match piece {
            Piece::Template(text) => tokens.extend(language.tokenizer.encode_template(&text)?),
            Piece::Message(index) => tokens.extend(&messages[index].tokens),
        }
    }
    Ok(tokens)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
