//! A whole answer, ready for the client.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::{
    event::{Finish, Unshown},
    service_tier::ServiceTier,
    usage::{CountedBy, Usage},
};

/// The JSON of a `chat.completion`, and what the gate needs to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub json: Bytes,
    /// The provider's counts, or an estimate.
    pub usage: Usage,
    pub counted_by: CountedBy,
    /// The tier of service that answered; `None`: the standard one, as far as is known.
    pub service_tier: Option<ServiceTier>,
    /// One for each choice.
    pub finishes: Vec<Finish>,
    /// What the provider gave and the JSON has no place for.
    pub unshown: BTreeSet<Unshown>,
}
