//! Rules of a grammar, each kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// One of these, each a sequence of parts.
pub(crate) type Rule = Vec<Vec<Part>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// Exactly this.
    Literal(String),
    /// What this expression of a Lark terminal matches, greedily.
    Terminal(String),
    /// A JSON Schema of a single number or text.
    Json(String),
    /// Another rule.
    Rule(usize),
    /// Another rule, between so many times.
    Repeat(usize, u64, u64),
}

impl Part {
    pub(super) fn literal(text: impl Into<String>) -> Self {
        Self::Literal(text.into())
    }
}

#[derive(Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    known: HashMap<Rule, usize>,
}

impl Rules {
    /// Adds a rule and gives its number.
    pub(super) fn add(&mut self, rule: Rule) -> usize {
        // A rule that only names another one is that one.
        if let [only] = rule.as_slice()
            && let [Part::Rule(number)] = only.as_slice()
        {
            return *number;
        }
        if let Some(number) = self.known.get(&rule) {
            return *number;
        }
        let number = self.rules.len();
        self.rules.push(rule.clone());
        self.known.insert(rule, number);
        number
    }

    pub(super) fn len(&self) -> usize {
        self.rules.len()
    }

    pub(super) fn finish(self) -> Arc<[Rule]> {
        self.rules.into()
    }
}
