//! Answers for a client's own retry that comes to another gate. Each call may be made twice, and does the same then.
//!
//! Whoever answers a request that may come again claims its name first, with a mark that only lives while it is renewed;
//! a gate that finds a mark waits for the answer, and says so, which dies as soon as it is not said again. What the bytes say is the gateway's business.

use std::time::Duration;

use redis::Script;

use super::{LARGE_WITHIN, Redis, RedisAway, SMALL_WITHIN};

/// The kind of name beside that of an answer, under which it is said that somebody waits for it.
const AWAITED: &str = "replay-awaited";

#[derive(Debug)]
pub(super) struct ReplayScripts {
    claim: Script,
    renew: Script,
    end: Script,
}

impl Default for ReplayScripts {
    fn default() -> Self {
        Self {
            claim: Script::new(include_str!("replays/claim.lua")),
            renew: Script::new(include_str!("replays/renew.lua")),
            end: Script::new(include_str!("replays/end.lua")),
        }
    }
}

/// A hash of whose request it is, and of what its client calls it.
pub type Name = [u8; 32];

impl Redis {
    /// Gives what stands under the name. `None`: nothing did, or this mark, and now it does, for so long.
    pub async fn claim_replay(
        &self,
        name: &Name,
        mark: &[u8],
        lives: Duration,
    ) -> Result<Option<Vec<u8>>, RedisAway> {
        let inner = &*self.0;
        if !self.is_reached() {
            return Err(RedisAway::NotConnected);
        }
        let mut call = inner.replays.claim.key(inner.key("replay", name));
        call.arg(mark).arg(millis(lives));
        inner
            .large
            .call_again(SMALL_WITHIN, |mut connection| {
                let call = &call;
                async move { call.invoke_async(&mut connection).await }
            })
            .await
    }

    /// Lets the mark live for so long from now on.
    pub async fn renew_replay(&self, name: &Name, mark: &[u8], lives: Duration) -> Result<(), RedisAway> {
        let inner = &*self.0;
        let mut call = inner.replays.renew.key(inner.key("replay", name));
        call.arg(mark).arg(millis(lives));
        inner
            .large
            .call_again(SMALL_WITHIN, |mut connection| {
                let call = &call;
                async move { call.invoke_async(&mut connection).await }
            })
            .await
    }

    /// Says for so long that somebody waits for what comes to stand under the name.
    pub async fn await_replay(&self, name: &Name, lives: Duration) -> Result<(), RedisAway> {
        let inner = &*self.0;
        let key = inner.key(AWAITED, name);
        inner
            .small
            .call(SMALL_WITHIN, async |connection| {
                redis::cmd("SET")
                    .arg(key)
                    .arg(1)
                    .arg("PX")
                    .arg(millis(lives))
                    .query_async(connection)
                    .await
            })
            .await
    }

    /// Whether anybody has said so.
    pub async fn is_replay_awaited(&self, name: &Name) -> Result<bool, RedisAway> {
        let inner = &*self.0;
        let key = inner.key(AWAITED, name);
        inner
            .small
            .call(SMALL_WITHIN, async |connection| {
                redis::cmd("EXISTS").arg(key).query_async(connection).await
            })
            .await
    }

    /// Puts the answer in the place of the mark, for so long; `None` frees the name.
    pub async fn end_replay(
        &self,
        name: &Name,
        mark: &[u8],
        answer: Option<(Vec<u8>, Duration)>,
    ) -> Result<(), RedisAway> {
        let inner = &*self.0;
        let mut call = inner.replays.end.key(inner.key("replay", name));
        call.arg(mark);
        if let Some((answer, ttl)) = answer {
            call.arg(answer).arg(millis(ttl));
        }
        inner
            .large
            .call_again(LARGE_WITHIN, |mut connection| {
                let call = &call;
                async move { call.invoke_async(&mut connection).await }
            })
            .await
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
