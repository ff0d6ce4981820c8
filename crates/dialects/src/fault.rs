//! What went wrong at a provider, in our words.

use std::time::Duration;

use thiserror::Error;

/// A provider's failure. The message is the provider's own, for the log; what a client may see of
/// it is decided by the gateway.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{kind:?}: {message}")]
pub struct Fault {
    pub kind: FaultKind,
    pub message: String,
    /// The parameter that the provider complains about, where it names one: a path in its own words until
    /// [`say_clients_param`](crate::say_clients_param) has been asked.
    pub param: Option<String>,
    /// The provider's own code.
    pub code: Option<String>,
    /// The answer's status, where it says more than 200.
    pub status: Option<u16>,
    /// How long to wait, where the body says so.
    pub retry_after: Option<Duration>,
    /// Whether the provider wants to see the same request again, where it says so.
    pub should_retry: Option<bool>,
}

impl Fault {
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            param: None,
            code: None,
            status: None,
            retry_after: None,
            should_retry: None,
        }
    }
}

/// An answer that is none; the message says why.
pub fn malformed(message: impl Into<String>) -> Fault {
    Fault::new(FaultKind::Malformed, message)
}

/// Whose trouble it is and what may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The client's: the provider refuses the request as it is.
    BadRequest,
    /// The client's: prompt and limit do not fit the model's context.
    ContextLength,
    /// The client's: the prompt was blocked.
    ContentFilter,
    /// The gate's: what earlier turns thought is refused as it came back. Without it the same may work.
    StateRefused,
    /// The operator's: the credential is refused.
    Credential,
    /// The operator's: no money or quota left.
    Quota,
    /// The operator's: a catalogue model that the provider does not know, or a wrong address.
    ModelUnknown,
    /// Too many requests or tokens; later or elsewhere it may work.
    RateLimited,
    /// The provider has no room at the moment.
    Overloaded,
    /// The provider failed.
    Server,
    /// The answer is none: not readable, not whole, or not of the protocol.
    Malformed,
    /// The answer, or one event of it, is larger than may be held.
    TooLarge,
    /// The stream ended before the answer did.
    Cut,
    /// The model's: a whole answer lacks what the gate asked for in the provider's stead.
    NotAsAsked(Missing),
}

/// Whether a status blames what the client asks for, where no rule names it. Those of 400 to 499 that do not are about
/// how the gate, or something in front of the provider, speaks HTTP, or about a moment (RFC 9110, section 15.5; RFC
/// 4918, section 11; nginx's 499): another provider may do better.
pub fn blames_the_request(status: u16) -> bool {
    let is_about_http = matches!(status, 406..=412 | 414 | 417 | 421 | 423..=428 | 431 | 499);
    (400..=499).contains(&status) && !is_about_http
}

/// What an answer lacks that was asked for, as words after "the answer".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Missing {
    #[error("does not match the schema")]
    Schema,
    #[error("is no JSON object")]
    JsonObject,
    #[error("calls no tool, or not the one that was demanded")]
    Call,
}
