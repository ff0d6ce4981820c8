//! Where in a body a value stands, put together only when somebody wants to read it.

use std::fmt;

/// A place in the body, as a chain on the stack: what is right costs no allocation.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    /// A member of the body.
    Member(&'a str),
    /// A member of the object at the inner path.
    In(&'a Path<'a>, &'a str),
    /// An item of the array at the inner path.
    Item(&'a Path<'a>, usize),
}

impl<'a> Path<'a> {
    pub(crate) fn member(&'a self, name: &'a str) -> Self {
        Self::In(self, name)
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Self::Item(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(name) => f.write_str(name),
            Self::In(outer, name) => write!(f, "{outer}.{name}"),
            Self::Item(outer, index) => write!(f, "{outer}[{index}]"),
        }
    }
}
