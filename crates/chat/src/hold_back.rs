//! Keeps back text that may be the beginning of a stop text, and ends the text before one.
//!
//! Some providers cannot stop by themselves, so the gate cuts for them, and no part of a stop text may
//! leak however the text is cut into pieces. At most the longest stop text less one byte waits; the
//! end of the text frees it.
//! Not here: which providers need this (`tollgate_catalog::quirks`).

use std::cmp::Reverse;

/// What may be shown after a piece of text came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// It goes on. May be empty.
    Text(String),
    /// It ends here: the last text, and the stop text that came after it.
    Stopped { text: String, stop: String },
}

/// One text on its way.
#[derive(Debug, Clone, Default)]
pub struct HoldBack {
    stops: Vec<String>,
    held: String,
}

impl HoldBack {
    /// Empty stop texts are none.
    pub fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self {
            stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(),
            held: String::new(),
        }
    }

    /// Takes the next piece. The stop text that is complete first counts, of two that end at one place
    /// the longer: it is as if the model had stopped by itself at that letter, so where the pieces are
    /// cut changes nothing. After [`Passed::Stopped`] nothing is held.
    pub fn take(&mut self, piece: &str) -> Passed {
        self.held.push_str(piece);
        let met = self
            .stops
            .iter()
            .filter_map(|stop| Some((self.held.find(&**stop)?, stop)))
            .min_by_key(|(at, stop)| (at + stop.len(), Reverse(stop.len())));
        if let Some((at, stop)) = met {
            let stop = stop.clone();
            let mut text = std::mem::take(&mut self.held);
            text.truncate(at);
            return Passed::Stopped { text, stop };
        }
        let waits = self.stops.iter().map(|stop| overlap(&self.held, stop)).max();
        let shown = self.held.len() - waits.unwrap_or(0);
        let rest = self.held.split_off(shown);
        Passed::Text(std::mem::replace(&mut self.held, rest))
    }

    /// The end of the text: what was held is no stop text.
    pub fn end(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Bytes of the longest end of `text` with which `stop` begins, `stop` itself left out.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest)
        .rev()
        .filter(|length| stop.is_char_boundary(*length))
        .find(|length| text.ends_with(&stop[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
