//! The products with 256-bit registers: 32 multiplications in about seven instructions.
//!
//! Eight bits times eight bits exists only for unsigned times signed numbers, so the sign of one
//! factor moves over to the other. Two such products fit 16 bits (2 x 127 x 127 < 32,768).

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use super::{Block, Dots, ROWS_AT_ONCE, Task};

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
    fn four(self, row: &[Block], [a, b, c, d]: [&[Block]; ROWS_AT_ONCE]) -> [f32; ROWS_AT_ONCE] {
        let ones = self.avx._mm256_set1_epi16(1);
        let mut sums = [self.avx._mm256_setzero_ps(); ROWS_AT_ONCE];
        // Zipped rather than indexed, so that no bound is checked inside the loop.
        for ((((block, a), b), c), d) in row.iter().zip(a).zip(b).zip(c).zip(d) {
            let quants = cast(block.quants);
            let magnitudes = self.avx2._mm256_abs_epi8(quants);
            let scale = self.avx._mm256_set1_ps(block.scale);
            for (sum, other) in sums.iter_mut().zip([a, b, c, d]) {
                let signed = self.avx2._mm256_sign_epi8(cast(other.quants), quants);
                let pairs = self.avx2._mm256_maddubs_epi16(magnitudes, signed);
                let fours = self.avx2._mm256_madd_epi16(pairs, ones);
                let scale = self
                    .avx
                    ._mm256_mul_ps(scale, self.avx._mm256_set1_ps(other.scale));
                *sum = self
                    .fma
                    ._mm256_fmadd_ps(self.avx._mm256_cvtepi32_ps(fours), scale, *sum);
            }
        }
        let mut totals = [0.0; ROWS_AT_ONCE];
        for (total, sum) in totals.iter_mut().zip(sums) {
            let [a, b, c, d, e, f, g, h]: [f32; 8] = cast(sum);
            *total = ((a + e) + (c + g)) + ((b + f) + (d + h));
        }
        totals
    }
}
