//! The products with 256-bit registers: 32 multiplications in about seven instructions.
//!
//! Eight bits times eight bits exists only for unsigned times signed numbers, so the sign of a
//! weight moves over to the activation. Two such products fit 16 bits (2 x 128 x 127 < 32,768),
//! which is why activations never hold -128 (see [`Matrix::quantise`](super::Matrix::quantise)).

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use super::{Dots, Row, Task};

/// Compiles a task for these instructions.
pub(super) struct WithAvx2<T> {
    pub(super) avx2: V3,
    pub(super) task: T,
}

impl<T: Task> NullaryFnOnce for WithAvx2<T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.task.run(self.avx2);
    }
}

impl Dots for V3 {
    #[inline(always)]
    fn dots<const R: usize, const A: usize>(
        self,
        weights: [Row<'_>; R],
        activations: [Row<'_>; A],
    ) -> [[f32; A]; R] {
        let blocks = weights[0].quants.len();
        // Said once here, the bounds need no check inside the loop.
        let mut weights = weights;
        let mut activations = activations;
        for row in weights.iter_mut().chain(&mut activations) {
            *row = row.first(blocks);
        }

        let ones = self.avx._mm256_set1_epi16(1);
        let mut sums = [[self.avx._mm256_setzero_ps(); A]; R];
        for block in 0..blocks {
            for (row, sums) in weights.iter().zip(&mut sums) {
                let weights = cast(row.quants[block]);
                let magnitudes = self.avx2._mm256_abs_epi8(weights);
                for (activation, sum) in activations.iter().zip(sums) {
                    let signed = self.avx2._mm256_sign_epi8(cast(activation.quants[block]), weights);
                    let pairs = self.avx2._mm256_maddubs_epi16(magnitudes, signed);
                    let fours = self.avx2._mm256_madd_epi16(pairs, ones);
                    let scale = row.scales[block] * activation.scales[block];
                    *sum = self.fma._mm256_fmadd_ps(
                        self.avx._mm256_cvtepi32_ps(fours),
                        self.avx._mm256_set1_ps(scale),
                        *sum,
                    );
                }
            }
        }
        let mut totals = [[0.0; A]; R];
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for (total, sum) in totals.iter_mut().zip(sums) {
                let [a, b, c, d, e, f, g, h]: [f32; 8] = cast(sum);
                *total = ((a + e) + (c + g)) + ((b + f) + (d + h));
            }
        }
        totals
    }
}
