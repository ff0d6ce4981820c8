//! Multiplies eight-bit matrices with eight-bit activations, which is nearly all the time an answer
//! takes.
//!
//! Values stand in blocks of 32 that share one scale, as in GGML's `Q8_0`. One row of the result
//! depends on nothing but its own activations: neither on how many rows are multiplied at once nor
//! on the number of threads, so an answer does not change with what else the engine is doing.
//!
//! Why not candle's own product: its worker pool spins on every core that the machine has, also
//! when the process may use only one of them. Confined to one core of two, or on two busy ones, it
//! gave two tokens a second, where one thread by itself gives 37. Work is shared through rayon
//! instead, in the pool of the calling thread.

use std::sync::LazyLock;

use rayon::prelude::*;

/// Values that share one scale.
pub(crate) const BLOCK: usize = 32;

/// Rows that are multiplied with one other row at a time, so that it is loaded once for all.
pub(crate) const ROWS_AT_ONCE: usize = 4;

/// Rows for each worker from which on the rows themselves are shared out.
const TURNED_BELOW: usize = 16;

/// Numbers rounded to eight bits: each is its quant times the scale.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    scale: f32,
    /// -127 to 127: only then can every sign be turned round.
    quants: [i8; BLOCK],
}

impl Block {
    pub(crate) fn new(scale: f32, quants: [i8; BLOCK]) -> Self {
        Self {
            scale,
            quants: quants.map(|quant| quant.max(-127)),
        }
    }

    fn quantise(values: &[f32; BLOCK]) -> Self {
        let largest = values
            .iter()
            .fold(0f32, |largest, value| largest.max(value.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        let mut quants = [0; BLOCK];
        for (quant, value) in quants.iter_mut().zip(values) {
            *quant = nearest(value * inverse);
        }
        Self { scale, quants }
    }
}

/// The nearest whole number of one between -127 and 127.
#[inline(always)]
fn nearest(value: f32) -> i8 {
    // Adding this leaves the whole number in the lowest bits, without a call to the C library.
    const ROUND: f32 = 12_582_912.0;
    (value + ROUND).to_bits() as i8
}

/// Rows of numbers rounded to eight bits.
pub(crate) struct Matrix {
    rows: usize,
    blocks_per_row: usize,
    blocks: Vec<Block>,
}

impl Matrix {
    /// Takes `rows` rows out of blocks that are ready.
    ///
    /// Panics where the counts do not belong together: whoever reads a file checks them first.
    pub(crate) fn from_blocks(rows: usize, blocks: Vec<Block>) -> Self {
        assert!(rows > 0 && blocks.len().is_multiple_of(rows), "whole rows");
        Self {
            rows,
            blocks_per_row: blocks.len() / rows,
            blocks,
        }
    }

    /// Rounds rows of `columns` numbers to eight bits, each block by its own largest magnitude.
    pub(crate) fn quantise(values: &[f32], columns: usize) -> Self {
        assert!(columns.is_multiple_of(BLOCK), "rows of whole blocks");
        let blocks = values.as_chunks::<BLOCK>().0.iter().map(Block::quantise);
        Self::from_blocks(values.len() / columns, blocks.collect())
    }

    /// Puts matrices of the same width below each other, so that one product serves them all.
    pub(crate) fn stack(parts: Vec<Self>) -> Self {
        let rows = parts.iter().map(|part| part.rows).sum();
        let blocks: Vec<_> = parts.into_iter().map(|part| part.blocks).collect();
        Self::from_blocks(rows, blocks.concat())
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.blocks_per_row * BLOCK
    }

    /// Writes row `index` out as numbers.
    pub(crate) fn read_row(&self, index: usize, out: &mut [f32]) {
        for (out, block) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(self.row(index)) {
            for (out, quant) in out.iter_mut().zip(block.quants) {
                *out = f32::from(quant) * block.scale;
            }
        }
    }

    /// For each row of `activations`, its products with all rows of this matrix.
    ///
    /// `out` holds `activations.rows()` rows of `self.rows()` numbers.
    pub(crate) fn multiply(&self, activations: &Self, out: &mut [f32]) {
        assert_eq!(self.blocks_per_row, activations.blocks_per_row, "same width");
        assert_eq!(out.len(), self.rows * activations.rows, "room for every product");
        let workers = rayon::current_num_threads();
        let count = activations.rows;
        // Shared out by weights, so that each is loaded by one worker alone, as long as few rows wait
        // for it; many rows are shared out themselves, since the products would have to be turned.
        let of_weights = self.rows.div_ceil(workers * 4).next_multiple_of(ROWS_AT_ONCE);
        if count == 1 {
            out.par_chunks_mut(of_weights)
                .enumerate()
                .for_each(|(part, out)| {
                    KERNEL.run(OneActivation {
                        activation: activations.row(0),
                        weights: self,
                        first: part * of_weights,
                        out,
                    });
                });
        } else if count < workers * TURNED_BELOW {
            let mut products = vec![0.0; out.len()];
            let parts = products.par_chunks_mut(of_weights * count).enumerate();
            parts.for_each(|(part, products)| {
                KERNEL.run(FewActivations {
                    activations,
                    weights: self,
                    first: part * of_weights,
                    products,
                });
            });
            for (column, products) in products.chunks_exact(count).enumerate() {
                for (row, product) in products.iter().enumerate() {
                    out[row * self.rows + column] = *product;
                }
            }
        } else {
            let share = count.div_ceil(workers).next_multiple_of(ROWS_AT_ONCE);
            out.par_chunks_mut(share * self.rows)
                .enumerate()
                .for_each(|(part, out)| {
                    KERNEL.run(ManyActivations {
                        activations,
                        first: part * share,
                        weights: self,
                        out,
                    });
                });
        }
    }

    #[inline(always)]
    fn row(&self, index: usize) -> &[Block] {
        &self.blocks[index * self.blocks_per_row..(index + 1) * self.blocks_per_row]
    }

    /// Four rows from `first` on; the last one again where there are not so many.
    #[inline(always)]
    fn four_rows(&self, first: usize) -> [&[Block]; ROWS_AT_ONCE] {
        let row = |index: usize| self.row(index.min(self.rows - 1));
        [row(first), row(first + 1), row(first + 2), row(first + 3)]
    }
}

/// Products of one activation with weights from row `first` on.
struct OneActivation<'a> {
    activation: &'a [Block],
    weights: &'a Matrix,
    first: usize,
    out: &'a mut [f32],
}

impl Task for OneActivation<'_> {
    #[inline(always)]
    fn run(self, dots: impl Dots) {
        let rows = (self.first..).step_by(ROWS_AT_ONCE);
        for (out, row) in self.out.chunks_mut(ROWS_AT_ONCE).zip(rows) {
            let products = dots.four(self.activation, self.weights.four_rows(row));
            out.copy_from_slice(&products[..out.len()]);
        }
    }
}

