//! Whether texts fit patterns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use llguidance::derivre::Regex;

use super::{NoPattern, Pattern};
use crate::effort::Effort;
use crate::schema::write::Writer;

/// Patterns that are kept ready, and how large one of them may become.
const KEPT: usize = 64;
const BYTES: usize = 2 << 20;

/// Work, as the library counts it, for one text, and letters between looks at it.
const FUEL: u64 = 2_000_000;
const LETTERS: usize = 256;

/// Patterns that were asked before; `None`: cannot be followed.
#[derive(Default)]
pub(in crate::schema) struct Matchers(RefCell<HashMap<String, Option<Regex>>>);

impl Writer<'_> {
    /// Whether a pattern is found in a text.
    pub(in crate::schema) fn is_match(&self, pattern: &str, text: &str) -> Result<bool, NoPattern> {
        self.effort.spend((2 + pattern.len() / 64) as u64);
        let mut kept = self.matchers.0.borrow_mut();
        if !kept.contains_key(pattern) {
            if kept.len() == KEPT {
                kept.clear();
            }
            let regex = Pattern::search(pattern).regex(self.effort).ok();
            kept.insert(pattern.to_owned(), regex);
        }
        let regex = kept.get_mut(pattern).and_then(Option::as_mut).ok_or(NoPattern)?;
        let found = found(regex, text, self.effort);
        if regex.num_bytes() > BYTES {
            kept.remove(pattern);
        }
        found
    }
}

fn found(regex: &mut Regex, text: &str, effort: &Effort<'_>) -> Result<bool, NoPattern> {
    let first = regex.cost();
    let matched = catch_unwind(AssertUnwindSafe(|| {
        let mut state = regex.initial_state();
        for letters in text.as_bytes().chunks(LETTERS) {
            let before = regex.cost();
            state = regex.transition_bytes(state, letters);
            let is_paid = effort.spend(1 + (regex.cost() - before) / 20);
            if state.is_dead() {
                return Ok(false);
            }
            if !is_paid || regex.cost() - first > FUEL {
                return Err(NoPattern);
            }
        }
        Ok(regex.is_accepting(state))
    }));
    matched.unwrap_or(Err(NoPattern))
}
