//! Who asks, as far as attempts have to know.

use jiff::Timestamp;
use tollgate_dialects::{Note, Unsupported};
use tollgate_ledger::{AllowedModels, Holder, KeyId};
use tollgate_store::WarmKey;

/// An API key's part in how its request is tried.
#[derive(Debug, Clone)]
pub struct Caller {
    pub holder: Holder,
    /// What it may call.
    pub models: AllowedModels,
    /// Whether its money is counted, so that it may not go where no price is known.
    pub pays: bool,
    /// Whether it wants its parameters sent as they are, or not at all.
    pub strict_parameters: bool,
}

impl Caller {
    pub fn of(key: &WarmKey) -> Self {
        let (holder, pays) = (key.holder(), key.counts_money());
        let key = &key.key;
        Self {
            holder,
            models: key.settings.models.clone(),
            pays,
            strict_parameters: key.settings.strict_parameters,
        }
    }

    /// No key: nothing is kept for it, and what it asks is the gate's own question.
    pub fn nobody() -> Self {
        Self {
            holder: Holder::new(KeyId::new(0), Timestamp::UNIX_EPOCH),
            models: AllowedModels::default(),
            pays: false,
            strict_parameters: false,
        }
    }

    /// Fails where a parameter was left out, moved or cut, and the key does not want that. What the gate
    /// does in a provider's stead is what was asked for.
    pub fn accept(&self, notes: &[Note]) -> Result<(), Unsupported> {
        if !self.strict_parameters {
            return Ok(());
        }
        let refused = notes.iter().find_map(|note| match note {
            Note::Omitted(name) => Some((name, "leave it out")),
            Note::Moved(name) => Some((name, "change it")),
            Note::Truncated(name) => Some((name, "use a part of it")),
            Note::Emulated(_) | Note::Estimated(_) => None,
        });
        let Some((param, done)) = refused else {
            return Ok(());
        };
        let problem = format!(
            "no provider of this model takes `{param}` as it is, and this API key does not let the gate {done}"
        );
        Err(Unsupported::new(param, problem))
    }
}

#[cfg(test)]
mod tests;
