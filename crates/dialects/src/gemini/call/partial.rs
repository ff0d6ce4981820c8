//! Arguments that come value by value, each with its path (`$.items[0].name`), a string in several
//! pieces.

use tollgate_chat::{
    json::quote,
    object::{MEMBERS_LIMIT, Object},
};

use crate::fault::{Fault, malformed};

/// Deepest nesting that is followed.
const DEPTH_LIMIT: usize = 64;

/// The object so far; members in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    members: Vec<(String, Node)>,
    /// Whether something was said of them.
    begun: bool,
}

#[derive(Debug)]
enum Node {
    /// A place of which nothing is known yet.
    Empty,
    /// A string, decoded.
    Text(String),
    /// Any other value, as JSON.
    Other(String),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Item(usize),
}

impl Arguments {
    /// Takes one item of `partialArgs`.
    pub fn take(&mut self, piece: &Object<'_>) -> Result<(), Fault> {
        let path: String = piece
            .read("jsonPath")
            .ok_or_else(|| malformed("a piece of arguments has no jsonPath"))?;
        let steps = steps(&path).ok_or_else(|| malformed("a piece of arguments has an odd jsonPath"))?;
        self.begun = true;
        let Some((Step::Member(first), rest)) = steps.split_first() else {
            // `$` itself: an object with nothing in it yet.
            return Ok(());
        };
        let mut node = member(&mut self.members, first)?;
        for step in rest {
            node = node.step(step)?;
        }
        node.take(piece)
    }

    /// As JSON. `cut`: what was open when the answer broke off stays open.
    pub fn to_json(&self, cut: bool) -> String {
        let mut json = String::new();
        if self.begun || !cut {
            write_object(&self.members, cut, &mut json);
        }
        json
    }
}

impl Node {
    fn step(&mut self, step: &Step) -> Result<&mut Self, Fault> {
        if let Self::Empty = self {
            *self = match step {
                Step::Member(_) => Self::Object(Vec::new()),
                Step::Item(_) => Self::Array(Vec::new()),
            };
        }
        match (self, step) {
            (Self::Object(members), Step::Member(name)) => member(members, name),
            (Self::Array(list), Step::Item(index)) if *index <= list.len() => {
                if *index == list.len() {
                    list.push(Self::Empty);
                }
                Ok(&mut list[*index])
            }
            _ => Err(malformed("pieces of arguments contradict each other")),
        }
    }

    fn take(&mut self, piece: &Object<'_>) -> Result<(), Fault> {
        if let Some(text) = crate::conversation::text(piece, "stringValue") {
            match self {
                Self::Empty => *self = Self::Text(text.into_owned()),
                Self::Text(before) => before.push_str(&text),
                _ => return Err(malformed("pieces of arguments contradict each other")),
            }
            return Ok(());
        }
        let other = ["numberValue", "boolValue"]
            .into_iter()
            .find_map(|name| piece.present(name));
        if let Some(json) = other {
            *self = Self::Other(json.to_owned());
        } else if piece.position("nullValue").is_some() {
            *self = Self::Other("null".to_owned());
        }
        Ok(())
    }

    fn write(&self, cut: bool, out: &mut String) {
        match self {
            Self::Empty if cut => {}
            Self::Empty => out.push_str("null"),
            Self::Text(text) => {
                let quoted = quote(text);
                out.push_str(if cut { &quoted[..quoted.len() - 1] } else { &quoted });
            }
            Self::Other(json) => out.push_str(json),
            Self::Object(members) => write_object(members, cut, out),
            Self::Array(list) => {
                out.push('[');
                for (index, node) in list.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    node.write(cut && index + 1 == list.len(), out);
                }
                if !cut {
                    out.push(']');
                }
            }
        }
    }
}

fn write_object(members: &[(String, Node)], cut: bool, out: &mut String) {
    out.push('{');
    for (index, (name, node)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&quote(name));
        out.push(':');
        node.write(cut && index + 1 == members.len(), out);
    }
    if !cut {
        out.push('}');
    }
}

fn member<'m>(members: &'m mut Vec<(String, Node)>, name: &str) -> Result<&'m mut Node, Fault> {
    let at = members.iter().position(|(other, _)| other == name);
    let at = at.unwrap_or(members.len());
    if at == MEMBERS_LIMIT {
        return Err(malformed(
            "pieces of arguments make an object with too many members",
        ));
    }
    if at == members.len() {
        members.push((name.to_owned(), Node::Empty));
    }
    Ok(&mut members[at].1)
}

/// Takes a path apart: `$`, then `.name`, `['name']` or `[0]` again and again.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == DEPTH_LIMIT {
            return None;
        }
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            steps.push(Step::Member(after[..end].to_owned()));
            rest = &after[end..];
            continue;
        }
        let after = rest.strip_prefix('[')?;
        let quoted = after.chars().next().filter(|mark| matches!(mark, '\'' | '"'));
        if let Some(mark) = quoted {
            let after = &after[1..];
            let end = after.find(mark)?;
            steps.push(Step::Member(after[..end].to_owned()));
            rest = after[end + 1..].strip_prefix(']')?;
        } else {
            let end = after.find(']')?;
            steps.push(Step::Item(after[..end].parse().ok()?));
            rest = &after[end + 1..];
        }
    }
    Some(steps)
}
