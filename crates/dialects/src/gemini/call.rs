//! A function call in an answer: usually whole, in pieces where somebody asked Vertex for that.

mod partial;

use std::borrow::Cow;

use tollgate_chat::object::{Object, items};

use self::partial::Arguments;
use crate::{
    conversation::text,
    fault::{Fault, malformed},
};

/// Most bytes of a call that comes in pieces.
const HELD_LIMIT: usize = 4 << 20;

/// What one `functionCall` part says.
#[derive(Debug)]
pub(super) struct CallPart<'a> {
    id: Option<String>,
    name: Option<String>,
    arguments: Option<&'a str>,
    pieces: Vec<Object<'a>>,
    will_continue: bool,
}

/// A whole call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub id: Option<String>,
    pub name: String,
    /// An object in JSON on one line, or the beginning of one where the answer broke off.
    pub arguments: String,
}

/// A call of which more is to come.
#[derive(Debug)]
pub(super) struct OpenCall {
    id: Option<String>,
    name: String,
    arguments: Arguments,
    held: usize,
}

impl<'a> CallPart<'a> {
    pub fn read(json: &'a str) -> Result<Self, Fault> {
        let call = Object::parse(json).map_err(|_| malformed("a functionCall is not an object"))?;
        let pieces = items(call.present("partialArgs").unwrap_or("[]"))
            .ok()
            .and_then(|pieces| {
                pieces
                    .into_iter()
                    .map(Object::parse)
                    .collect::<Result<_, _>>()
                    .ok()
            })
            .ok_or_else(|| malformed("partialArgs is not a list of objects"))?;
        let said = |name| {
            text(&call, name)
                .filter(|said| !said.is_empty())
                .map(Cow::into_owned)
        };
        Ok(Self {
            id: said("id"),
            name: said("name"),
            arguments: call.present("args"),
            pieces,
            will_continue: call.present("willContinue") == Some("true"),
        })
    }

    /// Whether it goes on with a call that was begun before.
    pub fn continues(&self) -> bool {
        self.name.is_none()
    }

    /// Begins a call. It is whole at once unless more of it is to come.
    pub fn begin(self) -> Result<Result<Call, OpenCall>, Fault> {
        let name = self.name.ok_or_else(|| malformed("a functionCall has no name"))?;
        if !self.will_continue && self.pieces.is_empty() {
            return Ok(Ok(Call {
                id: self.id,
                name,
                arguments: self.arguments.map_or_else(|| "{}".to_owned(), compact),
            }));
        }
        let mut open = OpenCall {
            id: self.id,
            name,
            arguments: Arguments::default(),
            held: 0,
        };
        open.take(&self.pieces)?;
        Ok(match self.will_continue {
            true => Err(open),
            false => Ok(open.end()),
        })
    }
}

impl OpenCall {
    /// Takes the next piece. Returns whether it was the last.
    pub fn go_on(&mut self, part: &CallPart<'_>) -> Result<bool, Fault> {
        self.take(&part.pieces)?;
        Ok(!part.will_continue)
    }

    fn take(&mut self, pieces: &[Object<'_>]) -> Result<(), Fault> {
        for piece in pieces {
            self.held += piece.text().len();
            if self.held > HELD_LIMIT {
                return Err(malformed("a functionCall in pieces is too long"));
            }
            self.arguments.take(piece)?;
        }
        Ok(())
    }

    pub fn end(self) -> Call {
        self.done(false)
    }

    /// What there is of it where the answer broke off: the brackets that are open stay open.
    pub fn break_off(self) -> Call {
        self.done(true)
    }

    fn done(self, cut: bool) -> Call {
        Call {
            id: self.id,
            name: self.name,
            arguments: self.arguments.to_json(cut),
        }
    }
}

/// An ID for a call that came without one: the same for the same answer, choice and place. `answer`: what tells it
/// from all others.
pub(super) fn made_up_id(answer: &str, choice: u32, index: u32) -> String {
    const LENGTH: usize = 24;

    let plain: String = answer.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail = &plain[plain.len().saturating_sub(LENGTH)..];
    match choice {
        0 => format!("call_{tail}_{index}"),
        _ => format!("call_{tail}_{choice}_{index}"),
    }
}

/// The same JSON without white space between its tokens: every byte of a token stays.
fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
        } else if character.is_ascii_whitespace() {
            continue;
        } else if character == '"' {
            in_string = true;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests;
