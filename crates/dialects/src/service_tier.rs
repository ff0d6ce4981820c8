//! What an answer says of the tier of service that it came from.
//!
//! The standard tier is not spoken of: most answers have it. Not here: what a tier costs (`catalog`).

use tollgate_chat::{event::EventKind, object::Object, service_tier::ServiceTier};

use crate::Dialect;

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

/// The tier that a whole answer names, whatever else it says.
pub fn in_answer(dialect: Dialect, answer: &Object<'_>) -> Option<ServiceTier> {
    const BESIDE_THE_CHOICES: (Option<&str>, &str) = (None, "service_tier");
    const AMONG_THE_COUNTS: (Option<&str>, &str) = (Some("usage"), "service_tier");
    let places: &[_] = match dialect {
        Dialect::OpenaiChat => &[BESIDE_THE_CHOICES, AMONG_THE_COUNTS],
        Dialect::OpenaiResponses => &[BESIDE_THE_CHOICES],
        Dialect::AnthropicMessages => &[AMONG_THE_COUNTS],
        // The one is the Gemini API's, the other Vertex'.
        Dialect::Gemini => &[
            (Some("usageMetadata"), "serviceTier"),
            (Some("usageMetadata"), "trafficType"),
        ],
    };
    places.iter().find_map(|(within, name)| {
        let word: String = match within {
            None => answer.read(name)?,
            Some(within) => Object::parse(answer.present(within)?).ok()?.read(name)?,
        };
        ServiceTier::read(&word)
    })
}
