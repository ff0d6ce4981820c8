//! `[limits]`: every bound of the gate as a whole.

use std::{
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    time::Duration,
};

use serde::Deserialize;
use tollgate_gateway::AbandonedSettings;
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct LimitsTable {
    request_body_mb: Option<Spanned<NonZeroU16>>,
    answer_mb: Option<Spanned<NonZeroU16>>,
    max_in_flight: Option<NonZeroU16>,
    buffered_mb: Option<NonZeroU16>,
    n_max: Option<NonZeroU32>,
    request_deadline_ms: Option<NonZeroU64>,
    keep_alive_ms: Option<NonZeroU64>,
    send_timeout_ms: Option<NonZeroU64>,
    leave_ms: Option<u64>,
    drain_ms: Option<u64>,
    abandoned_ms: Option<u64>,
    abandoned_mb: Option<NonZeroU16>,
    abandoned_max: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request's body.
    pub request_body: usize,
    /// Bytes of one answer that is held whole.
    pub answer: usize,
    /// Requests under way at once.
    pub max_in_flight: usize,
    /// Bytes of all bodies and held answers together.
    pub buffered: usize,
    /// Choices of one request.
    pub n_max: u32,
    /// From a request's arrival to the end of its answer.
    pub request_deadline: Duration,
    /// Silence on a stream after which a comment keeps it alive.
    pub keep_alive: Duration,
    /// How long a client may take none of what is sent to it.
    pub send_timeout: Duration,
    /// How long new requests are taken once a shutdown was asked for.
    pub leave: Duration,
    /// How long requests under way may take to end at a shutdown.
    pub drain: Duration,
    /// Answers whose client has gone and whose provider bills on.
    pub abandoned: AbandonedSettings,
}

impl Limits {
    /// The fields that differ. None of them can change while the gate runs.
    pub fn differences(&self, running: &Self) -> Vec<&'static str> {
        [
            (
                "limits.request_body_mb",
                self.request_body != running.request_body,
            ),
            ("limits.answer_mb", self.answer != running.answer),
            (
                "limits.max_in_flight",
                self.max_in_flight != running.max_in_flight,
            ),
            ("limits.buffered_mb", self.buffered != running.buffered),
            ("limits.n_max", self.n_max != running.n_max),
            (
                "limits.request_deadline_ms",
                self.request_deadline != running.request_deadline,
            ),
            ("limits.keep_alive_ms", self.keep_alive != running.keep_alive),
            (
                "limits.send_timeout_ms",
                self.send_timeout != running.send_timeout,
            ),
            ("limits.leave_ms", self.leave != running.leave),
            ("limits.drain_ms", self.drain != running.drain),
            (
                "limits.abandoned_ms",
                self.abandoned.time != running.abandoned.time,
            ),
            (
                "limits.abandoned_mb",
                self.abandoned.bytes != running.abandoned.bytes,
            ),
            (
                "limits.abandoned_max",
                self.abandoned.most != running.abandoned.most,
            ),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

pub fn resolve(table: LimitsTable, mistakes: &mut Mistakes<'_>) -> Limits {
    let buffered = megabytes(table.buffered_mb, 1_024);
    let single = |field, written: Option<Spanned<NonZeroU16>>, mistakes: &mut Mistakes<'_>| {
        let start = written.as_ref().map_or(0, |value| value.span().start);
        let bytes = megabytes(written.map(Spanned::into_inner), 64);
        if bytes > buffered {
            mistakes.add(
                start,
                Mistake::Exceeds {
                    smaller: field,
                    larger: "buffered_mb",
                },
            );
        }
        bytes
    };
    Limits {
        request_body: single("request_body_mb", table.request_body_mb, mistakes),
        answer: single("answer_mb", table.answer_mb, mistakes),
        max_in_flight: table.max_in_flight.map_or(10_000, NonZeroU16::get).into(),
        buffered,
        n_max: table.n_max.map_or(128, NonZeroU32::get),
        // Under the SDKs' own 600 s, so that the client hears from us what went wrong.
        request_deadline: milliseconds(table.request_deadline_ms, 590_000),
        keep_alive: milliseconds(table.keep_alive_ms, 15_000),
        send_timeout: milliseconds(table.send_timeout_ms, 60_000),
        leave: Duration::from_millis(table.leave_ms.unwrap_or(0)),
        drain: Duration::from_millis(table.drain_ms.unwrap_or(30_000)),
        abandoned: AbandonedSettings {
            time: Duration::from_millis(table.abandoned_ms.unwrap_or(120_000)),
            bytes: megabytes(table.abandoned_mb, 16),
            most: table.abandoned_max.unwrap_or(100).into(),
        },
    }
}

/// In bytes: 1 MB is 2^20 of them.
fn megabytes(written: Option<NonZeroU16>, default: u16) -> usize {
    usize::from(written.map_or(default, NonZeroU16::get)) << 20
}

fn milliseconds(written: Option<NonZeroU64>, default: u64) -> Duration {
    Duration::from_millis(written.map_or(default, NonZeroU64::get))
}
