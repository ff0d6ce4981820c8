//! Lets each token look back at what its sequence has read.
//!
//! Page by page, with a running maximum and sum (online softmax), so the memory it takes does not
//! grow with the length of the sequence.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::arithmetic::exp;
use super::cache::{KvCache, PAGE};
use super::{Sizes, Slice};

/// Tokens that one piece of work looks after.
const TOKENS_AT_ONCE: usize = 16;

/// For each row of queries, keys and values, what its heads gathered: rows of `width` numbers.
///
/// The rows are those of the slices, one after the other; the caches hold them already. A row sees
/// itself and everything before it in its own cache.
pub(super) fn attend(projected: &[f32], slices: &[Slice<'_>], layer: usize, sizes: &Sizes) -> Vec<f32> {
    let group = sizes.width / sizes.kv_heads;
    let row_width = sizes.width + 2 * sizes.kv_width();
    let count = projected.len() / row_width;

    // One part for each slice and each head of keys, so that pieces of work write to separate places.
    let mut parts = vec![0.0; count * sizes.width];
    let mut pieces = Vec::new();
    let (mut rows, mut rest) = (projected, &mut parts[..]);
    for Slice { tokens, cache } in slices {
        let (of_slice, others) = rows.split_at(tokens.len() * row_width);
        rows = others;
        let start = cache.len() - tokens.len();
        for kv_head in 0..sizes.kv_heads {
            let (part, others) = rest.split_at_mut(tokens.len() * group);
            rest = others;
            let rows = of_slice.chunks(TOKENS_AT_ONCE * row_width);
            let outs = part.chunks_mut(TOKENS_AT_ONCE * group);
            pieces.extend(rows.zip(outs).enumerate().map(|(index, (rows, out))| Piece {
                rows,
                out,
                first: start + index * TOKENS_AT_ONCE,
                cache,
                kv_head,
            }));
        }
    }
    let arch = Arch::new();
    pieces.into_par_iter().for_each(|piece| {
        let Piece { cache, kv_head, .. } = piece;
        arch.dispatch(LookBack {
            looks: piece.looks(sizes),
            cache,
            layer,
            kv_head,
            head: sizes.head(),
        });
    });

    let mut out = vec![0.0; parts.len()];
    let (mut rest, mut parts) = (&mut out[..], &parts[..]);
    for Slice { tokens, .. } in slices {
        let (rows, others) = rest.split_at_mut(tokens.len() * sizes.width);
        rest = others;
        for kv_head in 0..sizes.kv_heads {
            let (part, others) = parts.split_at(tokens.len() * group);
            parts = others;
            for (row, gathered) in rows.chunks_exact_mut(sizes.width).zip(part.chunks_exact(group)) {
                row[kv_head * group..(kv_head + 1) * group].copy_from_slice(gathered);
            }
        }
    }
    out
}

/// Some tokens of one sequence, and one head of keys that they look at.
struct Piece<'a> {
    rows: &'a [f32],
    out: &'a mut [f32],
    /// Where the first token stands in its sequence.
    first: usize,
    cache: &'a KvCache,
    kv_head: usize,
}

impl<'a> Piece<'a> {
    fn looks(self, sizes: &Sizes) -> Vec<Look<'a>> {
        let group = sizes.width / sizes.kv_heads;
        let from = self.kv_head * group;
        let row_width = sizes.width + 2 * sizes.kv_width();
        let rows = self.rows.chunks_exact(row_width);
        let outs = self.out.chunks_exact_mut(group);
        rows.zip(outs)
            .zip(self.first..)
            .flat_map(|((row, out), position)| {
                let queries = row[from..from + group].chunks_exact(sizes.head());
                let sums = out.chunks_exact_mut(sizes.head());
                queries
                    .zip(sums)
                    .map(move |(query, sum)| Look::new(query, sum, position))
            })
            .collect()
    }
}

/// One head of one token on its way through the pages.
struct Look<'a> {
    query: &'a [f32],
    /// Values gathered so far, weighed relative to `largest`.
    sum: &'a mut [f32],
    position: usize,
    largest: f32,
    weight: f32,
}

impl<'a> Look<'a> {
    fn new(query: &'a [f32], sum: &'a mut [f32], position: usize) -> Self {
        Self {
            query,
            sum,
            position,
            largest: f32::NEG_INFINITY,
            weight: 0.0,
        }
    }
}

