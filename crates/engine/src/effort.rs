//! How much work a client's schema may be.
//!
//! A few lines of schema can ask for work without end, such as unions of unions that are to be told from each
//! other. So whatever goes over a schema pays a step for each thing that it looks at. Steps are counted and
//! not timed: a schema that is followed once is followed always.

use std::cell::Cell;
use std::fmt;

/// Steps after which it is asked whether anybody still waits.
const LOOK_UP: u64 = 4_096;

/// Steps that may yet be taken. All schemas of a request share them.
pub struct Effort<'w> {
    left: Cell<u64>,
    /// Steps until it is asked next.
    unasked: Cell<u64>,
    is_wanted: Box<dyn Fn() -> bool + 'w>,
}

impl<'w> Effort<'w> {
    /// Steps for what most schemas need: some hundredths of a second.
    pub const LITTLE: u64 = 60_000;
    /// Steps for the largest that are followed: about a second.
    pub const MOST: u64 = 3_000_000;

    /// So many steps, as long as it is wanted.
    pub fn new(steps: u64, is_wanted: impl Fn() -> bool + 'w) -> Self {
        Self {
            left: Cell::new(steps),
            unasked: Cell::new(LOOK_UP),
            is_wanted: Box::new(is_wanted),
        }
    }

    /// Takes steps; whether there were as many. Where there were not, there are none from then on.
    pub(crate) fn spend(&self, steps: u64) -> bool {
        let left = self.left.get().saturating_sub(steps);
        self.left.set(left);
        match self.unasked.get().checked_sub(steps) {
            Some(unasked) => self.unasked.set(unasked),
            None => {
                self.unasked.set(LOOK_UP);
                if !(self.is_wanted)() {
                    self.left.set(0);
                }
            }
        }
        !self.is_spent()
    }

    /// Whether there are no steps left, or nobody waits any more.
    pub fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }
}

impl Default for Effort<'_> {
    fn default() -> Self {
        Self::new(Self::MOST, || true)
    }
}

impl fmt::Debug for Effort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effort")
            .field("left", &self.left.get())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_stays_so() {
        let effort = Effort::new(10, || true);
        assert!(effort.spend(9) && effort.left() == 1);
        assert!(!effort.spend(5));
        assert!(!effort.spend(0) && effort.is_spent());
    }

    #[test]
    fn work_that_nobody_waits_for_ends_soon() {
        let asked = Cell::new(0);
        let effort = Effort::new(Effort::MOST, || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        });
        let taken = (0..Effort::MOST).take_while(|_| effort.spend(1)).count() as u64;
        assert!(taken < 4 * LOOK_UP, "{taken}");
    }
}
