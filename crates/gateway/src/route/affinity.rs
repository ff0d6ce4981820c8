//! Which conversation a request belongs to, as a number: the turns of one conversation stay on one channel, so
//! that the provider's prompt cache is warm.
//!
//! Nothing is remembered. A conversation is what does not change from turn to turn: who asks, the system
//! messages and the first user message, or the `prompt_cache_key` that the client gives. Each channel draws a
//! lot from it (rendezvous hashing), the same in every gate; when a channel goes, only its own conversations move.

use sha2::{Digest, Sha256};
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::object::{Object, member_items};
use tollgate_ledger::KeyId;

use super::chance::between_0_and_1;

/// Bytes of a message that tell it from others, beside its length: images are large.
const TELLING_BYTES: usize = 4 * 1024;
/// Messages that are looked at for the first one of the user.
const OPENING: usize = 16;

/// A conversation's hash.
pub struct Conversation([u8; 32]);

impl Conversation {
    /// The channel's lot: above 0 and below 1.
    pub fn lot(&self, channel: &str) -> f64 {
        let digest = Sha256::new()
            .chain_update(self.0)
            .chain_update(channel)
            .finalize();
        let mut bits = [0; 8];
        bits.copy_from_slice(&digest[..8]);
        between_0_and_1(u64::from_be_bytes(bits))
    }
}

/// What one message says. A text alone in a list of parts is that text, and marks for the prompt cache say
/// nothing: who sets them moves them from turn to turn, and is the one who wants to stay.
#[derive(Default)]
struct Said {
    length: u64,
    telling: Vec<u8>,
}

impl Said {
    fn take(&mut self, content: &str) {
        let parts = content.starts_with('[').then(|| member_items(content).ok());
        let Some(parts) = parts.flatten() else {
            self.text(content);
            return;
        };
        for part in parts {
            match Object::parse_member(part) {
                Ok(part) if part.get("type") == Some("\"text\"") => {
                    self.text(part.get("text").unwrap_or_default());
                }
                Ok(part) => {
                    let members = part.members().iter();
                    for member in members.filter(|member| member.name != "cache_control") {
                        self.add(&member.name);
                        self.add(member.value);
                    }
                }
                Err(_) => self.add(part),
            }
        }
    }

    /// A JSON string, as the client has escaped it.
    fn text(&mut self, json: &str) {
        let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
        self.add(inner.unwrap_or(json));
    }

    fn add(&mut self, said: &str) {
        self.length += said.len() as u64;
        let room = TELLING_BYTES - self.telling.len();
        self.telling
            .extend_from_slice(&said.as_bytes()[..said.len().min(room)]);
    }
}

/// The conversation of a request that came with this key.
pub fn conversation(request: &ValidRequest, key: KeyId) -> Conversation {
    let mut hash = Sha256::new().chain_update(key.to_string());
    let body = &request.request;
    if let Some(cache_key) = body.get("prompt_cache_key") {
        return Conversation(
            hash.chain_update("\0key\0")
                .chain_update(cache_key)
                .finalize()
                .into(),
        );
    }
    let messages = body.get("messages").and_then(|json| member_items(json).ok());
    for message in messages.unwrap_or_default().into_iter().take(OPENING) {
        let Ok(message) = Object::parse_member(message) else {
            continue;
        };
        let is_user = match message.get("role") {
            Some("\"system\"" | "\"developer\"") => false,
            Some("\"user\"") => true,
            _ => continue,
        };
        let mut said = Said::default();
        said.take(message.get("content").unwrap_or_default());
        hash.update(said.length.to_be_bytes());
        hash.update(&said.telling);
        if is_user {
            break;
        }
    }
    Conversation(hash.finalize().into())
}