/// Products of weights from row `first` on with all activations: a row for each weight.
struct FewActivations<'a> {
    activations: &'a Matrix,
    weights: &'a Matrix,
    first: usize,
    products: &'a mut [f32],
}

impl Task for FewActivations<'_> {
    #[inline(always)]
    fn run(self, dots: impl Dots) {
        let rows = self.products.chunks_exact_mut(self.activations.rows);
        for (products, row) in rows.zip(self.first..) {
            let weights = self.weights.row(row);
            let activations = (0..).step_by(ROWS_AT_ONCE);
            for (out, first) in products.chunks_mut(ROWS_AT_ONCE).zip(activations) {
                let four = dots.four(weights, self.activations.four_rows(first));
                out.copy_from_slice(&four[..out.len()]);
            }
        }
    }
}

/// Products of all weights with activations from row `first` on, as many as `out` has rows.
struct ManyActivations<'a> {
    activations: &'a Matrix,
    first: usize,
    weights: &'a Matrix,
    out: &'a mut [f32],
}

impl Task for ManyActivations<'_> {
    #[inline(always)]
    fn run(self, dots: impl Dots) {
        let width = self.weights.rows;
        for column in 0..width {
            let weights = self.weights.row(column);
            let rows = (self.first..).step_by(ROWS_AT_ONCE);
            for (out, row) in self.out.chunks_mut(ROWS_AT_ONCE * width).zip(rows) {
                let products = dots.four(weights, self.activations.four_rows(row));
                for (out, product) in out.chunks_exact_mut(width).zip(products) {
                    out[column] = product;
                }
            }
        }
    }
}

/// Which instructions the processor has, found out once.
static KERNEL: LazyLock<Kernel> = LazyLock::new(Kernel::detect);

#[derive(Clone, Copy)]
enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    /// Plain Rust, for the compiler to vectorise.
    Portable,
}

/// Products of a row with four others. A sum is made in the same order for each of the four.
trait Dots: Copy {
    fn four(self, row: &[Block], others: [&[Block]; ROWS_AT_ONCE]) -> [f32; ROWS_AT_ONCE];
}

/// Work that is compiled once for each set of instructions.
trait Task {
    fn run(self, dots: impl Dots);
}

impl Kernel {
    fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            return Self::Avx2(avx2);
        }
        Self::Portable
    }

    fn run(self, task: impl Task) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.vectorize(avx2::WithAvx2 { avx2, task }),
            Self::Portable => task.run(Portable),
        }
    }
}

#[derive(Clone, Copy)]
struct Portable;

impl Dots for Portable {
    #[inline(always)]
    fn four(self, row: &[Block], others: [&[Block]; ROWS_AT_ONCE]) -> [f32; ROWS_AT_ONCE] {
        others.map(|other| {
            let blocks = row.iter().zip(other).map(|(a, b)| {
                let products = a.quants.iter().zip(b.quants);
                let sum: i32 = products.map(|(a, b)| i32::from(*a) * i32::from(b)).sum();
                sum as f32 * (a.scale * b.scale)
            });
            blocks.sum()
        })
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(test)]
pub(crate) mod tests;
