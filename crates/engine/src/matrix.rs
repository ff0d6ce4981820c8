//! Multiplies eight-bit matrices with eight-bit activations, which is nearly all the time an answer
//! takes.
//!
//! Values stand in blocks of 32 that share one scale, as in GGML's `Q8_0`. One row of the result
//! depends on nothing but its own activations: neither on how many rows are multiplied at once nor
//! on the number of threads, so an answer does not change with what else the engine is doing.
//!
//! Why not candle's own product: its worker pool spins on every core that the machine has, also
//! when the process may use only one of them. Confined to one core of two, or on two
//! busy ones, it gave two tokens a second, where one thread by itself gives 37. Work is shared through rayon instead, in the pool of the calling
//! thread.

use std::sync::LazyLock;

use rayon::prelude::*;

/// Values that share one scale.
pub(crate) const BLOCK: usize = 32;

/// Weight rows taken together for one row of activations, so that the activations are loaded once.
const ROWS_AT_ONCE: usize = 4;

/// Activation rows taken together for one row of weights, so that the weights are loaded once.
const ACTIVATIONS_AT_ONCE: usize = 4;

/// Rows of numbers in blocks of eight-bit integers, each block with its scale.
pub(crate) struct Matrix {
    rows: usize,
    blocks_per_row: usize,
    quants: Vec<[i8; BLOCK]>,
    scales: Vec<f32>,
}

#[derive(Clone, Copy)]
struct Row<'a> {
    quants: &'a [[i8; BLOCK]],
    scales: &'a [f32],
}

impl Row<'_> {
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn first(self, blocks: usize) -> Self {
        Row { quants: &self.quants[..blocks], scales: &self.scales[..blocks] }
    }
}

impl Matrix {
    /// Takes `rows` rows out of blocks that are ready.
    ///
    /// Panics where the counts do not belong together: whoever reads a file checks them first.
    pub(crate) fn from_blocks(rows: usize, quants: Vec<[i8; BLOCK]>, scales: Vec<f32>) -> Self {
        assert_eq!(quants.len(), scales.len(), "one scale a block");
        assert!(rows > 0 && quants.len().is_multiple_of(rows), "whole rows");
        Self {
            rows,
            blocks_per_row: quants.len() / rows,
            quants,
            scales,
        }
    }

    /// Rounds rows of `columns` numbers to eight bits, each block by its own largest magnitude.
    pub(crate) fn quantise(values: &[f32], columns: usize) -> Self {
        assert!(columns.is_multiple_of(BLOCK), "rows of whole blocks");
        let mut quants = Vec::with_capacity(values.len() / BLOCK);
        let mut scales = Vec::with_capacity(values.len() / BLOCK);
        for block in values.as_chunks::<BLOCK>().0 {
            let largest = block.iter().fold(0f32, |largest, v| largest.max(v.abs()));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let mut quant = [0; BLOCK];
            for (quant, value) in quant.iter_mut().zip(block) {
                *quant = nearest(value * inverse);
            }
            quants.push(quant);
            scales.push(scale);
        }
        Self::from_blocks(values.len() / columns, quants, scales)
    }

    /// Puts matrices of the same width below each other, so that one product serves them all.
    pub(crate) fn stack(parts: Vec<Self>) -> Self {
        let rows = parts.iter().map(|part| part.rows).sum();
        let (quants, scales): (Vec<_>, Vec<_>) = parts
            .into_iter()
            .map(|part| (part.quants, part.scales))
            .unzip();
        Self::from_blocks(rows, quants.concat(), scales.concat())
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.blocks_per_row * BLOCK
    }

