//! How long the answers of one key and model were of late, so that about as much is held for the next.
//!
//! An agent that always allows 64,000 tokens and writes 500 is held 500 or so. Counts are kept by size in
//! steps of a quarter of a doubling, and halved now and then, so that what was long ago fades. Some 160 bytes
//! of memory, whatever the traffic; reading and writing take no lock.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
};

use tollgate_catalog::model::ModelId;

/// Four steps for each doubling, up to 2^20 tokens.
const STEPS_PER_DOUBLING: u32 = 4;
const STEPS: usize = 80;
/// Answers before which nothing is known.
const ENOUGH: u32 = 20;
/// Answers at which all counts are halved.
const HALVED_AT: u32 = 1_024;

/// What is expected of an answer of which nothing is known.
pub const UNKNOWN: u64 = 4_096;

/// Models of which a key's answers are remembered; a key that calls more is expected to write as much with the rest
/// as one that is new.
const MODELS_MAX: usize = 256;

/// Lengths of one key's answers, by model.
#[derive(Debug, Default)]
pub struct Histories(Mutex<HashMap<ModelId, Arc<OutputHistory>>>);

impl Histories {
    /// The history of one model, for as long as this holds others.
    pub fn of(&self, model: &ModelId) -> Arc<OutputHistory> {
        let mut histories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(history) = histories.get(model) {
            return Arc::clone(history);
        }
        let history = Arc::new(OutputHistory::default());
        if histories.len() < MODELS_MAX {
            histories.insert(model.clone(), Arc::clone(&history));
        }
        history
    }
}

/// Lengths of answers, in tokens.
#[derive(Debug)]
pub struct OutputHistory {
    steps: [AtomicU16; STEPS],
    answers: AtomicU32,
}

impl Default for OutputHistory {
    fn default() -> Self {
        Self {
            steps: [const { AtomicU16::new(0) }; STEPS],
            answers: AtomicU32::new(0),
        }
    }
}

impl OutputHistory {
    /// Adds an answer of so many tokens.
    pub fn add(&self, tokens: u64) {
        if self.answers.fetch_add(1, Ordering::Relaxed) + 1 >= HALVED_AT {
            self.halve();
        }
        let step = &self.steps[step_of(tokens)];
        let _ = step.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_add(1));
    }

    /// Tokens that 99 of 100 answers did not exceed, at most a fifth more; [`UNKNOWN`] before there are 20.
    pub fn expected(&self) -> u64 {
        let counts: Vec<u32> = self
            .steps
            .iter()
            .map(|count| u32::from(count.load(Ordering::Relaxed)))
            .collect();
        let all: u32 = counts.iter().sum();
        if all < ENOUGH {
            return UNKNOWN;
        }
        let beyond = all / 100;
        let mut longer = 0;
        for (step, count) in counts.iter().enumerate().rev() {
            longer += count;
            if longer > beyond {
                return most_of(step);
            }
        }
        UNKNOWN
    }

    fn halve(&self) {
        let mut left = 0;
        for step in &self.steps {
            let halved = |count: u16| Some(count / 2);
            let before = step.fetch_update(Ordering::Relaxed, Ordering::Relaxed, halved);
            left += before.map_or(0, |before| u32::from(before / 2));
        }
        self.answers.store(left, Ordering::Relaxed);
    }
}

/// The step that so many tokens belong to: the first whose most is not below.
fn step_of(tokens: u64) -> usize {
    (0..STEPS - 1)
        .find(|step| tokens <= most_of(*step))
        .unwrap_or(STEPS - 1)
}

/// The most tokens of a step: 2^((step + 1) / 4), rounded up.
fn most_of(step: usize) -> u64 {
    // Tenths of a per mille of the fourth roots of 2, 4 and 8.
    const ROOTS: [u64; 4] = [10_000, 11_893, 14_143, 16_818];
    let step = u32::try_from(step).unwrap_or(u32::MAX).saturating_add(1);
    let doublings = (step / STEPS_PER_DOUBLING).min(40);
    let root = ROOTS[(step % STEPS_PER_DOUBLING) as usize];
    (root << doublings).div_ceil(10_000)
}

#[cfg(test)]
mod tests;
