//! Runs the model: tokens in, scores of every possible next token out.
//!
//! The llama architecture, with grouped-query attention. Weights are shared and never change; what
//! a sequence has read so far is in its own [`KvCache`]. One pass over the weights serves several
//! sequences, and none of them notices the others: every row is computed as if it were alone.
//! Not candle's `quantized_llama`: its table of positions ends at 4,096 where the model reads
//! 8,192, it holds one cache per model, and it copies that cache for every token.
//! Not here: where weights come from (`load`), which token is taken (`sample`).

use crate::matrix::Matrix;

use arithmetic::{gate, normalise};

pub(crate) use cache::{KvCache, PAGE};
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
    /// Reads each slice after what its cache holds, and remembers it there. Gives a row of numbers for
    /// every token, in the order of the slices.
    ///
    /// Panics where a cache has no room left in the window, and where a token is not in the
    /// vocabulary; the scheduler allows neither.
    pub(crate) fn read(&self, slices: &mut [Slice<'_>]) -> Vec<f32> {
        let Sizes {
            width,
            epsilon,
            feed_forward,
            ..
        } = self.sizes;
        let count = slices.iter().map(|slice| slice.tokens.len()).sum::<usize>();
        let mut state = vec![0.0; count * width];
        let tokens = slices.iter().flat_map(|slice| slice.tokens);
        for (token, row) in tokens.zip(state.chunks_exact_mut(width)) {
            self.embedding.read_row(*token as usize, row);
        }
        for Slice { tokens, cache } in &mut *slices {
            assert!(
                cache.len() + tokens.len() <= self.sizes.window,
                "the window is full"
            );
            cache.extend(tokens.len());
        }
        let row_width = width + 2 * self.sizes.kv_width();
        for (index, layer) in self.layers.iter().enumerate() {
            let input = quantised(&state, &layer.attention_norm, epsilon);
            let mut projected = product(&layer.query_key_value, &input);
            let mut rest = &mut projected[..];
            for Slice { tokens, cache } in &mut *slices {
                let (rows, others) = rest.split_at_mut(tokens.len() * row_width);
                let start = cache.len() - tokens.len();
                self.rope.turn(rows, start, &self.sizes);
                cache.write(index, start, rows);
                rest = others;
            }
            let attended = attention::attend(&projected, slices, index, &self.sizes);
            add_product(&mut state, &layer.attention_output, &attended);

            let input = quantised(&state, &layer.feed_forward_norm, epsilon);
            let opened = gate(&product(&layer.gate_up, &input), feed_forward);
            add_product(&mut state, &layer.down, &opened);
        }
        state
    }

    /// For each row of `state`, the scores of every token of the vocabulary to come next.
    pub(crate) fn scores(&self, state: &[f32]) -> Vec<f32> {
        let input = quantised(state, &self.final_norm, self.sizes.epsilon);
        product(self.output.as_ref().unwrap_or(&self.embedding), &input)
    }
}

/// What one sequence brings to a pass: the tokens that it reads next, and what it has read.
pub(crate) struct Slice<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut KvCache,
}

/// Rows brought to a mean square of one, weighed, and rounded to eight bits.
fn quantised(rows: &[f32], weights: &[f32], epsilon: f32) -> Matrix {
    Matrix::quantise(&normalise(rows, weights, epsilon), weights.len())
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
