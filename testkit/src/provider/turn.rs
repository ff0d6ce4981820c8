//! What a provider says in one answer, in no protocol's words.
//!
//! One turn is written in every protocol (`super::speech`), so that one test holds for all of them.
//! Signatures stand where Anthropic has them, on the thought; Gemini's go to the part that follows.

use serde_json::Value;

/// One answer of a provider.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turn {
    pub(super) blocks: Vec<Block>,
    pub(super) tokens: Tokens,
    pub(super) ending: Option<Ending>,
}

/// One part of an answer. Pieces are streamed one by one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    Text {
        pieces: Vec<String>,
        signature: Option<String>,
    },
    Thought {
        pieces: Vec<String>,
        signature: Option<String>,
    },
    /// A thought that nobody may read (Anthropic); for Responses one without a summary.
    Redacted { data: String },
    Call {
        /// Empty: none is given, where the protocol allows that.
        id: String,
        name: String,
        arguments: Value,
        signature: Option<String>,
    },
    Image {
        media_type: String,
        base64: String,
        signature: Option<String>,
    },
}

/// Why an answer ends, where that does not follow from its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Length,
    Filtered,
    StopString(String),
    /// In the provider's own word.
    Own(String),
}

/// Tokens by class. No class holds another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt, neither read from a cache nor written to one.
    pub fresh: u64,
    pub cache_read: u64,
    pub cache_write_5m: u64,
    pub cache_write_1h: u64,
    /// Of the answer, without thoughts.
    pub answer: u64,
    pub thoughts: u64,
}

impl Tokens {
    /// All tokens that were read.
    pub fn prompt(&self) -> u64 {
        self.fresh + self.cache_read + self.cache_write_5m + self.cache_write_1h
    }

    /// All tokens that were written.
    pub fn completion(&self) -> u64 {
        self.answer + self.thoughts
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            fresh: 21,
            cache_read: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
            answer: 8,
            thoughts: 0,
        }
    }
}

impl Turn {
    /// An answer that says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says text; in a stream in these pieces.
    #[must_use]
    pub fn says<'a>(self, pieces: impl IntoIterator<Item = &'a str>) -> Self {
        let pieces = owned(pieces);
        self.and(Block::Text {
            pieces,
            signature: None,
        })
    }

    /// Thinks; in a stream in these pieces. Without any piece, the thought is not shown.
    #[must_use]
    pub fn thinks<'a>(self, pieces: impl IntoIterator<Item = &'a str>) -> Self {
        let pieces = owned(pieces);
        self.and(Block::Thought {
            pieces,
            signature: None,
        })
    }

    /// Thinks what nobody may read.
    #[must_use]
    pub fn thinks_in_secret(self, data: &str) -> Self {
        self.and(Block::Redacted {
            data: data.to_owned(),
        })
    }

    /// Calls a tool. An empty ID: the provider gives none, where its protocol allows that.
    #[must_use]
    pub fn calls(self, id: &str, name: &str, arguments: Value) -> Self {
        self.and(Block::Call {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments,
            signature: None,
        })
    }

    /// Draws a picture.
    #[must_use]
    pub fn draws(self, media_type: &str, base64: &str) -> Self {
        self.and(Block::Image {
            media_type: media_type.to_owned(),
            base64: base64.to_owned(),
            signature: None,
        })
    }

    /// Signs the last part: Anthropic's `signature`, Gemini's `thoughtSignature` (a thought's goes to
    /// the part after it), the `encrypted_content` of a Responses item.
    ///
    /// # Panics
    /// Where there is no part yet that could be signed.
    #[must_use]
    pub fn signed(mut self, signature: &str) -> Self {
        let last = self.blocks.last_mut().expect("there is a part to sign");
        match last {
            Block::Text { signature: own, .. }
            | Block::Thought { signature: own, .. }
            | Block::Call { signature: own, .. }
            | Block::Image { signature: own, .. } => *own = Some(signature.to_owned()),
            Block::Redacted { .. } => panic!("a redacted thought has no signature"),
        }
        self
    }

    /// Took these tokens.
    #[must_use]
    pub fn took(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Ends because the token limit is reached; arguments of a last call may be broken off.
    #[must_use]
    pub fn runs_out_of_tokens(self) -> Self {
        self.ends(Ending::Length)
    }

    /// Ends because a filter stopped it.
    #[must_use]
    pub fn is_filtered(self) -> Self {
        self.ends(Ending::Filtered)
    }

    /// Ends at one of the client's stop strings, for providers that tell which.
    #[must_use]
    pub fn stops_at(self, text: &str) -> Self {
        self.ends(Ending::StopString(text.to_owned()))
    }

    /// Ends with this reason, in the provider's own word.
    #[must_use]
    pub fn ends_with(self, reason: &str) -> Self {
        self.ends(Ending::Own(reason.to_owned()))
    }

    fn and(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    fn ends(mut self, ending: Ending) -> Self {
        self.ending = Some(ending);
        self
    }

    pub(super) fn calls_a_tool(&self) -> bool {
        self.blocks
            .iter()
            .any(|block| matches!(block, Block::Call { .. }))
    }

    /// Whether one of its calls has this ID.
    pub(super) fn has_call(&self, wanted: &str) -> bool {
        let own = |block: &Block| matches!(block, Block::Call { id, .. } if id == wanted);
        self.blocks.iter().any(own)
    }

    /// Whether this signature, or this secret thought, was given with it.
    pub(super) fn gave_signature(&self, wanted: &str) -> bool {
        self.blocks.iter().any(|block| match block {
            Block::Text { signature, .. }
            | Block::Thought { signature, .. }
            | Block::Call { signature, .. }
            | Block::Image { signature, .. } => signature.as_deref() == Some(wanted),
            Block::Redacted { data } => data == wanted,
        })
    }

    /// As Gemini signs: a thought has no signature of its own, the part that follows has it.
    pub(super) fn signed_behind_thoughts(&self) -> Vec<Block> {
        let mut waiting = None;
        let mut blocks = self.blocks.clone();
        for block in &mut blocks {
            match block {
                Block::Thought { signature, .. } => waiting = signature.take().or(waiting),
                Block::Text { signature, .. }
                | Block::Call { signature, .. }
                | Block::Image { signature, .. } => *signature = signature.take().or(waiting.take()),
                Block::Redacted { .. } => {}
            }
        }
        blocks
    }
}

fn owned<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    pieces.into_iter().map(str::to_owned).collect()
}
