//! The client's indexes of choices: dense, in the order in which the choices begin, since a provider may give
//! fewer than it was asked for.

use std::collections::HashMap;

use tollgate_dialects::{Fault, FaultKind};

use super::Share;
use crate::error::Failure;

/// The indexes that have been given so far.
#[derive(Debug, Default)]
pub struct Numbers {
    /// By the first choice of a share, and the provider's index within it.
    given: HashMap<(u32, u32), u32>,
}

impl Numbers {
    /// The client's index of a share's choice. Fails for one that was not asked for.
    pub fn of(&mut self, choice: u32, share: Share) -> Result<u32, Failure> {
        if choice >= share.choices {
            return Err(Failure::Fault(Fault::new(
                FaultKind::Malformed,
                "more choices than were asked for",
            )));
        }
        let next = self.given.len() as u32;
        Ok(*self.given.entry((share.first, choice)).or_insert(next))
    }
}
