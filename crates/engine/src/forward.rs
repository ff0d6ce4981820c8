//! Runs the model: tokens in, scores of every possible next token out.
//!
//! The llama architecture, with grouped-query attention. Weights are shared and never change; what
//! a sequence has read so far is in its own [`KvCache`], so sequences can be advanced in any order.
//! Not candle's `quantized_llama`: its table of positions ends at 4,096 where the model reads
//! 8,192, it holds one cache per model, and it copies that cache for every token.
//! Not here: where weights come from (`load`), which token is taken (`sample`).

use crate::matrix::Matrix;

use arithmetic::{gate, normalise};

pub(crate) use cache::KvCache;
pub(crate) use rope::Rope;

mod arithmetic;
mod attention;
mod cache;
mod rope;

/// The sizes that a model file declares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) layers: usize,
    /// Numbers that stand for one token between layers.
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Heads that hold keys and values; several of `heads` read each.
    pub(crate) kv_heads: usize,
    pub(crate) feed_forward: usize,
    pub(crate) vocabulary: usize,
    /// Most tokens of a sequence, prompt and answer together.
    pub(crate) window: usize,
    /// Keeps the normalisation of a row of zeros finite.
    pub(crate) epsilon: f32,
}

impl Sizes {
    pub(crate) fn head(&self) -> usize {
        self.width / self.heads
    }

    pub(crate) fn kv_width(&self) -> usize {
        self.head() * self.kv_heads
    }
}

pub(crate) struct Layer {
    pub(crate) attention_norm: Vec<f32>,
    /// Queries, keys and values, below each other.
    pub(crate) query_key_value: Matrix,
    pub(crate) attention_output: Matrix,
    pub(crate) feed_forward_norm: Vec<f32>,
    /// Gate and up, below each other.
    pub(crate) gate_up: Matrix,
    pub(crate) down: Matrix,
}

pub(crate) struct Llama {
    pub(crate) sizes: Sizes,
    pub(crate) embedding: Matrix,
    pub(crate) layers: Vec<Layer>,
    pub(crate) final_norm: Vec<f32>,
    /// `None`: the embedding serves both ways.
    pub(crate) output: Option<Matrix>,
    pub(crate) rope: Rope,
}

impl Llama {
    pub(crate) fn new_cache(&self) -> KvCache {
        KvCache::new(&self.sizes)
    }

    /// Reads `tokens` after what `cache` holds, and remembers them there.
    ///
    /// Panics where the cache has no room left in the window, and where a token is not in the
    /// vocabulary; the scheduler allows neither.
    pub(crate) fn read(&self, tokens: &[u32], cache: &mut KvCache) -> Vec<f32> {
        let Sizes {
            width,
            epsilon,
            feed_forward,
            ..
        } = self.sizes;
        let start = cache.len();
        assert!(start + tokens.len() <= self.sizes.window, "the window is full");

        let mut state = vec![0.0; tokens.len() * width];
        for (token, row) in tokens.iter().zip(state.chunks_exact_mut(width)) {
            self.embedding.read_row(*token as usize, row);
        }
        cache.extend(tokens.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let input = Matrix::quantise(&normalise(&state, &layer.attention_norm, epsilon), width);
            let mut projected = product(&layer.query_key_value, &input);
            self.rope.turn(&mut projected, start, &self.sizes);
            cache.write(index, start, &projected);
            let attended = attention::attend(&projected, cache, index, start, &self.sizes);
            add_product(&mut state, &layer.attention_output, &attended);

            let input = Matrix::quantise(&normalise(&state, &layer.feed_forward_norm, epsilon), width);
            let opened = gate(&product(&layer.gate_up, &input), feed_forward);
            add_product(&mut state, &layer.down, &opened);
        }
        state
    }

    /// Scores of every token of the vocabulary to come after the last row of `state`.
    pub(crate) fn scores(&self, state: &[f32]) -> Vec<f32> {
        let Sizes { width, epsilon, .. } = self.sizes;
        let last = &state[state.len() - width..];
        let input = Matrix::quantise(&normalise(last, &self.final_norm, epsilon), width);
        product(self.output.as_ref().unwrap_or(&self.embedding), &input)
    }
}

fn product(weights: &Matrix, input: &Matrix) -> Vec<f32> {
    let mut out = vec![0.0; input.rows() * weights.rows()];
    weights.multiply(input, &mut out);
    out
}

fn add_product(state: &mut [f32], weights: &Matrix, input: &[f32]) {
    let change = product(weights, &Matrix::quantise(input, weights.columns()));
    for (state, change) in state.iter_mut().zip(change) {
        *state += change;
    }
}

#[cfg(test)]
mod tests;
