//! The table of outcomes: what a failed attempt means for the request, the log and the client.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::{Fault, FaultKind};

use super::{RETRY_AFTER_LIMIT, Unanswered};
use crate::{
    error::{AttemptFailure, Failure, GateError, shown_code},
    health::{Scope, Sign},
    route::Candidate,
};

/// Rest after a rate limit, where the provider does not say how long it lasts.
const RATE_LIMIT_REST: Duration = Duration::from_secs(5);
/// Rest of a channel whose credential is refused or whose quota is used up: until somebody may have mended it.
const OPERATOR_REST: Duration = Duration::from_secs(60);
/// Rest of a model that the provider does not know.
const UNKNOWN_MODEL_REST: Duration = Duration::from_secs(300);

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may have passed in a moment: another channel, and then this one again.
    Again,
    /// Another channel may do better.
    Elsewhere,
    /// The same would happen everywhere, or another try is not ours to make.
    GiveUp,
}

/// Whose fault a failure may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The provider's, or the operator's: no request could bring it about.
    Channel,
    /// Perhaps the request's own, which one client may send again and again: for the channel's health only different
    /// requests count.
    Unclear,
}

impl Blame {
    /// The request, where it may be to blame.
    pub fn perhaps<W>(self, request: impl FnOnce() -> W) -> Option<W> {
        match self {
            Self::Channel => None,
            Self::Unclear => Some(request()),
        }
    }
}

/// What a failure means for the request and for its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    pub verdict: Verdict,
    pub sign: Sign,
    pub blame: Blame,
    pub rest: Option<(Scope, Duration)>,
}

/// The table. A provider's own advice (`Retry-After`, `x-should-retry`) counts more than it.
pub fn treatment(failure: &Failure) -> Treatment {
    use Verdict::{Again, Elsewhere, GiveUp};
    let row = |verdict, sign| Treatment {
        verdict,
        sign,
        blame: Blame::Unclear,
        rest: None,
    };
    let certain = |row| Treatment {
        blame: Blame::Channel,
        ..row
    };
    let Failure::Fault(fault) = failure else {
        return match failure {
            Failure::Connect(_) => certain(row(Again, Sign::Failing)),
            Failure::Broken(_) => row(Again, Sign::Failing),
            Failure::FirstByteTimeout { .. }
            | Failure::IdleTimeout { .. }
            | Failure::TotalTimeout { .. }
            | Failure::TooSlow { .. } => row(Elsewhere, Sign::Failing),
            Failure::AnswerTooLarge { .. } => row(Elsewhere, Sign::Alive),
            Failure::ChannelFull | Failure::Unsupported(_) | Failure::NotFetched(_) | Failure::Address => {
                row(Elsewhere, Sign::Unknown)
            }
            Failure::MemoryFull | Failure::Sandbox(_) => row(GiveUp, Sign::Unknown),
            Failure::Fault(_) => row(Elsewhere, Sign::Unknown),
        };
    };
    let advised = advised(fault);
    let mut row = match fault.kind {
        // A whole answer that was paid for: whether to buy another is the client's choice.
        FaultKind::NotAsAsked(_) => row(GiveUp, Sign::Alive),
        FaultKind::BadRequest | FaultKind::ContextLength | FaultKind::ContentFilter => {
            row(GiveUp, Sign::Alive)
        }
        // A 403 may be about what was asked; another status, about who asks.
        FaultKind::Credential if fault.status == Some(403) => Treatment {
            rest: Some((Scope::Channel, advised.unwrap_or(OPERATOR_REST))),
            ..row(Elsewhere, Sign::Alive)
        },
        FaultKind::Credential | FaultKind::Quota => Treatment {
            rest: Some((Scope::Channel, advised.unwrap_or(OPERATOR_REST))),
            ..certain(row(Elsewhere, Sign::Alive))
        },
        // A 404 may be about something that the request names.
        FaultKind::ModelUnknown => Treatment {
            rest: Some((Scope::Model, UNKNOWN_MODEL_REST)),
            ..row(Elsewhere, Sign::Alive)
        },
        FaultKind::RateLimited => Treatment {
            rest: Some((Scope::Model, advised.unwrap_or(RATE_LIMIT_REST))),
            ..certain(row(
                if advised.is_some() { Again } else { Elsewhere },
                Sign::Alive,
            ))
        },
        FaultKind::Overloaded => Treatment {
            rest: advised.map(|wait| (Scope::Model, wait)),
            ..certain(row(Again, Sign::Failing))
        },
        // The second try without it was this channel's; another gets none of what this one gave.
        FaultKind::StateRefused => row(Elsewhere, Sign::Alive),
        FaultKind::Server => Treatment {
            rest: advised.map(|wait| (Scope::Model, wait)),
            ..row(Again, Sign::Failing)
        },
        FaultKind::Cut => row(Again, Sign::Failing),
        FaultKind::Malformed => row(Elsewhere, Sign::Failing),
        FaultKind::TooLarge => row(Elsewhere, Sign::Alive),
    };
    row.verdict = match (fault.should_retry, row.verdict) {
        (Some(false), Again) => Elsewhere,
        (Some(true), Elsewhere) => Again,
        (_, verdict) => verdict,
    };
    row
}

