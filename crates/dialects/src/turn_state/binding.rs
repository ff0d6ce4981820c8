//! By what a turn is known again beside the ID of its call: what was said right before it.
//!
//! A call's ID alone would not do where a host numbers calls anew in each conversation or each turn: one API key
//! may serve many people. An ID that is drawn at random is enough, whatever the client has made of its history
//! since: agents shorten old results and put the hour into questions.

use std::fmt;

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use crate::conversation::{Message, PartKind};

/// What was said right before a turn, as a hash: the user's last message, and the results of tools since.
/// Earlier messages do not count, since clients leave old ones out.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Before([u8; 32]);

impl fmt::Debug for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Before(…)")
    }
}

impl Before {
    /// After these messages.
    pub fn of(messages: &[Message<'_>]) -> Self {
        messages.iter().fold(Self::default(), Self::then)
    }

    /// After one more message.
    pub fn then(self, message: &Message<'_>) -> Self {
        let mut hash = Sha256::new();
        match message {
            Message::System { .. } | Message::Assistant(_) => return self,
            Message::User { .. } => {}
            Message::Tool { .. } => hash.update(self.0),
        }
        for part in message.parts() {
            let (kind, bytes) = match &part.kind {
                PartKind::Text(text) | PartKind::Refusal(text) => (0, text.as_bytes()),
                // Megabytes of media would cost more than they tell.
                PartKind::Image { .. } => (1, &[][..]),
                PartKind::Video { .. } => (2, &[][..]),
                PartKind::Audio { .. } => (3, &[][..]),
                PartKind::File(_) => (4, &[][..]),
            };
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Self(hash.finalize().into())
    }

    /// What the state of a turn that only spoke is bound to.
    pub(super) fn binding(self) -> Binding {
        Binding(self.0)
    }

    /// What the state of a turn with this call is bound to, as far as it is asked for by this call: other
    /// calls of the turn may have been left out since.
    pub(super) fn binding_of_call(self, id: &str, name: &str, arguments: &str) -> Binding {
        let before = if is_drawn(id, name) { Self::default() } else { self };
        // Spaces, order and the spelling of numbers may change on the way through a client.
        let arguments = serde_json::from_str::<Value>(arguments).map_or_else(
            |_| arguments.trim().to_owned(),
            |mut value| {
                spell_numbers(&mut value);
                value.to_string()
            },
        );
        let arguments = if arguments.is_empty() { "{}" } else { &*arguments };
        let mut hash = Sha256::new();
        hash.update(before.0);
        for said in [name, arguments] {
            hash.update((said.len() as u64).to_le_bytes());
            hash.update(said);
        }
        Binding(hash.finalize().into())
    }
}

/// Gives numbers that are the same one spelling. They are where they are the same in 64 bits: many clients know no
/// other numbers, and write `1.0` as `1` and a long integer as the nearest that they have.
fn spell_numbers(value: &mut Value) {
    /// Up to here each whole number is one of 64 bits.
    const WHOLE_LIMIT: f64 = 9_007_199_254_740_992.0;

    match value {
        Value::Number(number) => {
            let Some(float) = number.as_f64() else { return };
            if float.fract() == 0.0 && float.abs() <= WHOLE_LIMIT {
                *number = (float as i64).into();
            } else if let Some(nearest) = Number::from_f64(float) {
                *number = nearest;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(spell_numbers),
        Value::Object(members) => members.values_mut().for_each(spell_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Whether a call's ID looks drawn at random, so that no other call has it: letters and digits mixed, many of them
/// in a row, and not the tool's name (`functions.weather_v2forecast:0`).
fn is_drawn(id: &str, name: &str) -> bool {
    const LONG: usize = 8;
    let is_mixed = |run: &str| {
        run.len() >= LONG
            && run.bytes().any(|byte| byte.is_ascii_digit())
            && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    let names_its_tool = !name.is_empty() && id.contains(name);
    !names_its_tool && id.split(|c: char| !c.is_ascii_alphanumeric()).any(is_mixed)
}

/// What a key of a turn's state is bound to: what was said right before the turn, and what was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Binding(pub [u8; 32]);
