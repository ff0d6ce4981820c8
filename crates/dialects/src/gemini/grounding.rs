//! What Google's search and other tools of its own have found, as citations of the answer's text.
//!
//! A candidate names its sources and the segments of text that they bear out, counted in bytes of the whole
//! text, also in a stream; a segment's end may be off by a line. What is told last counts. A source without an
//! address on the web (a file of the operator's) has no form in chat.

use tollgate_chat::{
    event::Citation,
    object::{Object, items},
};

use crate::{conversation::text, page::Page};

/// Most bytes of text that are held to find segments in. Beyond it nothing is cited.
const TEXT_LIMIT: usize = 256 << 10;
/// Most citations of one choice.
const CITATIONS_LIMIT: usize = 1_024;
/// How far before its place a segment is looked for, in bytes.
const DRIFT: usize = 16;

/// The text of one choice, and what it is said to be based on.
#[derive(Debug, Default)]
pub(super) struct Grounding {
    said: String,
    sources: Vec<Option<Page>>,
    segments: Vec<Segment>,
}

#[derive(Debug)]
struct Segment {
    from: usize,
    to: usize,
    text: String,
    /// Indices of sources.
    sources: Vec<usize>,
}

impl Grounding {
    /// Text of the answer, as it was passed on.
    pub fn said(&mut self, text: &str) {
        if self.said.len() <= TEXT_LIMIT {
            self.said.push_str(text);
        }
    }

    /// What a candidate says of its sources.
    pub fn take(&mut self, candidate: &Object<'_>) {
        let Some(Ok(metadata)) = candidate.present("groundingMetadata").map(Object::parse) else {
            return;
        };
        let list = |name| items(metadata.present(name).unwrap_or("[]")).unwrap_or_default();
        let sources = list("groundingChunks");
        if !sources.is_empty() {
            self.sources = sources.into_iter().take(CITATIONS_LIMIT).map(source).collect();
        }
        let segments = list("groundingSupports");
        if !segments.is_empty() {
            self.segments = segments
                .into_iter()
                .take(CITATIONS_LIMIT)
                .filter_map(segment)
                .collect();
        }
    }

    /// The citations of the whole text, and whether sources stay unnamed.
    pub fn end(self) -> (Vec<Citation>, bool) {
        let mut citations = Vec::new();
        let mut cited = vec![false; self.sources.len()];
        if self.said.len() <= TEXT_LIMIT {
            for segment in &self.segments {
                let (start, end) = segment.place_in(&self.said);
                for index in &segment.sources {
                    let Some(Some(page)) = self.sources.get(*index) else {
                        continue;
                    };
                    cited[*index] = true;
                    if citations.len() < CITATIONS_LIMIT {
                        citations.push(page.cited(start, end));
                    }
                }
            }
        }
        (citations, cited.contains(&false))
    }
}

impl Segment {
    /// The characters before the segment, and up to its end.
    fn place_in(&self, said: &str) -> (u64, u64) {
        let mut from = said.floor_char_boundary(self.from);
        let mut to = said.floor_char_boundary(self.to.max(from));
        if said[from..to] != self.text && !self.text.is_empty() {
            let near = said.floor_char_boundary(from.saturating_sub(DRIFT));
            if let Some(at) = said[near..].find(&self.text) {
                (from, to) = (near + at, near + at + self.text.len());
            }
        }
        let chars = |text: &str| text.chars().count() as u64;
        let start = chars(&said[..from]);
        (start, start + chars(&said[from..to]))
    }
}

/// A page, or a place on a map. `None` where it has no address on the web.
fn source(chunk: &str) -> Option<Page> {
    let chunk = Object::parse(chunk).ok()?;
    let mut kinds = ["web", "maps", "retrievedContext"].into_iter();
    let source = kinds.find_map(|kind| chunk.present(kind))?;
    Page::of(&Object::parse(source).ok()?, &["uri"])
}

fn segment(support: &str) -> Option<Segment> {
    let support = Object::parse(support).ok()?;
    let segment = Object::parse(support.present("segment")?).ok()?;
    Some(Segment {
        from: segment.read("startIndex").unwrap_or(0),
        to: segment.read("endIndex").unwrap_or(0),
        text: text(&segment, "text").unwrap_or_default().into_owned(),
        sources: support.read("groundingChunkIndices").unwrap_or_default(),
    })
}
