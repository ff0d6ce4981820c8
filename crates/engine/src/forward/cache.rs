//! What a sequence has read: keys and values of every layer, as 16-bit floats.
//!
//! Kept in pages of [`PAGE`] tokens that are made as they are needed, so a short answer costs
//! little and a long one is never copied. A page of SmolLM2-135M takes 1.4 MB, a full window 189 MB.
//! Caches that begin alike may share pages; who writes into a shared one gets a copy of it first.

use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::Sizes;

/// Tokens in a page.
pub(crate) const PAGE: usize = 64;

/// A clone shares the pages.
#[derive(Clone)]
pub(crate) struct KvCache {
    kv_heads: usize,
    head: usize,
    layers: usize,
    len: usize,
    /// Each holds for every layer and head a block of keys and one of values. In keys the tokens
    /// of a number stand together, in values the numbers of a token: so is each of them used.
    pages: Vec<Arc<Box<[f16]>>>,
}

impl KvCache {
    pub(crate) fn new(sizes: &Sizes) -> Self {
        Self {
            kv_heads: sizes.kv_heads,
            head: sizes.head(),
            layers: sizes.layers,
            len: 0,
            pages: Vec::new(),
        }
    }

    /// Tokens read so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that a sequence of `tokens` tokens takes.
    pub(crate) fn bytes_for(sizes: &Sizes, tokens: usize) -> usize {
        let page = sizes.layers * 2 * sizes.kv_width() * PAGE * size_of::<f16>();
        tokens.div_ceil(PAGE) * page
    }

    /// Forgets all but the first `tokens` tokens.
    pub(crate) fn truncate(&mut self, tokens: usize) {
        self.len = self.len.min(tokens);
        self.pages.truncate(self.len.div_ceil(PAGE));
    }

    /// Makes room for `tokens` more tokens, to be written layer by layer.
    pub(super) fn extend(&mut self, tokens: usize) {
        self.len += tokens;
        let page = self.layers * 2 * self.kv_heads * PAGE * self.head;
        let pages = self.len.div_ceil(PAGE);
        self.pages
            .resize_with(pages, || Arc::new(vec![f16::ZERO; page].into_boxed_slice()));
    }

    /// Stores keys and values out of rows of queries, keys and values, from position `start` on.
    pub(super) fn write(&mut self, layer: usize, start: usize, projected: &[f32]) {
        let (head, kv_heads) = (self.head, self.kv_heads);
        let kv_width = head * kv_heads;
        let rows = self.len - start;
        for (row, position) in projected.chunks_exact(projected.len() / rows).zip(start..) {
            let (keys, values) = row[row.len() - 2 * kv_width..].split_at(kv_width);
            let both = keys.chunks_exact(head).zip(values.chunks_exact(head));
            let place = position % PAGE;
            for (kv_head, (key, value)) in both.enumerate() {
                let at = self.offset(layer, kv_head);
                let page = Arc::make_mut(&mut self.pages[position / PAGE]);
                let block = &mut page[at..at + 2 * PAGE * head];
                let (keys, values) = block.split_at_mut(PAGE * head);
                for (tokens, number) in keys.chunks_exact_mut(PAGE).zip(key) {
                    tokens[place] = f16::from_f32(*number);
                }
                values[place * head..(place + 1) * head].convert_from_f32_slice(value);
            }
        }
    }

    /// Reads one head's keys and values of a page. Places not yet written hold anything finite.
    pub(super) fn read(
        &self,
        layer: usize,
        kv_head: usize,
        page: usize,
        keys: &mut [f32],
        values: &mut [f32],
    ) {
        let at = self.offset(layer, kv_head);
        let block = &self.pages[page][at..at + keys.len() + values.len()];
        let (stored_keys, stored_values) = block.split_at(keys.len());
        stored_keys.convert_to_f32_slice(keys);
        stored_values.convert_to_f32_slice(values);
    }

    fn offset(&self, layer: usize, kv_head: usize) -> usize {
        (layer * self.kv_heads + kv_head) * 2 * PAGE * self.head
    }
}
