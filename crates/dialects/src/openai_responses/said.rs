//! What of a text has been passed on, so that a later whole of it can tell what is missing.

use sha2::{Digest, Sha256};

/// Pieces that were passed on, as their length and their hash: texts may be long.
#[derive(Debug, Default, Clone)]
pub struct Said {
    bytes: usize,
    hash: Sha256,
}

impl Said {
    pub fn push(&mut self, piece: &str) {
        self.bytes += piece.len();
        self.hash.update(piece);
    }

    /// Bytes that were passed on.
    pub fn len(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What of `whole` has not been passed on; nothing where it does not begin with what has: then the
    /// provider has rewritten it, and what the client has stays.
    pub fn rest_of<'a>(&self, whole: &'a str) -> &'a str {
        let Some((head, rest)) = whole.split_at_checked(self.bytes) else {
            return "";
        };
        let is_the_same = self.is_empty() || Sha256::digest(head) == self.hash.clone().finalize();
        if rest.is_empty() || !is_the_same { "" } else { rest }
    }
}
