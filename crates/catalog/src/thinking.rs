//! Thinking as the gate understands it: one meaning for `reasoning_effort`, `thinking` and
//! `enable_thinking`, whatever the model.

use serde::Deserialize;

/// How hard a model should think, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
    Max,
}

impl Effort {
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Minimal,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Xhigh,
        Self::Max,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// Reads the word on the wire; `None` for any other word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effort| effort.as_str() == word)
    }

    /// The level of `taken` nearest to this one, the higher of two equally near. `None` only where
    /// `taken` is empty. [`Effort::None`] is near to nothing but itself: a request to think never
    /// becomes one not to think, unless there is no other level.
    pub fn nearest(self, taken: &[Self]) -> Option<Self> {
        let distance = |level: Self| {
            let steps = (level as i32 - self as i32).abs();
            let crosses = (level == Self::None) != (self == Self::None);
            (
                if crosses { 100 + steps } else { steps },
                std::cmp::Reverse(level),
            )
        };
        taken.iter().copied().min_by_key(|level| distance(*level))
    }
}

/// What a request says about thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// Nothing: the documented default, else the provider's, is in force.
    #[default]
    Unset,
    Off,
    On {
        effort: Option<Effort>,
        /// Tokens for thinking, where the client gave a budget.
        budget: Option<u64>,
    },
}
