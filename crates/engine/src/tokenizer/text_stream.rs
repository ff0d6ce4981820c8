//! Puts the bytes of tokens together to text, as they come.

/// Keeps back bytes that are not yet a whole character.
#[derive(Default)]
pub(crate) struct TextStream {
    /// At most three bytes: the beginning of a character.
    pending: Vec<u8>,
}

impl TextStream {
    /// Adds bytes and takes out what is complete. What can never become UTF-8 turns into U+FFFD.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        let mut done = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            done += chunk.valid().len();
            let invalid = chunk.invalid();
            let at_the_end = done + invalid.len() == self.pending.len();
            if at_the_end && may_continue(invalid) {
                break;
            }
            if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
                done += invalid.len();
            }
        }
        self.pending.drain(..done);
        text
    }

    /// What is left at the end of an answer: U+FFFD for a character that never became whole.
    pub(crate) fn end(&mut self) -> &'static str {
        let whole = self.pending.is_empty();
        self.pending.clear();
        if whole { "" } else { "\u{FFFD}" }
    }
}

/// Whether more bytes could make a character of these.
fn may_continue(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => false,
        Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
    }
}
