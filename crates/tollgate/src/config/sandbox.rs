//! `[sandbox]`: whether the embedded model answers for models that no channel serves.

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct SandboxTable {
    enabled: Option<Sandbox>,
}

/// When the embedded model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// While no channel is configured.
    #[default]
    Auto,
    /// For every model without a channel.
    On,
    Off,
}

pub fn resolve(table: SandboxTable) -> Sandbox {
    table.enabled.unwrap_or_default()
}

impl<'de> Deserialize<'de> for Sandbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SandboxVisitor)
    }
}

struct SandboxVisitor;

impl Visitor<'_> for SandboxVisitor {
    type Value = Sandbox;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"auto\", true or false")
    }

    fn visit_bool<E: de::Error>(self, enabled: bool) -> Result<Sandbox, E> {
        Ok(if enabled { Sandbox::On } else { Sandbox::Off })
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Sandbox, E> {
        match word {
            "auto" => Ok(Sandbox::Auto),
            other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }
}
