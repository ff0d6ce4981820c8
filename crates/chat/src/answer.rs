//! A whole answer, ready for the client.

use bytes::Bytes;

use crate::{event::Finish, usage::Usage};

/// The JSON of a `chat.completion`, and what the gate needs to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub json: Bytes,
    /// The provider's counts; `None` where it gave none.
    pub usage: Option<Usage>,
    /// One for each choice.
    pub finishes: Vec<Finish>,
}
