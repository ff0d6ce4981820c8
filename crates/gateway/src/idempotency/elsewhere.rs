//! Answers for a client's own retry that comes to another gate than its first try.
//!
//! Whoever is first claims the name in Redis and renews that while it answers; gates that find it claimed wait for the
//! answer, which is there for all once it has ended, and leave a sign meanwhile, so that it goes on for them as it does for
//! who reads it. A gate that dies frees its names within seconds. While Redis is
//! away, or where an answer is too large for it, each gate knows of its own answers alone.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep},
};
use tollgate_store::{Redis, redis::replays};
use tracing::debug;

use super::{Fingerprint, Name, tape::Tape};
use crate::{
    body::{Response, held},
    buffered::Buffered,
    error::GateError,
    request_id::RequestId,
};

/// How long a name stays claimed that nobody renews.
const LIVES: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often it is looked whether another gate has answered: soon at first.
const LOOK_FIRST: Duration = Duration::from_millis(50);
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the sign stands of who waits; it is given anew with each look.
const WAITS: Duration = Duration::from_secs(1);
/// The largest answer that other gates get; of a larger one they are told that it is not kept.
const ANSWER_MAX: usize = 4 << 20;

/// What stands under a name begins with one of these, and the print of the request.
const RUNNING: u8 = b'r';
const KEPT: u8 = b'k';
const NOT_KEPT: u8 = b'n';
const PRINT_BYTES: usize = 32;

/// Answers that all gates know.
pub struct ReplaysElsewhere(Redis);

/// What became of a name.
pub enum Claimed {
    /// It is this gate's to answer.
    Mine(Claim),
    /// Another gate has answered it.
    Answered { response: Response, of: RequestId },
    /// Only this gate knows.
    Alone,
}

/// The right to answer, for all gates. Dropping it frees the name.
pub struct Claim {
    redis: Redis,
    name: replays::Name,
    mark: Vec<u8>,
    ended: bool,
}

#[derive(Serialize, Deserialize)]
struct WrittenHead {
    of: String,
    status: u16,
    headers: Vec<(String, String)>,
}

impl ReplaysElsewhere {
    pub fn new(redis: Redis) -> Self {
        Self(redis)
    }

    /// Claims a name, or waits for the answer of the gate that has. `is_here`: whether this gate has begun to answer it
    /// meanwhile. Fails as [`super::Replays::claim`] does, and where no answer comes within `patience`.
    ///
    /// Cancel safety: the name is free again in a moment.
    pub async fn claim(
        &self,
        name: &Name,
        print: Fingerprint,
        id: &RequestId,
        buffered: &Buffered,
        is_here: impl Fn() -> bool,
        patience: Duration,
    ) -> Result<Claimed, GateError> {
        let began = Instant::now();
        let mark = [&[RUNNING], &print.0[..], id.as_str().as_bytes()].concat();
        // Also where this is dropped while it asks: then it may be claimed.
        let mut claim = Claim {
            redis: self.0.clone(),
            name: place(name),
            mark,
            ended: false,
        };
        let mut pause = LOOK_FIRST;
        loop {
            claim.ended = false;
            let there = match self.0.claim_replay(&claim.name, &claim.mark, LIVES).await {
                Ok(Some(there)) => there,
                Ok(None) => return Ok(Claimed::Mine(claim)),
                Err(error) => {
                    debug!(%error, "answers of other gates are not known");
                    return Ok(Claimed::Alone);
                }
            };
            claim.ended = true;
            let Some((kind, of_print, rest)) = parts(&there) else {
                return Ok(Claimed::Alone);
            };
            if of_print != print.0 {
                return Err(GateError::IdempotencyKeyReused);
            }
            match kind {
                KEPT => return read(rest, buffered),
                NOT_KEPT => return Err(GateError::AnswerNotKept),
                _ if is_here() => return Ok(Claimed::Alone),
                _ => {}
            }
            if began.elapsed() >= patience {
                return Err(GateError::Deadline { limit: patience });
            }
            // Where it fails, the next look may come early enough.
            let _ = self.0.await_replay(&claim.name, WAITS).await;
            sleep(pause).await;
            pause = (pause * 2).min(LOOK_EVERY);
        }
    }
}

impl Claim {
    /// Renews the claim, without an end.
    pub async fn renew(&self) {
        loop {
            sleep(RENEW_EVERY).await;
            // Where it fails, the next time may come early enough.
            let _ = self.redis.renew_replay(&self.name, &self.mark, LIVES).await;
        }
    }

    /// Whether anybody waits for the answer at another gate. While Redis is away nobody is seen.
    pub async fn is_awaited(&self) -> bool {
        let awaited = self.redis.is_replay_awaited(&self.name).await;
        awaited.unwrap_or(false)
    }

    /// Gives the answer to all gates, for so long; `None`: it is not to be given again.
    pub async fn end(mut self, answer: Option<Vec<u8>>, ttl: Duration) {
        self.ended = true;
        let answer = answer.map(|answer| (answer, ttl));
        if let Err(error) = self.redis.end_replay(&self.name, &self.mark, answer).await {
            debug!(%error, "an answer is not kept for other gates");
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let claim = Self {
            redis: self.redis.clone(),
            name: self.name,
            mark: std::mem::take(&mut self.mark),
            ended: true,
        };
        // Without a runtime the process ends, and with it the mark.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(claim.end(None, LIVES));
        }
    }
}

/// The answer on a tape that has all of it, as other gates read it.
pub fn written(tape: &Tape) -> Vec<u8> {
    let not_kept = || [&[NOT_KEPT], &tape.print.0[..]].concat();
    let Some((head, pieces)) = tape.kept(ANSWER_MAX) else {
        return not_kept();
    };
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        // All that the gate writes can be read.
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let head = WrittenHead {
        of: tape.id.as_str().to_owned(),
        status: head.status.as_u16(),
        headers: head.headers.iter().filter_map(header).collect(),
    };
    let Ok(head) = serde_json::to_vec(&head) else {
        return not_kept();
    };
    let length = u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = [&[KEPT], &tape.print.0[..], &length, &head].concat();
    pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

/// Kind, print, and the rest.
fn parts(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (print, rest) = rest.split_at_checked(PRINT_BYTES)?;
    Some((*kind, print, rest))
}

fn read(bytes: &[u8], buffered: &Buffered) -> Result<Claimed, GateError> {
    let Some((head, body)) = read_head(bytes) else {
        return Ok(Claimed::Alone);
    };
    let mut share = buffered.hold();
    share.grow(body.len()).map_err(|_| GateError::MemoryFull)?;
    let of = RequestId::of_earlier(&head.of);
    let mut response = Response::new(held(body.to_vec().into(), share));
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::OK);
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in head.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    Ok(Claimed::Answered { response, of })
}

fn read_head(bytes: &[u8]) -> Option<(WrittenHead, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (head, body) = rest.split_at_checked(length)?;
    Some((serde_json::from_slice(head).ok()?, body))
}

fn place(name: &Name) -> replays::Name {
    let mut hash = Sha256::new();
    hash.update(name.holder.to_bytes());
    hash.update(&name.text);
    hash.finalize().into()
}
