//! Why an attempt came to nothing, before anybody has decided what its client is told.

use std::time::Duration;

use thiserror::Error;
use tollgate_catalog::channel::{ChannelName, SpeedFloor};
use tollgate_dialects::{Fault, Note, Unsupported};

use super::GateError;
use crate::attempt::fetch::NotFetched;

/// One failed attempt.
#[derive(Debug, Error)]
pub enum Failure {
    #[error("{0}")]
    Unsupported(Unsupported),
    #[error("{0}")]
    NotFetched(NotFetched),
    #[error("{0}")]
    Fault(Fault),
    /// The provider's name of a model cannot stand in an address.
    #[error("the request's address cannot be written; look at the channel's `model_ids`")]
    Address,
    #[error("as many attempts are under way as the channel may have")]
    ChannelFull,
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no byte within {limit:?}")]
    FirstByteTimeout { limit: Duration },
    #[error("neither a whole answer nor the first output of a stream within {limit:?}")]
    TotalTimeout { limit: Duration },
    #[error("silence for {limit:?}")]
    IdleTimeout { limit: Duration },
    #[error("fewer than {} tokens a second for {:?}", floor.tokens_per_second, floor.window)]
    TooSlow { floor: SpeedFloor },
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the answer is longer than {limit} bytes")]
    AnswerTooLarge { limit: usize },
    #[error("the gate's memory for held answers is used up")]
    MemoryFull,
    /// The embedded model failed, with what the client is told.
    #[error("{0}")]
    Sandbox(GateError),
}

/// A failure, the channel it happened on, and what had been done there in another way than asked.
#[derive(Debug)]
pub struct AttemptFailure {
    pub channel: ChannelName,
    pub failure: Failure,
    pub notes: Vec<Note>,
}