/// The wait that the provider asked for.
pub fn advised_wait(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::Fault(fault) => advised(fault),
        _ => None,
    }
}

/// The same, as far as it is believed: a provider that is wrong about it would be left alone for days. One that is
/// right says so again.
fn advised(fault: &Fault) -> Option<Duration> {
    Some(fault.retry_after?.min(RETRY_AFTER_LIMIT))
}

/// A word for logs and metrics, from a closed set.
pub fn label(failure: &Failure) -> &'static str {
    match failure {
        Failure::Unsupported(_) => "unsupported",
        Failure::NotFetched(_) => "not_fetched",
        Failure::Address => "address",
        Failure::ChannelFull => "channel_full",
        Failure::Connect(_) => "no_connection",
        Failure::FirstByteTimeout { .. } => "first_byte_timeout",
        Failure::IdleTimeout { .. } => "idle_timeout",
        Failure::TotalTimeout { .. } => "total_timeout",
        Failure::TooSlow { .. } => "too_slow",
        Failure::Broken(_) => "connection_broken",
        Failure::AnswerTooLarge { .. } => "answer_too_large",
        Failure::MemoryFull => "memory_full",
        Failure::Sandbox(_) => "sandbox",
        Failure::Fault(fault) => match fault.kind {
            FaultKind::BadRequest => "refused",
            FaultKind::StateRefused => "state_refused",
            FaultKind::ContextLength => "context_length",
            FaultKind::ContentFilter => "content_filter",
            FaultKind::Credential => "credential",
            FaultKind::Quota => "quota",
            FaultKind::ModelUnknown => "model_unknown",
            FaultKind::RateLimited => "rate_limited",
            FaultKind::Overloaded => "overloaded",
            FaultKind::Server => "provider_error",
            FaultKind::Malformed => "malformed",
            FaultKind::TooLarge => "answer_too_large",
            FaultKind::Cut => "cut",
            FaultKind::NotAsAsked(_) => "not_as_asked",
        },
    }
}

/// Whether a provider may ask money for an attempt that failed like this: it has read the prompt, and did not say that
/// it gives no answer.
pub fn may_be_billed(label: &str) -> bool {
    const BILLED: &[&str] = &[
        "first_byte_timeout",
        "idle_timeout",
        "total_timeout",
        "too_slow",
        "connection_broken",
        "answer_too_large",
        "memory_full",
        "malformed",
        "cut",
        "not_as_asked",
    ];
    BILLED.contains(&label)
}

/// A failure as a log line may hold it: a provider's own message may repeat the prompt or show a
/// part of the credential, so only its code and our own words appear.
pub fn for_log(failure: &Failure) -> impl fmt::Display + '_ {
    struct ForLog<'a>(&'a Failure);
    impl fmt::Display for ForLog<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0 {
                Failure::Fault(Fault {
                    kind: FaultKind::NotAsAsked(missing),
                    ..
                }) => write!(f, "the answer {missing}"),
                Failure::Fault(fault) => match fault.code.as_deref().and_then(shown_code) {
                    Some(code) => write!(f, "provider code {code}"),
                    None => f.write_str("no provider code"),
                },
                other => write!(f, "{other}"),
            }
        }
    }
    ForLog(failure)
}