    /// Writes row `index` out as numbers.
    pub(crate) fn read_row(&self, index: usize, out: &mut [f32]) {
        let row = self.row(index);
        let (blocks, _) = out.as_chunks_mut::<BLOCK>();
        for ((out, quants), scale) in blocks.iter_mut().zip(row.quants).zip(row.scales) {
            for (out, quant) in out.iter_mut().zip(quants) {
                *out = f32::from(*quant) * scale;
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
        if activations.rows == 1 {
            let share = self.rows.div_ceil(workers * 4).next_multiple_of(ROWS_AT_ONCE);
            out.par_chunks_mut(share).enumerate().for_each(|(part, out)| {
                KERNEL.run(OneActivation {
                    weights: self,
                    first_row: part * share,
                    activation: activations.row(0),
                    out,
                });
            });
        } else {
            let share = activations.rows.div_ceil(workers).next_multiple_of(ACTIVATIONS_AT_ONCE);
            out.par_chunks_mut(share * self.rows).enumerate().for_each(|(part, out)| {
                KERNEL.run(ManyActivations {
                    weights: self,
                    activations,
                    first_activation: part * share,
                    out,
                });
            });
        }
    }

    #[inline(always)]
    fn row(&self, index: usize) -> Row<'_> {
        let blocks = index * self.blocks_per_row..(index + 1) * self.blocks_per_row;
        Row {
            quants: &self.quants[blocks.clone()],
            scales: &self.scales[blocks],
        }
    }
}

/// The nearest whole number of one between -127 and 127.
#[inline(always)]
fn nearest(value: f32) -> i8 {
    // Adding this leaves the whole number in the lowest bits, without a call to the C library.
    const ROUND: f32 = 12_582_912.0;
    (value + ROUND).to_bits() as i8
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

/// Products of `R` weight rows with `A` activation rows.
trait Dots: Copy {
    fn dots<const R: usize, const A: usize>(
        self,
        weights: [Row<'_>; R],
        activations: [Row<'_>; A],
    ) -> [[f32; A]; R];
}

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
            Self::Avx2(avx2) => {
                avx2.vectorize(avx2::WithAvx2 { avx2, task });
            }
            Self::Portable => task.run(Portable),
        }
    }
}

struct OneActivation<'a> {
    weights: &'a Matrix,
    first_row: usize,
    activation: Row<'a>,
    out: &'a mut [f32],
}

impl Task for OneActivation<'_> {
    #[inline(always)]
    fn run(self, dots: impl Dots) {
        let (groups, rest) = self.out.as_chunks_mut::<ROWS_AT_ONCE>();
        let mut row = self.first_row;
        for out in groups {
            let [a, b, c, d] = [row, row + 1, row + 2, row + 3].map(|row| self.weights.row(row));
            [[out[0]], [out[1]], [out[2]], [out[3]]] = dots.dots([a, b, c, d], [self.activation]);
            row += ROWS_AT_ONCE;
        }
        for out in rest {
            [[*out]] = dots.dots([self.weights.row(row)], [self.activation]);
            row += 1;
        }
    }
}

struct ManyActivations<'a> {
    weights: &'a Matrix,
    activations: &'a Matrix,
    first_activation: usize,
    out: &'a mut [f32],
}

impl Task for ManyActivations<'_> {
    #[inline(always)]
    fn run(self, dots: impl Dots) {
        let width = self.weights.rows;
        let count = self.out.len() / width;
        for row in 0..width {
            let weights = self.weights.row(row);
            let mut done = 0;
            while done + ACTIVATIONS_AT_ONCE <= count {
                let first = self.first_activation + done;
                let activations = [first, first + 1, first + 2, first + 3];
                let activations = activations.map(|index| self.activations.row(index));
                let [products] = dots.dots([weights], activations);
                for (i, product) in products.into_iter().enumerate() {
                    self.out[(done + i) * width + row] = product;
                }
                done += ACTIVATIONS_AT_ONCE;
            }
            for index in done..count {
                let activation = self.activations.row(self.first_activation + index);
                [[self.out[index * width + row]]] = dots.dots([weights], [activation]);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Portable;

impl Dots for Portable {
    #[inline(always)]
    fn dots<const R: usize, const A: usize>(
        self,
        weights: [Row<'_>; R],
        activations: [Row<'_>; A],
    ) -> [[f32; A]; R] {
        weights.map(|weights| {
            activations.map(|activation| {
                let blocks = weights.quants.iter().zip(weights.scales);
                let others = activation.quants.iter().zip(activation.scales);
                blocks
                    .zip(others)
                    .map(|((weights, scale), (activations, other_scale))| {
                        let products = weights.iter().zip(activations);
                        let sum: i32 = products.map(|(w, a)| i32::from(*w) * i32::from(*a)).sum();
                        sum as f32 * (scale * other_scale)
                    })
                    .sum()
            })
        })
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(test)]
pub(crate) mod tests;
