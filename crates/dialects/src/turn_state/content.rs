//! A running hash of what a turn says.

use sha2::{Digest, Sha256};

use super::TurnKey;
use crate::conversation::{Assistant, Source};

/// Text and images so far. Pieces of text hash like the whole text.
#[derive(Debug, Default, Clone)]
pub(super) struct Content {
    text: Sha256,
    text_bytes: usize,
    /// The text up to its last character that is no white space: clients strip what follows.
    stripped: Sha256,
    says_something: bool,
    images: Sha256,
    has_images: bool,
}

/// By what a text is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TextMark {
    pub bytes: usize,
    pub(super) hash: [u8; 32],
}

impl Content {
    pub fn of(turn: &Assistant<'_>) -> Self {
        let mut content = Self::default();
        content.text(&turn.text());
        for image in turn.images() {
            match image {
                Source::Data { media_type, base64 } => {
                    content.image(&crate::data_uri::join(media_type, base64));
                }
                Source::Url(url) | Source::Stored(url) => content.image(url),
            }
        }
        content
    }

    pub fn text(&mut self, text: &str) {
        let stripped = text.trim_end();
        if !stripped.is_empty() {
            self.stripped = self.text.clone();
            self.stripped.update(stripped);
            self.says_something = true;
        }
        self.text.update(text);
        self.text_bytes += text.len();
    }

    pub fn image(&mut self, url: &str) {
        self.images.update(Sha256::digest(url));
        self.has_images = true;
    }

    pub fn text_mark(&self) -> TextMark {
        TextMark {
            bytes: self.text_bytes,
            hash: self.text.clone().finalize().into(),
        }
    }

    /// White space at the end does not count. `None`: nothing was said.
    pub fn key(self) -> Option<TurnKey> {
        if !self.says_something && !self.has_images {
            return None;
        }
        let mut both = Sha256::new();
        both.update(self.stripped.finalize());
        both.update(self.images.finalize());
        Some(TurnKey::Content(both.finalize().into()))
    }
}

impl TextMark {
    pub fn of(text: &str) -> Self {
        let mut content = Content::default();
        content.text(text);
        content.text_mark()
    }
}