/// What the client sees when no channel is left.
pub fn to_client(
    mut failures: Vec<AttemptFailure>,
    candidates: &[Candidate],
    request: &ValidRequest,
) -> Unanswered {
    let best = failures
        .iter()
        .enumerate()
        .min_by_key(|(place, attempt)| {
            let failure = &attempt.failure;
            // Of two that say as much, one that names a wait says more.
            (rank(failure), wait_of(failure).is_none(), usize::MAX - place)
        })
        .map(|(place, _)| place);
    let Some(best) = best else {
        return GateError::ProviderFailed { retry_after: None }.into();
    };
    let soonest = failures
        .iter()
        .filter_map(|attempt| wait_of(&attempt.failure))
        .min();
    let attempt = failures.swap_remove(best);
    let server = candidates
        .iter()
        .map(|candidate| &candidate.server)
        .find(|server| server.channel.settings.name == attempt.channel);
    if let (Failure::Fault(fault), Some(server)) = (&attempt.failure, server) {
        let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let retired = server.serving.retires.filter(|date| *date <= today);
        if let Some(date) = retired.filter(|_| fault.kind == FaultKind::ModelUnknown) {
            let model = request.model.id.to_string();
            let date = date.to_string();
            return GateError::RetiredModel { model, date }.into();
        }
    }
    let error = match error_of(attempt.failure) {
        // Any of them may do, so the first one to be there again counts.
        GateError::RateLimited { .. } => GateError::RateLimited { retry_after: soonest },
        GateError::Overloaded { .. } => GateError::Overloaded { retry_after: soonest },
        GateError::ProviderFailed { .. } => GateError::ProviderFailed { retry_after: soonest },
        error => error,
    };
    Unanswered {
        error,
        notes: attempt.notes,
    }
}

/// When its channel may be there again, where it says so.
fn wait_of(failure: &Failure) -> Option<Duration> {
    match failure {
        Failure::Fault(fault) => match fault.kind {
            FaultKind::RateLimited | FaultKind::Overloaded | FaultKind::Server => advised(fault),
            _ => None,
        },
        _ => None,
    }
}

/// Which failure says most to the client: its own mistake, then what waiting mends, then the rest.
fn rank(failure: &Failure) -> u8 {
    match treatment(failure).verdict {
        Verdict::GiveUp => 0,
        Verdict::Again | Verdict::Elsewhere => match label(failure) {
            "rate_limited" => 1,
            "overloaded" => 2,
            "unsupported" | "not_fetched" => 5,
            "credential" | "quota" | "model_unknown" | "address" => 4,
            _ => 3,
        },
    }
}

/// The client's view of one failure.
pub fn error_of(failure: Failure) -> GateError {
    match failure {
        Failure::Unsupported(unsupported) => GateError::Unsupported(unsupported),
        Failure::NotFetched(failed) => GateError::NotFetched(failed),
        Failure::Address => GateError::Misconfigured,
        Failure::ChannelFull => GateError::ChannelsFull,
        Failure::Connect(_) => GateError::Unreachable,
        Failure::FirstByteTimeout { .. }
        | Failure::IdleTimeout { .. }
        | Failure::TotalTimeout { .. }
        | Failure::TooSlow { .. } => GateError::ProviderTimeout,
        Failure::Broken(_) => GateError::StreamCut,
        Failure::AnswerTooLarge { .. } => GateError::AnswerTooLarge,
        Failure::MemoryFull => GateError::MemoryFull,
        Failure::Sandbox(error) => error,
        Failure::Fault(fault) => match fault.kind {
            FaultKind::BadRequest | FaultKind::StateRefused => GateError::Refused { fault },
            FaultKind::ContextLength => GateError::ContextLength { fault },
            FaultKind::ContentFilter => GateError::ContentFilter,
            FaultKind::Credential | FaultKind::Quota | FaultKind::ModelUnknown => GateError::Misconfigured,
            FaultKind::RateLimited => GateError::RateLimited {
                retry_after: advised(&fault),
            },
            FaultKind::Overloaded => GateError::Overloaded {
                retry_after: advised(&fault),
            },
            FaultKind::Server => GateError::ProviderFailed {
                retry_after: advised(&fault),
            },
            FaultKind::Malformed => GateError::ProviderMalformed,
            FaultKind::TooLarge => GateError::AnswerTooLarge,
            FaultKind::Cut => GateError::StreamCut,
            FaultKind::NotAsAsked(missing) => GateError::NotAsAsked(missing),
        },
    }
}
