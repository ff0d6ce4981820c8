//! What was measured, round by round, and what is made of it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::stand::Target;

/// One thing that is measured of every target, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// Microseconds on a core for a request.
    SyncCpu,
    /// The same, at a rate that all of them bear easily.
    PacedCpu,
    /// The same as `SyncCpu`, of a key that has every limit, of an account with credit.
    LimitedCpu,
    /// The same of a key that has none, right before and after.
    UnlimitedCpu,
    /// Requests a second.
    Throughput,
    /// Milliseconds.
    LatencyP50,
    LatencyP99,
    /// The same, of such a key at a gate with PostgreSQL and Redis.
    SharedP99,
    /// The same, while the database is stopped.
    OutageP99,
    /// The same, while Redis does not answer.
    HangP99,
    FirstTokenP50,
    FirstTokenP99,
    /// The same as `LatencyP99`, while the embedded model answers others.
    BusyLatencyP99,
    /// Microseconds on a core for a chunk.
    ChunkCpu,
    /// Milliseconds on a core for a request with an image.
    ImageCpu,
    /// Megabytes (10⁶ bytes) with all streams open.
    StreamMemory,
    /// Megabytes before the first request.
    IdleMemory,
    /// Percent of what can be borne that is answered when half as much again is asked.
    OverloadAnswered,
    /// Milliseconds, of what is answered then.
    OverloadLatencyP99,
    /// Milliseconds, of what is refused then.
    OverloadRefusalP99,
}

/// All rounds of one run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// By round, in order.
    values: BTreeMap<(Figure, Target), Vec<f64>>,
}

impl Figures {
    /// Writes down one round's value.
    pub(crate) fn add(&mut self, figure: Figure, target: Target, value: f64) {
        self.values.entry((figure, target)).or_default().push(value);
    }

    /// The median over the rounds; `None` where it was not measured.
    pub(crate) fn median(&self, figure: Figure, target: Target) -> Option<f64> {
        median(self.values.get(&(figure, target))?.clone())
    }

    /// The median of the gate's share of `other`, each taken within one round.
    pub(crate) fn ratio(&self, figure: Figure, other: Target) -> Option<f64> {
        self.paired(figure, Target::Gate, other, |gate, other| gate / other)
    }

    /// The gate's shares of `other` in the rounds: the smallest, the median and the largest.
    pub(crate) fn spread(&self, figure: Figure, other: Target) -> Option<[f64; 3]> {
        let ours = self.values.get(&(figure, Target::Gate))?;
        let others = self.values.get(&(figure, other))?;
        let mut shares: Vec<f64> = ours
            .iter()
            .zip(others)
            .map(|(gate, other)| gate / other)
            .collect();
        shares.sort_unstable_by(f64::total_cmp);
        Some([*shares.first()?, median(shares.clone())?, *shares.last()?])
    }

    /// The median of what `target` adds to the provider called directly, each taken within one round.
    pub(crate) fn added(&self, figure: Figure, target: Target) -> Option<f64> {
        self.paired(figure, target, Target::Direct, |target, direct| target - direct)
    }

    /// The median of how many times `base` the gate's `figure` is, each taken within one round.
    pub(crate) fn times_own(&self, figure: Figure, base: Figure) -> Option<f64> {
        let (figure, base) = ((figure, Target::Gate), (base, Target::Gate));
        self.paired_with(figure, base, |figure, base| figure / base)
    }

    fn paired(
        &self,
        figure: Figure,
        target: Target,
        other: Target,
        of: impl Fn(f64, f64) -> f64,
    ) -> Option<f64> {
        self.paired_with((figure, target), (figure, other), of)
    }

    fn paired_with(
        &self,
        ours: (Figure, Target),
        others: (Figure, Target),
        of: impl Fn(f64, f64) -> f64,
    ) -> Option<f64> {
        let ours = self.values.get(&ours)?;
        let others = self.values.get(&others)?;
        median(ours.iter().zip(others).map(|(&a, &b)| of(a, b)).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some((values[middle - 1] + upper) / 2.0)
}
