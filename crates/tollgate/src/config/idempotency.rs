//! `[idempotency]`: answers that are kept for a client's own retry.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use serde::Deserialize;
use tollgate_gateway::IdempotencySettings;
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

const SIZE_MB: u16 = 256;
const ANSWER_MB: u16 = 32;
const TTL_S: u32 = 600;
const LINGER_MS: u32 = 2_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct IdempotencyTable {
    size_mb: Option<NonZeroU16>,
    answer_mb: Option<Spanned<NonZeroU16>>,
    ttl_s: Option<NonZeroU32>,
    linger_ms: Option<u32>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &IdempotencySettings, running: &IdempotencySettings) -> Vec<&'static str> {
    [
        ("idempotency.size_mb", new.size != running.size),
        ("idempotency.answer_mb", new.answer != running.answer),
        ("idempotency.ttl_s", new.ttl != running.ttl),
        ("idempotency.linger_ms", new.linger != running.linger),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

pub fn resolve(table: IdempotencyTable, mistakes: &mut Mistakes<'_>) -> IdempotencySettings {
    let megabytes = |written: NonZeroU16| usize::from(written.get()) << 20;
    let size = table.size_mb.map_or(usize::from(SIZE_MB) << 20, megabytes);
    let answer = match table.answer_mb {
        // Where only the whole is made smaller, so is the part.
        None => (usize::from(ANSWER_MB) << 20).min(size),
        Some(written) => {
            let start = written.span().start;
            let answer = megabytes(written.into_inner());
            if answer > size {
                mistakes.add(
                    start,
                    Mistake::Exceeds {
                        smaller: "answer_mb",
                        larger: "size_mb",
                    },
                );
            }
            answer
        }
    };
    IdempotencySettings {
        size,
        answer,
        ttl: Duration::from_secs(table.ttl_s.map_or(TTL_S, NonZeroU32::get).into()),
        linger: Duration::from_millis(table.linger_ms.unwrap_or(LINGER_MS).into()),
    }
}
