//! What an answer says of the tier of service that it came from.
//!
//! The standard tier is not spoken of: most answers have it. Not here: what a tier costs (`catalog`).

use tollgate_chat::{event::EventKind, object::Object, service_tier::ServiceTier};

/// The tier that an answer has named so far. The last word counts: at its start an answer may name the tier that was
/// asked for, and at its end another one.
#[derive(Debug, Default)]
pub struct AnsweringTier {
    told: Option<ServiceTier>,
}

impl AnsweringTier {
    /// The tier that this member of `object` names, where it is news.
    pub fn heard(&mut self, object: &Object<'_>, name: &str) -> Option<EventKind> {
        let word = object.present(name)?;
        let word = word.strip_prefix('"')?.strip_suffix('"')?;
        if self.told.is_none() && ServiceTier::is_standard(word) {
            return None;
        }
        let tier = ServiceTier::read(word)?;
        let is_first = self.told.is_none();
        if (is_first && ServiceTier::is_standard(tier.as_str())) || self.told.as_ref() == Some(&tier) {
            return None;
        }
        self.told = Some(tier.clone());
        Some(EventKind::ServiceTier(tier))
    }
}
