//! How probable a token was, in the model's own eyes: before penalties, bias, temperature and form.

use crate::tokenizer::Tokenizer;

/// A token of the answer with its probability and those of others that might have come.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    pub token: ScoredToken,
    /// The most probable tokens in its place, the first the most probable; as many as were asked for.
    pub top: Vec<ScoredToken>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ScoredToken {
    /// What it adds to the text; it need not be whole characters. Control tokens have their name.
    pub bytes: Vec<u8>,
    /// Natural logarithm of the probability. Those of all tokens together come to a probability of 1.
    pub logprob: f64,
}

/// The probability of `token` by `scores`, and the `top` most probable tokens.
pub(crate) fn of_token(scores: &[f32], token: u32, top: usize, tokenizer: &Tokenizer) -> TokenLogprob {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = scores.iter().map(|score| f64::from(score - largest).exp()).sum();
    let whole = f64::from(largest) + total.ln();
    let scored = |token: u32| ScoredToken {
        bytes: tokenizer.name(token).to_vec(),
        // Rounding may lift a certain token a hair above 1.
        logprob: (f64::from(scores[token as usize]) - whole).min(0.0),
    };

    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    let higher_first = |a: &u32, b: &u32| {
        let (x, y) = (scores[*a as usize], scores[*b as usize]);
        y.total_cmp(&x).then(a.cmp(b))
    };
    let top = top.min(order.len());
    if top > 0 {
        order.select_nth_unstable_by(top - 1, higher_first);
    }
    order.truncate(top);
    order.sort_unstable_by(higher_first);
    TokenLogprob {
        token: scored(token),
        top: order.into_iter().map(scored).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
