//! Which choice a piece of a stream belongs to.
//!
//! Where one choice was asked for, it is number 0, however the host counts. Of several nobody can tell which is meant
//! by a number that two have, so that is a fault; a number that never comes is a choice that never came.

use crate::fault::{Fault, malformed};

#[derive(Debug)]
pub struct Numbers {
    asked_for_one: bool,
    /// What the host calls the one choice.
    only: Option<u32>,
    /// Those of this chunk.
    seen: Vec<u32>,
}

impl Numbers {
    pub fn new(asked_for_one: bool) -> Self {
        Self {
            asked_for_one,
            only: None,
            seen: Vec::new(),
        }
    }

    pub fn next_chunk(&mut self) {
        self.seen.clear();
    }

    /// The client's number of the choice that stands at `position` in its chunk. Fails for one that another has too,
    /// and for a second one where one was asked for.
    pub fn of(&mut self, told: Option<u32>, position: u32) -> Result<u32, Fault> {
        let number = told.unwrap_or(position);
        if self.seen.contains(&number) {
            return Err(malformed("two choices of a chunk have the same number"));
        }
        self.seen.push(number);
        if !self.asked_for_one {
            return Ok(number);
        }
        match (self.only, told) {
            (Some(only), Some(told)) if only != told => {
                Err(malformed("there is a second choice, and one was asked for"))
            }
            (None, Some(told)) => {
                self.only = Some(told);
                Ok(0)
            }
            _ => Ok(0),
        }
    }
}
