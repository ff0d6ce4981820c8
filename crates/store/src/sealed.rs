//! Credentials at rest: sealed by a key that the database does not have.
//!
//! AES-256-GCM (NIST SP 800-38D) with a random nonce; what a credential is of is authenticated with it, so that one
//! cannot be put in another's place. The form is a byte of version, four that tell keys apart, the nonce, and the sealed
//! bytes with their tag.
//! Not here: where the key comes from (the binary's configuration).

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
    rand,
};

const VERSION: u8 = 1;
const MARK_LEN: usize = 4;
const HEAD_LEN: usize = 1 + MARK_LEN + NONCE_LEN;

/// The key that seals, and an earlier one that only opens.
#[derive(Default)]
pub struct SealingKeys {
    current: Option<SealingKey>,
    before: Option<SealingKey>,
}

/// A key of 32 bytes.
pub struct SealingKey {
    key: LessSafeKey,
    /// Tells it from others, and nothing else.
    mark: [u8; MARK_LEN],
}

/// Why something is not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("there is no sealing key: set TOLLGATE_SEALING_KEY to 32 random bytes in base64")]
    NoKey,
    #[error("it was sealed by another key than TOLLGATE_SEALING_KEY or the one before it")]
    OtherKey,
    #[error("what is sealed is damaged, or is another channel's")]
    Damaged,
    #[error("the system gave no random bytes")]
    Random,
}

impl SealingKey {
    pub fn new(bytes: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("the key has the length of the algorithm");
        let mut mark = [0; MARK_LEN];
        mark.copy_from_slice(&digest(&SHA256, bytes).as_ref()[..MARK_LEN]);
        Self {
            key: LessSafeKey::new(key),
            mark,
        }
    }
}

impl SealingKeys {
    pub fn new(current: Option<SealingKey>, before: Option<SealingKey>) -> Self {
        Self { current, before }
    }

    pub fn has_current(&self) -> bool {
        self.current.is_some()
    }

    pub fn has_before(&self) -> bool {
        self.before.is_some()
    }

    /// Seals a text that belongs to the thing of this name.
    pub fn seal(&self, of: &str, text: &str) -> Result<Vec<u8>, SealError> {
        let key = self.current.as_ref().ok_or(SealError::NoKey)?;
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError::Random)?;
        let mut sealed = text.as_bytes().to_vec();
        key.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(of.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| SealError::Damaged)?;
        let mut whole = Vec::with_capacity(HEAD_LEN + sealed.len());
        whole.push(VERSION);
        whole.extend_from_slice(&key.mark);
        whole.extend_from_slice(&nonce);
        whole.extend_from_slice(&sealed);
        Ok(whole)
    }

    /// The text that was sealed for the thing of this name.
    pub fn open(&self, of: &str, sealed: &[u8]) -> Result<String, SealError> {
        let (head, body) = sealed.split_at_checked(HEAD_LEN).ok_or(SealError::Damaged)?;
        if head[0] != VERSION {
            return Err(SealError::Damaged);
        }
        let (mark, nonce) = head[1..].split_at(MARK_LEN);
        let keys = [&self.current, &self.before];
        let mut keys = keys.into_iter().flatten();
        if self.current.is_none() && self.before.is_none() {
            return Err(SealError::NoKey);
        }
        let key = keys.find(|key| key.mark == mark).ok_or(SealError::OtherKey)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
        let mut body = body.to_vec();
        let text = key
            .key
            .open_in_place(nonce, Aad::from(of.as_bytes()), &mut body)
            .map_err(|_| SealError::Damaged)?;
        String::from_utf8(text.to_vec()).map_err(|_| SealError::Damaged)
    }
}

/// Whether they are the same keys, by what tells keys apart.
impl PartialEq for SealingKeys {
    fn eq(&self, other: &Self) -> bool {
        let marks = |keys: &Self| [&keys.current, &keys.before].map(|key| key.as_ref().map(|key| key.mark));
        marks(self) == marks(other)
    }
}

/// Never the key.
impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys")
            .field("current", &self.current.is_some())
            .field("before", &self.before.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn keys(current: u8, before: Option<u8>) -> SealingKeys {
        let key = |byte| SealingKey::new(&[byte; 32]);
        SealingKeys::new(Some(key(current)), before.map(key))
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_alone_and_for_its_owner_alone() {
        let sealed = keys(1, None).seal("main", "sk-secret").unwrap();

        assert_eq!(keys(1, None).open("main", &sealed).unwrap(), "sk-secret");
        assert_eq!(keys(2, Some(1)).open("main", &sealed).unwrap(), "sk-secret");
        assert_eq!(keys(1, None).open("other", &sealed), Err(SealError::Damaged));
        assert_eq!(keys(2, None).open("main", &sealed), Err(SealError::OtherKey));
        assert_eq!(
            SealingKeys::default().open("main", &sealed),
            Err(SealError::NoKey)
        );
        assert_eq!(SealingKeys::default().seal("main", "x"), Err(SealError::NoKey));
    }

    #[test]
    fn two_of_the_same_look_different_and_neither_shows_anything() {
        let [one, two] = [(); 2].map(|()| keys(1, None).seal("main", "sk-secret").unwrap());

        assert_ne!(one, two);
        assert!(!one.windows(9).any(|part| part == b"sk-secret"));
    }

    #[test]
    fn any_change_is_noticed() {
        let sealed = keys(1, None).seal("main", "sk-secret").unwrap();

        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(
                keys(1, None).open("main", &changed).is_err(),
                "byte {place} may change"
            );
        }
        for length in 0..sealed.len() {
            assert!(keys(1, None).open("main", &sealed[..length]).is_err());
        }
    }
}