/// Looks at one head's keys and values, from the first page to the last that somebody may see.
struct LookBack<'a> {
    looks: Vec<Look<'a>>,
    cache: &'a KvCache,
    layer: usize,
    kv_head: usize,
    head: usize,
}

impl WithSimd for LookBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let last = self.looks.iter().map(|look| look.position).max().unwrap_or(0);
        let mut keys = vec![0.0; PAGE * self.head];
        let mut values = vec![0.0; PAGE * self.head];
        for page in 0..=last / PAGE {
            let first = page * PAGE;
            self.cache
                .read(self.layer, self.kv_head, page, &mut keys, &mut values);
            for look in self.looks.iter_mut().filter(|look| look.position >= first) {
                let seen = (look.position + 1 - first).min(PAGE);
                look_at_page(simd, look, seen, &keys, &values);
            }
        }
        for look in &mut self.looks {
            let share = look.weight.recip();
            look.sum.iter_mut().for_each(|sum| *sum *= share);
        }
    }
}

/// `keys`: a row of [`PAGE`] for each number of a key; `values`: a row for each token.
#[inline(always)]
fn look_at_page<S: Simd>(simd: S, look: &mut Look<'_>, seen: usize, keys: &[f32], values: &[f32]) {
    let scale = (look.query.len() as f32).sqrt().recip();
    let mut weights = [0.0; PAGE];
    {
        let (sums, _) = S::as_mut_simd_f32s(&mut weights);
        let (groups, rest) = sums.as_chunks_mut::<4>();
        for (index, group) in groups.iter_mut().enumerate() {
            score::<S, 4>(simd, look.query, keys, index * 4, group);
        }
        let done = groups.len() * 4;
        for (index, sum) in rest.iter_mut().enumerate() {
            score::<S, 1>(simd, look.query, keys, done + index, std::array::from_mut(sum));
        }
    }
    // What stands later than the query is not seen.
    weights[seen..].fill(f32::NEG_INFINITY);
    let mut largest = look.largest;
    for weight in &mut weights {
        *weight *= scale;
        largest = if *weight > largest { *weight } else { largest };
    }
    let fade = exp(look.largest - largest);
    look.largest = largest;
    look.weight *= fade;
    for weight in &mut weights {
        *weight = exp(*weight - largest);
        look.weight += *weight;
    }

    let (sums, _) = S::as_mut_simd_f32s(look.sum);
    let (groups, rest) = sums.as_chunks_mut::<8>();
    for (index, group) in groups.iter_mut().enumerate() {
        gather::<S, 8>(simd, fade, &weights[..seen], values, index * 8, group);
    }
    let done = groups.len() * 8;
    for (index, sum) in rest.iter_mut().enumerate() {
        let sum = std::array::from_mut(sum);
        gather::<S, 1>(simd, fade, &weights[..seen], values, done + index, sum);
    }
}

/// Products of a query with the keys of `N` vectors of tokens, from vector `first` on.
#[inline(always)]
fn score<S: Simd, const N: usize>(
    simd: S,
    query: &[f32],
    keys: &[f32],
    first: usize,
    out: &mut [S::f32s; N],
) {
    let mut sums = *out;
    for (number, keys) in query.iter().zip(keys.chunks_exact(PAGE)) {
        let number = simd.splat_f32s(*number);
        let (keys, _) = S::as_simd_f32s(keys);
        for (sum, key) in sums.iter_mut().zip(&keys[first..first + N]) {
            *sum = simd.mul_add_e_f32s(number, *key, *sum);
        }
    }
    *out = sums;
}

/// Fades what was gathered and adds the values by their weight, for `N` vectors of numbers.
#[inline(always)]
fn gather<S: Simd, const N: usize>(
    simd: S,
    fade: f32,
    weights: &[f32],
    values: &[f32],
    first: usize,
    out: &mut [S::f32s; N],
) {
    let mut sums = *out;
    let fade = simd.splat_f32s(fade);
    for sum in &mut sums {
        *sum = simd.mul_f32s(*sum, fade);
    }
    for (weight, value) in weights.iter().zip(values.chunks_exact(values.len() / PAGE)) {
        let weight = simd.splat_f32s(*weight);
        let (value, _) = S::as_simd_f32s(value);
        for (sum, value) in sums.iter_mut().zip(&value[first..first + N]) {
            *sum = simd.mul_add_e_f32s(weight, *value, *sum);
        }
    }
    *out = sums;
}
