//! Requests that bring one key at the same time, and read it once.

use std::sync::{Arc, PoisonError};

use tokio::sync::OnceCell;
use tollgate_ledger::KeyHash;

use super::{Answer, Shared};

/// One request's part in a look-up. It is open to others until it has an answer, or until the last
/// one has given it up.
pub(super) struct LookUp<'a> {
    shared: &'a Shared,
    hash: KeyHash,
    pub(super) answer: Arc<OnceCell<Answer>>,
}

impl<'a> LookUp<'a> {
    pub(super) fn join(shared: &'a Shared, hash: KeyHash) -> Self {
        let mut look_ups = shared.look_ups.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = Arc::clone(look_ups.entry(hash).or_default());
        Self { shared, hash, answer }
    }
}

impl Drop for LookUp<'_> {
    fn drop(&mut self) {
        let mut look_ups = self
            .shared
            .look_ups
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Copies are made under this lock only, so two are the map's and this one.
        let is_over = self.answer.initialized() || Arc::strong_count(&self.answer) == 2;
        let is_listed = look_ups
            .get(&self.hash)
            .is_some_and(|listed| Arc::ptr_eq(listed, &self.answer));
        if is_over && is_listed {
            look_ups.remove(&self.hash);
        }
    }
}
