//! The call whose arguments are the content: its arguments become text.
//!
//! Some models put them into an object of their own, `{"values": {…}}` or `{"properties": {…}}`. That
//! goes only where the schema tells that it is none of the client's: it has no such member, takes what
//! is inside, and does not take the whole.

use tollgate_chat::object::Object;

use super::schema::Schema;

const WRAPPERS: [&str; 2] = ["properties", "values"];

#[derive(Debug)]
pub struct ContentCall {
    schema: Option<Schema>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The first member's name is not known yet; what came is held.
    Opening(String),
    Passing,
    /// It may be a wrapper, which only the end tells; what came is held.
    Wrapped(String),
}

impl ContentCall {
    pub fn new(schema: Option<Schema>) -> Self {
        Self {
            schema,
            state: State::Opening(String::new()),
        }
    }

    /// Takes the next piece of the arguments and returns what of it may be shown.
    pub fn take(&mut self, piece: &str) -> String {
        match &mut self.state {
            State::Passing => piece.to_owned(),
            State::Wrapped(held) => {
                held.push_str(piece);
                String::new()
            }
            State::Opening(held) => {
                held.push_str(piece);
                let Some(name) = first_name(held) else {
                    return String::new();
                };
                let held = held.clone();
                let may_wrap = WRAPPERS.contains(&name)
                    && self
                        .schema
                        .as_ref()
                        .is_some_and(|schema| schema.knows_no_member(name));
                if may_wrap {
                    self.state = State::Wrapped(held);
                    return String::new();
                }
                self.state = State::Passing;
                held
            }
        }
    }

    /// The end of the call: what was held. A call without arguments says `{}`.
    pub fn end(&mut self) -> String {
        match std::mem::replace(&mut self.state, State::Passing) {
            State::Passing => String::new(),
            State::Opening(held) if held.trim().is_empty() => "{}".to_owned(),
            State::Opening(held) => held,
            State::Wrapped(held) => {
                let inner = self.schema.as_ref().and_then(|schema| unwrapped(&held, schema));
                inner.map(str::to_owned).unwrap_or(held)
            }
        }
    }
}

fn unwrapped<'a>(held: &'a str, schema: &Schema) -> Option<&'a str> {
    let object = Object::parse(held).ok()?;
    match object.members() {
        [only] if !schema.takes(held) && schema.takes(only.value) => Some(only.value),
        _ => None,
    }
}

/// The name of an object's first member; `""` for what is no object or has none, `None` while that is
/// not known. A name with escapes is none that is looked for, so they are left as they are.
fn first_name(text: &str) -> Option<&str> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    let Some(members) = text.strip_prefix('{') else {
        return Some("");
    };
    let members = members.trim_start();
    if members.is_empty() {
        return None;
    }
    let Some(name) = members.strip_prefix('"') else {
        return Some("");
    };
    match name.split_once('"') {
        Some((name, _)) => Some(name),
        None if WRAPPERS.iter().any(|wrapper| wrapper.starts_with(name)) => None,
        None => Some(""),
    }
}

#[cfg(test)]
mod tests;
