//! What a text cites, in chat's form.
//!
//! The provider cites with whole blocks of text. Pages that its web search found have an address, and so may
//! results of a client's own search; places in documents have no form in chat.

use tollgate_chat::{
    event::Citation,
    object::{Object, items},
};

use crate::page::Page;

/// Most pages that one block cites.
const PAGES_LIMIT: usize = 256;

/// What one block cites.
#[derive(Debug, Default)]
pub struct Cited {
    /// Each once.
    pages: Vec<Page>,
    /// Whether something else is cited.
    pub others: bool,
}

impl Cited {
    /// The member `citations` of a block.
    pub fn of(block: &Object<'_>) -> Self {
        let mut cited = Self::default();
        let list = items(block.present("citations").unwrap_or("[]")).unwrap_or_default();
        for citation in list.into_iter().filter_map(|json| Object::parse(json).ok()) {
            cited.take(&citation);
        }
        cited
    }

    /// One more citation.
    pub fn take(&mut self, citation: &Object<'_>) {
        let Some(page) = Page::of(citation, &["url", "source"]) else {
            self.others = true;
            return;
        };
        let is_known = self.pages.iter().any(|known| known.url == page.url);
        if !is_known && self.pages.len() < PAGES_LIMIT {
            self.pages.push(page);
        }
    }

    /// The citations of a block that lies between these characters of the text.
    pub fn between(self, start: u64, end: u64) -> impl Iterator<Item = Citation> {
        self.pages.into_iter().map(move |page| page.cited(start, end))
    }
}
