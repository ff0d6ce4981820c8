//! Ranges of numbers that are taken.

use serde::{Deserialize, Deserializer};

/// A closed range of numbers, or one that leaves an end out.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub min: f64,
    pub max: f64,
    /// Smallest distance kept from `min` where `min` itself is refused; 0: `min` is taken.
    #[serde(default)]
    pub above_min: f64,
    /// Smallest distance kept from `max` where `max` itself is refused; 0: `max` is taken.
    #[serde(default)]
    pub below_max: f64,
}

impl Range {
    /// Both ends are taken.
    pub const fn closed(min: f64, max: f64) -> Self {
        Self {
            min,
            max,
            above_min: 0.0,
            below_max: 0.0,
        }
    }

    /// Whether the ends are numbers in the right order; without it [`Range::nearest`] would panic.
    pub(super) fn holds_a_value(&self) -> bool {
        let (low, high) = (self.min + self.above_min, self.max - self.below_max);
        low.is_finite() && high.is_finite() && self.above_min >= 0.0 && self.below_max >= 0.0 && low <= high
    }

    /// The value in the range that is nearest to `value`.
    pub fn nearest(&self, value: f64) -> f64 {
        value.clamp(self.min + self.above_min, self.max - self.below_max)
    }
}

/// TOML has no null: `temperature = "none"` says that the parameter is not taken.
pub(super) fn range_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Range>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Range(Range),
        Word(Word),
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        None,
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Range(range) => Some(range),
        Written::Word(Word::None) => None,
    })
}
