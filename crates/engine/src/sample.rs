//! Chooses the next token from the model's scores.
//!
//! The scores of a step lead to the same token whatever the machine was doing beside it: nothing here
//! depends on the number of threads or on other requests.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::prompt::Sampling;

/// Scores with a value that is not a number: the weights are damaged or the arithmetic is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model's scores are not numbers")]
pub struct NotNumbers;

pub(crate) struct Sampler {
    temperature: f32,
    top_p: f32,
    frequency_penalty: f32,
    presence_penalty: f32,
    bias: Vec<(u32, f32)>,
    random: StdRng,
    /// How often each token occurred in the answer.
    occurred: HashMap<u32, u32>,
}

impl Sampler {
    pub(crate) fn new(sampling: &Sampling) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            frequency_penalty: sampling.frequency_penalty,
            presence_penalty: sampling.presence_penalty,
            bias: sampling.logit_bias.clone(),
            random: StdRng::seed_from_u64(sampling.seed.unwrap_or_else(rand::random)),
            occurred: HashMap::new(),
        }
    }

    /// Takes the next token, one of those that `is_allowed`.
    pub(crate) fn choose(
        &mut self,
        mut scores: Vec<f32>,
        is_allowed: Option<&dyn Fn(u32) -> bool>,
    ) -> Result<u32, NotNumbers> {
        for (token, times) in &self.occurred {
            // Only what occurred is penalised, prompts are not (OpenAI API reference, chat).
            scores[*token as usize] -= self.frequency_penalty * *times as f32 + self.presence_penalty;
        }
        for (token, bias) in &self.bias {
            if let Some(score) = scores.get_mut(*token as usize) {
                *score += bias;
            }
        }
        if let Some(is_allowed) = is_allowed {
            for (token, score) in (0..).zip(&mut scores) {
                if !is_allowed(token) {
                    *score = f32::NEG_INFINITY;
                }
            }
        }
        match (0..).zip(&scores).max_by(|(_, a), (_, b)| a.total_cmp(b)) {
            Some((_, largest)) if !largest.is_finite() => Err(NotNumbers),
            None => Err(NotNumbers),
            Some((most_probable, _)) if self.temperature <= 0.0 => Ok(most_probable),
            Some((_, largest)) => {
                let largest = *largest;
                let weights = scores
                    .iter()
                    .map(|score| ((score - largest) / self.temperature).exp());
                Ok(self.draw(weights.collect()))
            }
        }
    }

    /// Remembers that a token occurred in the answer.
    pub(crate) fn occurred(&mut self, token: u32) {
        *self.occurred.entry(token).or_default() += 1;
    }

    /// Draws an index by weight, out of the heaviest that make up `top_p` of the total.
    fn draw(&mut self, weights: Vec<f32>) -> u32 {
        let total: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        let possible = (0..).zip(weights).filter(|(_, weight)| *weight > 0.0);
        let mut candidates: Vec<(u32, f32)> = possible.collect();
        let mut share = total;
        if self.top_p < 1.0 {
            let enough = total * f64::from(self.top_p);
            // A token lighter than this cannot be among them: were all others of the vocabulary as
            // light, they would not make up the rest. It saves sorting the whole vocabulary.
            let lightest = (total - enough) / candidates.len() as f64;
            candidates.retain(|(_, weight)| f64::from(*weight) >= lightest);
            candidates.sort_unstable_by(|(a, x), (b, y)| y.total_cmp(x).then(a.cmp(b)));
            share = 0.0;
            let kept = candidates.iter().position(|(_, weight)| {
                share += f64::from(*weight);
                share >= enough
            });
            candidates.truncate(kept.map_or(candidates.len(), |last| last + 1));
        }
        let mut left = self.random.random::<f64>() * share;
        let chosen = candidates.iter().find(|(_, weight)| {
            left -= f64::from(*weight);
            left < 0.0
        });
        // Rounding can leave a remainder past the last one.
        chosen.or(candidates.last()).map_or(0, |(token, _)| *token)
    }
}

#[cfg(test)]
mod tests;
