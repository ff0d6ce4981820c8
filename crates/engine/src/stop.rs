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
    /// From where this begins nothing stops any more.
    until: Option<String>,
    waiting: String,
}

impl StopTexts {
    pub(crate) fn new(mut stops: Vec<String>, until: Option<String>) -> Self {
        stops.retain(|stop| !stop.is_empty());
        Self {
            until: until.filter(|_| !stops.is_empty()),
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
        let found = found.min_by_key(|(at, _)| *at);
        let mut shown = self.waiting.len();
        if let Some(until) = &self.until {
            shown = shown.min(
                self.waiting
                    .find(until)
                    .unwrap_or(shown - overlap(&self.waiting, until)),
            );
        }
        match found.filter(|(at, _)| *at < shown) {
            Some((at, stop)) => {
                let stop = stop.clone();
                self.waiting.truncate(at);
                return Passed::Stopped {
                    text: std::mem::take(&mut self.waiting),
                    stop,
                };
            }
            None if self
                .until
                .as_ref()
                .is_some_and(|until| self.waiting[shown..].starts_with(until)) =>
            {
                self.stops.clear();
                self.until = None;
                return Passed::Text(std::mem::take(&mut self.waiting));
            }
            None => {}
        }
        for stop in &self.stops {
            shown = shown.min(self.waiting.len() - overlap(&self.waiting, stop));
        }
        let rest = self.waiting.split_off(shown);
        Passed::Text(std::mem::replace(&mut self.waiting, rest))
    }

    /// Frees what still waited, when the answer ends for another reason.
    pub(crate) fn end(&mut self) -> Passed {
        // What might have begun there did not.
        self.until = None;
        match self.push("") {
            Passed::Text(text) => Passed::Text(text + &std::mem::take(&mut self.waiting)),
            stopped => stopped,
        }
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
