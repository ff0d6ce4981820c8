//! How a step's work is shared out between the requests under way.

use std::cmp::Reverse;

use crate::matrix::ROWS_AT_ONCE;

/// Tokens that a step reads of one request alone: about a fifth of a second on one core.
const SLICE: usize = 64;

/// Tokens that a step reads of several requests, those of answers included. A step of so many takes about
/// two and a half times as long as one for an answer alone.
const SHARED: usize = 12;

/// The same while one of the requests is brief.
const HURRIED: usize = 8;

/// Most work of a brief request, in tokens that it still reads or writes.
const BRIEF: usize = 64;

/// What a request waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wants {
    /// Whether its prompt is still being read.
    pub(crate) is_reading: bool,
    /// Tokens that it waits to read.
    pub(crate) left: usize,
    /// Most work that it still makes, in tokens.
    pub(crate) work_left: usize,
    /// Steps since it was last served.
    pub(crate) passed_over: usize,
    /// Tokens of its answer so far.
    pub(crate) written: usize,
}

impl Wants {
    fn is_brief(&self) -> bool {
        self.work_left <= BRIEF
    }
}

/// How many tokens each request reads in this step; the oldest comes first in `wants`.
///
/// Answers come first. While one of them is brief, the others take turns with what is left of the rows that
/// are multiplied together, which keeps the step short for it and costs them little: their share of the
/// work stays what it was. Of what is left for prompts one half goes to the request that makes the least
/// work, so that a short one does not wait for long ones, and the other to the oldest, so that it does not
/// wait for ever.
pub(crate) fn counts(wants: &[Wants]) -> Vec<usize> {
    let mut counts = vec![0; wants.len()];
    let (brief, others): (Vec<usize>, Vec<usize>) = (0..wants.len())
        .filter(|index| !wants[*index].is_reading)
        .partition(|index| wants[*index].is_brief());
    for index in &brief {
        counts[*index] = wants[*index].left.min(SLICE);
    }
    let is_hurried = wants.iter().any(Wants::is_brief);
    let mut turns = others;
    turns.sort_by_key(|index| (Reverse(wants[*index].passed_over), wants[*index].written));
    let hurried: usize = counts.iter().sum();
    let mut room = match is_hurried {
        true => (hurried + 1).next_multiple_of(ROWS_AT_ONCE) - hurried,
        false => usize::MAX,
    };
    for index in turns {
        let count = wants[index].left.min(SLICE).min(room);
        counts[index] = count;
        room -= count;
    }
    let writing: usize = counts.iter().sum();
    let shared = if is_hurried { HURRIED } else { SHARED };
    let mut budget = match wants.len() {
        1 => SLICE,
        // Rows are multiplied in groups, so what fills one up costs nothing.
        _ => shared.max((writing + 1).next_multiple_of(ROWS_AT_ONCE)) - writing,
    };
    let oldest: Vec<usize> = (0..wants.len())
        .filter(|index| wants[*index].is_reading)
        .collect();
    let mut briefest = oldest.clone();
    briefest.sort_by_key(|index| wants[*index].work_left);
    for (order, share) in [(&briefest, budget / 2), (&oldest, budget), (&briefest, budget)] {
        let mut share = share.min(budget);
        for index in order {
            let more = (wants[*index].left - counts[*index]).min(share);
            counts[*index] += more;
            share -= more;
            budget -= more;
        }
    }
    counts
}

#[cfg(test)]
mod tests;
