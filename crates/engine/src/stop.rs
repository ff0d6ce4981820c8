//! Ends an answer before a stop text, also where the text comes in several tokens.
//!
//! Text that may be the beginning of a stop text waits. At most the longest stop text less one
//! byte waits, and the end of the answer frees it.

/// What may be shown after another piece of text came.
#[derive(Debug, PartialEq)]
pub(crate) enum Passed {
    /// Goes on.
    Text(String),
    /// Ends here: the last text, and which stop text came after it.
    Stopped { text: String, stop: String },
}

pub(crate) struct StopTexts {
    stops: Vec<String>,
    waiting: String,
}

impl StopTexts {
    pub(crate) fn new(mut stops: Vec<String>) -> Self {
        stops.retain(|stop| !stop.is_empty());
        Self {
            stops,
            waiting: String::new(),
        }
    }

    pub(crate) fn push(&mut self, text: &str) -> Passed {
        self.waiting.push_str(text);
        let found = self
            .stops
            .iter()
            .filter_map(|stop| Some((self.waiting.find(stop)?, stop)));
        // Of two at the same place the first in the request counts.
        if let Some((at, stop)) = found.min_by_key(|(at, _)| *at) {
            let stop = stop.clone();
            self.waiting.truncate(at);
            return Passed::Stopped {
                text: std::mem::take(&mut self.waiting),
                stop,
            };
        }
        let waits = self
            .stops
            .iter()
            .map(|stop| overlap(&self.waiting, stop))
            .max()
            .unwrap_or(0);
        let rest = self.waiting.split_off(self.waiting.len() - waits);
        Passed::Text(std::mem::replace(&mut self.waiting, rest))
    }

    /// Frees what still waited, when the answer ends for another reason.
    pub(crate) fn end(&mut self) -> String {
        std::mem::take(&mut self.waiting)
    }
}

/// The length of the longest end of `text` with which `stop` begins, in bytes.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len() - 1);
    let lengths = (1..=longest)
        .rev()
        .filter(|length| stop.is_char_boundary(*length));
    lengths
        .into_iter()
        .find(|length| text.ends_with(&stop[..*length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
