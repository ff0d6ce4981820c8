//! Stretches of a rate's line: times at which what is taken of it will be paid off.
//!
//! A stretch is worth its length until its time comes; what of it has passed is nobody's any more, since the limit has
//! given it to all anew.

use std::collections::VecDeque;

/// From one moment to another, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stretch {
    pub from: u64,
    pub until: u64,
}

impl Stretch {
    pub fn length(self) -> u64 {
        self.until.saturating_sub(self.from)
    }

    /// What of it is still to come.
    fn after(self, now: u64) -> Self {
        Self {
            from: self.from.max(now).min(self.until),
            until: self.until,
        }
    }
}

/// What one request took: nearly always of one stretch.
#[derive(Debug, Default)]
pub struct Pieces {
    first: Stretch,
    more: Vec<Stretch>,
}

impl Pieces {
    fn push(&mut self, piece: Stretch) {
        match self.first.length() {
            0 => self.first = piece,
            _ => self.more.push(piece),
        }
    }

    /// What of it is still to come.
    pub fn length_after(&self, now: u64) -> u64 {
        let pieces = [&self.first].into_iter().chain(&self.more);
        pieces.map(|piece| piece.after(now).length()).sum()
    }

    /// Takes away `length` from the end.
    pub fn cut(mut self, mut length: u64) -> impl Iterator<Item = Stretch> {
        let mut cut = Vec::new();
        while length > 0 {
            let piece = self.more.pop().unwrap_or_else(|| std::mem::take(&mut self.first));
            if piece.length() == 0 {
                break;
            }
            let from = piece.until - piece.length().min(length);
            cut.push(Stretch { from, ..piece });
            length -= piece.until - from;
        }
        cut.into_iter()
    }
}

/// Stretches in order, of which none begins before another ends.
#[derive(Debug, Default)]
pub struct Stretches(VecDeque<Stretch>);

impl Stretches {
    /// More are not kept apart; those whose time comes first go.
    const MOST: usize = 64;

    /// Lets go what has passed.
    fn pass(&mut self, now: u64) {
        while self.0.front().is_some_and(|stretch| stretch.until <= now) {
            self.0.pop_front();
        }
        if let Some(first) = self.0.front_mut() {
            *first = first.after(now);
        }
    }

    /// What is still to come of all of them.
    pub fn length(&mut self, now: u64) -> u64 {
        self.pass(now);
        self.0.iter().map(|stretch| stretch.length()).sum()
    }

    /// Takes `length` of what comes first, or nothing.
    pub fn take(&mut self, length: u64, now: u64) -> Option<Pieces> {
        (self.length(now) >= length).then(|| self.take_up_to(length))
    }

    /// Takes `length`, or all there is. Only after [`Self::length`], which lets go what has passed.
    pub fn take_up_to(&mut self, mut length: u64) -> Pieces {
        let mut pieces = Pieces::default();
        while length > 0 {
            let Some(first) = self.0.front_mut() else { break };
            let until = first.from + first.length().min(length);
            length -= until - first.from;
            pieces.push(Stretch { until, ..*first });
            first.from = until;
            if first.length() == 0 {
                self.0.pop_front();
            }
        }
        pieces
    }

    /// Takes `length`, or all there is, of what comes last. Gives the length of it.
    pub fn take_last(&mut self, length: u64) -> u64 {
        let mut left = length;
        while let Some(last) = self.0.back_mut().filter(|_| left > 0) {
            let taken = last.length().min(left);
            last.until -= taken;
            left -= taken;
            if last.length() == 0 {
                self.0.pop_back();
            }
        }
        length - left
    }

    /// Adds one that touches none of these but at its ends.
    pub fn add(&mut self, stretch: Stretch) {
        if stretch.length() == 0 {
            return;
        }
        let at = self.0.partition_point(|other| other.from < stretch.from);
        let joins = |earlier: Option<&Stretch>, later: Option<&Stretch>| match (earlier, later) {
            (Some(earlier), Some(later)) => earlier.until == later.from,
            _ => false,
        };
        self.0.insert(at, stretch);
        if joins(self.0.get(at), self.0.get(at + 1)) {
            self.0[at].until = self.0[at + 1].until;
            self.0.remove(at + 1);
        }
        if at > 0 && joins(self.0.get(at - 1), self.0.get(at)) {
            self.0[at - 1].until = self.0[at].until;
            self.0.remove(at);
        }
        if self.0.len() > Self::MOST {
            self.0.pop_front();
        }
    }
}
