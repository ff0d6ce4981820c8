//! The tier of service that answered: some cost more than the standard one, some less.

use std::fmt;

/// A tier as the provider names it, in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTier(Box<str>);

/// Words for the tier that is had without asking for one.
const STANDARD: [&str; 4] = ["default", "standard", "auto", "on_demand"];
/// Most bytes of a tier's name.
const NAME_LIMIT: usize = 32;

impl ServiceTier {
    /// Reads the word that an answer has for it. `None`: no word that a tier could have.
    ///
    /// Google says how a prompt was paid for before it says how quickly (`ON_DEMAND_PRIORITY`); what is left is the
    /// word that others use.
    pub fn read(word: &str) -> Option<Self> {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let is_name = (1..=NAME_LIMIT).contains(&word.len()) && word.bytes().all(is_part);
        let name = is_name.then(|| word.to_ascii_lowercase())?;
        Some(Self(name.strip_prefix("on_demand_").unwrap_or(&name).into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a word means the tier that is had without asking for one.
    pub fn is_standard(word: &str) -> bool {
        STANDARD.contains(&word)
    }
}

impl fmt::Display for ServiceTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
