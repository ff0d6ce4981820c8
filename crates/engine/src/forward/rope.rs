//! Tells the model where a token stands, by turning pairs of numbers (rotary position embedding).
//!
//! In GGUF files of the llama architecture the pairs are neighbours.

use super::Sizes;

/// Sine and cosine for every position of the window and every pair of a head.
pub(crate) struct Rope {
    /// (cosine, sine), a row of `head / 2` for each position.
    turns: Vec<(f32, f32)>,
    pairs: usize,
}

impl Rope {
    /// `base`: how slowly the later pairs turn (`llama.rope.freq_base`).
    pub(crate) fn new(head: usize, window: usize, base: f32) -> Self {
        let pairs = head / 2;
        let turns = (0..window)
            .flat_map(|position| {
                (0..pairs).map(move |pair| {
                    let speed = f64::from(base).powf(-2.0 * pair as f64 / head as f64);
                    let (sin, cos) = (position as f64 * speed).sin_cos();
                    (cos as f32, sin as f32)
                })
            })
            .collect();
        Self { turns, pairs }
    }

    /// Turns the queries and keys in rows of queries, keys and values, the first at `start`.
    pub(super) fn turn(&self, projected: &mut [f32], start: usize, sizes: &Sizes) {
        let row_width = sizes.width + 2 * sizes.kv_width();
        let turned = sizes.width + sizes.kv_width();
        let rows = projected.chunks_exact_mut(row_width);
        for (row, turns) in rows.zip(self.turns.chunks_exact(self.pairs).skip(start)) {
            for head in row[..turned].chunks_exact_mut(sizes.head()) {
                for ([a, b], (cos, sin)) in head.as_chunks_mut::<2>().0.iter_mut().zip(turns) {
                    (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                }
            }
        }
    }
}
