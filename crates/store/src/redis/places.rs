//! Places among requests under way that gates share.

use std::time::Duration;

use redis::Script;
use tollgate_ledger::limits::concurrency::{AskedPlaces, GrantedPlaces};

use super::{Redis, RedisAway, SMALL_WITHIN};

/// How many scarce limits a gate is told of at most.
const MOST_SCARCE: u32 = 1_000;
/// For how long a limit is scarce after a gate has found no place.
const SCARCE_FOR: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct PlaceScripts {
    places: Script,
    scarce: Script,
}

impl Default for PlaceScripts {
    fn default() -> Self {
        Self {
            places: Script::new(include_str!("places.lua")),
            scarce: Script::new(include_str!("scarce.lua")),
        }
    }
}

impl Redis {
    /// Tells the book of one limit what this gate has, and asks it for more; `lasts`: how long the gate has it, unless it
    /// speaks of it again. The limit is named by `key`, alike at all gates.
    ///
    /// Where it fails nobody asks for any place until Redis answers again.
    pub(crate) async fn ask_places(
        &self,
        key: &str,
        asked: &AskedPlaces,
        lasts: Duration,
    ) -> Result<GrantedPlaces, RedisAway> {
        let inner = &*self.0;
        if !self.is_reached() {
            return Err(RedisAway::NotConnected);
        }
        let AskedPlaces {
            limit,
            kept,
            more,
            ahead,
        } = *asked;
        let answer = inner
            .small
            .call(SMALL_WITHIN, async |connection| {
                let mut call = inner.places.places.key(inner.key("places", key.as_bytes()));
                call.key(inner.key("scarce", b""))
                    .key(inner.key("gates", b""))
                    .arg(&inner.gate);
                for number in [limit, kept, more, u32::from(ahead)] {
                    call.arg(number);
                }
                call.arg(millis(lasts)).arg(key).arg(millis(SCARCE_FOR));
                call.invoke_async::<Option<(u32, u32)>>(connection).await
            })
            .await;
        let answer = answer.and_then(|answer| answer.ok_or(RedisAway::Forgetful));
        let (leased, elsewhere) = answer.inspect_err(|error| inner.fails(error))?;
        Ok(GrantedPlaces { leased, elsewhere })
    }

    /// The limits of which some gate found no place lately.
    pub(crate) async fn scarce_places(&self) -> Result<Vec<String>, RedisAway> {
        let inner = &*self.0;
        if !self.is_reached() {
            return Err(RedisAway::NotConnected);
        }
        let answer = inner
            .small
            .call(SMALL_WITHIN, async |connection| {
                let mut call = inner.places.scarce.key(inner.key("scarce", b""));
                call.arg(MOST_SCARCE).invoke_async(connection).await
            })
            .await;
        answer.inspect_err(|error| inner.fails(error))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
