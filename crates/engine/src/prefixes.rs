//! Remembers prompts that were read, so that what begins alike is read once.
//!
//! Made for system prompts that come with every request, and for several answers to one prompt. A
//! remembered prompt keeps its pages, which sequences share, so finding one copies next to nothing.
//! Keys and values of a token depend on what stands before it alone, so an answer does not change with
//! what is remembered.

use crate::forward::KvCache;

/// Shorter beginnings are no better than reading.
const WORTH_IT: usize = 8;

/// Most prompts that are compared with a new one.
const PROMPTS: usize = 64;

pub(crate) struct Prefixes {
    /// Tokens that may be remembered in all, each prompt by itself.
    limit: usize,
    /// The last used first.
    prompts: Vec<Prompt>,
}

struct Prompt {
    tokens: Vec<u32>,
    cache: KvCache,
}

impl Prefixes {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            prompts: Vec::new(),
        }
    }

    /// What was read of the longest remembered beginning of `tokens`, if that is worth it. At least one
    /// token is left to read, since the next one is chosen by what the last one gives.
    pub(crate) fn find(&mut self, tokens: &[u32]) -> Option<KvCache> {
        let alike = |prompt: &Prompt| {
            let pairs = prompt.tokens.iter().zip(tokens);
            pairs.take_while(|(a, b)| a == b).count()
        };
        let lengths = self.prompts.iter().map(alike).enumerate();
        // Of equal ones the last used, which stands first.
        let (index, length) = lengths.rev().max_by_key(|(_, length)| *length)?;
        let length = length.min(tokens.len().saturating_sub(1));
        if length < WORTH_IT {
            return None;
        }
        self.prompts[..=index].rotate_right(1);
        let mut cache = self.prompts[0].cache.clone();
        cache.truncate(length);
        Some(cache)
    }

    /// Remembers a prompt that was read; what was not used for longest makes room for it.
    pub(crate) fn keep(&mut self, tokens: &[u32], cache: &KvCache) {
        let tokens = &tokens[..tokens.len().min(cache.len()).min(self.limit)];
        if tokens.len() < WORTH_IT {
            return;
        }
        let mut cache = cache.clone();
        cache.truncate(tokens.len());
        // A shorter one is in this one.
        self.prompts.retain(|prompt| !tokens.starts_with(&prompt.tokens));
        self.prompts.insert(
            0,
            Prompt {
                tokens: tokens.to_vec(),
                cache,
            },
        );
        self.prompts.truncate(PROMPTS);
        let mut left = self.limit;
        self.prompts.retain(|prompt| {
            let fits = prompt.tokens.len() <= left;
            left = left.saturating_sub(prompt.tokens.len());
            fits
        });
    }
}

#[cfg(test)]
mod tests;
