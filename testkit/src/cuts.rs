//! Cuts a stream's bytes where a network might, and where a reader least expects it.
//!
//! A cut changes nothing: the pieces together are the same bytes, so whatever is read from them has
//! to be the same too. [`framing`] writes the same events differently, which has to read the same as
//! well; [`fault`] breaks a stream, which must be noticed.

pub mod fault;
pub mod framing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use bytes::Bytes;

/// A body in pieces, each of which is to arrive by itself.
#[derive(Clone, Debug)]
pub struct Cut {
    /// How it was cut, for a test's message.
    pub name: String,
    pub pieces: Vec<Bytes>,
}

/// Every way of cutting that is known to hurt, and a few at random; the same for the same `seed`.
pub fn hostile_cuts(body: &Bytes, seed: u64) -> Vec<Cut> {
    let mut cuts = vec![
        cut_at("whole", body, []),
        cut_at("one byte at a time", body, 1..body.len()),
        cut_at("inside characters", body, inside_characters(body)),
        cut_at("between CR and LF", body, between_cr_and_lf(body)),
    ];
    for (name, shift) in [("before", -1), ("at", 0), ("after", 1)] {
        let places = event_ends(body)
            .into_iter()
            .filter_map(|end| end.checked_add_signed(shift));
        cuts.push(cut_at(&format!("{name} every event's end"), body, places));
    }
    let mut random = Random(seed);
    for round in 0..4 {
        let most = body.len().min(64) as u64;
        let count = 1 + random.below(most.max(1));
        let places: Vec<usize> = (0..count)
            .map(|_| random.below(body.len().max(1) as u64) as usize)
            .collect();
        cuts.push(cut_at(
            &format!("at random, seed {seed}, round {round}"),
            body,
            places,
        ));
    }
    cuts
}

/// Cuts a body at these places, given as offsets from its start in any order; offsets outside are
/// left out, and no piece is empty.
pub fn cut_at(name: &str, body: &Bytes, places: impl IntoIterator<Item = usize>) -> Cut {
    let places: BTreeSet<usize> = places
        .into_iter()
        .filter(|place| (1..body.len()).contains(place))
        .collect();
    let mut pieces = Vec::with_capacity(places.len() + 1);
    let mut start = 0;
    for end in places.into_iter().chain([body.len()]) {
        if end > start {
            pieces.push(body.slice(start..end));
        }
        start = end;
    }
    Cut {
        name: name.to_owned(),
        pieces,
    }
}

/// The offsets just after every event's blank line, whichever line ends it has.
pub(crate) fn event_ends(body: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut place = 0;
    let mut line_is_empty = true;
    // Blank lines before the first line of an event belong to none.
    let mut in_event = false;
    while place < body.len() {
        let line_end = match (body[place], body.get(place + 1)) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => 0,
        };
        if line_end == 0 {
            line_is_empty = false;
            in_event = true;
            place += 1;
            continue;
        }
        place += line_end;
        if line_is_empty && in_event {
            ends.push(place);
            in_event = false;
        }
        line_is_empty = true;
    }
    ends
}

fn inside_characters(body: &[u8]) -> impl Iterator<Item = usize> {
    let continues = |byte: u8| byte & 0b1100_0000 == 0b1000_0000;
    (1..body.len()).filter(move |&place| continues(body[place]))
}

fn between_cr_and_lf(body: &[u8]) -> impl Iterator<Item = usize> {
    (1..body.len()).filter(move |&place| body[place - 1] == b'\r' && body[place] == b'\n')
}

/// A small source of repeatable numbers (SplitMix64): a test that fails must fail again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
