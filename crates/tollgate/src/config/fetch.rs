//! `[fetch]`: URLs in requests, fetched for providers that do not fetch.

use std::{
    num::{NonZeroU16, NonZeroU64},
    time::Duration,
};

use serde::Deserialize;
use tollgate_gateway::FetchSettings;
use toml::Spanned;

use super::{limits::Limits, mistake::Mistakes, networks::networks};
use crate::config::mistake::Mistake;

const SIZE_MB: u16 = 20;
const TIMEOUT_MS: u64 = 15_000;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct FetchTable {
    enabled: Option<bool>,
    size_mb: Option<Spanned<NonZeroU16>>,
    timeout_ms: Option<NonZeroU64>,
    allow_private: Option<Vec<Spanned<String>>>,
}

/// The fields that differ. None of them can change while the gate runs.
pub fn differences(new: &FetchSettings, running: &FetchSettings) -> Vec<&'static str> {
    [
        ("fetch.enabled", new.enabled != running.enabled),
        ("fetch.size_mb", new.size_limit != running.size_limit),
        ("fetch.timeout_ms", new.timeout != running.timeout),
        ("fetch.allow_private", new.allow_private != running.allow_private),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

pub fn resolve(table: FetchTable, limits: &Limits, mistakes: &mut Mistakes<'_>) -> FetchSettings {
    let start = table.size_mb.as_ref().map(|value| value.span().start);
    let written = table.size_mb.map_or(SIZE_MB, |value| value.into_inner().get());
    let mut size_limit = usize::from(written) << 20;
    if size_limit > limits.request_body {
        // What a request may not bring in its body it may not bring by URL either.
        match start {
            None => size_limit = limits.request_body,
            Some(start) => mistakes.add(
                start,
                Mistake::Exceeds {
                    smaller: "size_mb",
                    larger: "request_body_mb",
                },
            ),
        }
    }
    FetchSettings {
        enabled: table.enabled.unwrap_or(true),
        size_limit,
        timeout: Duration::from_millis(table.timeout_ms.map_or(TIMEOUT_MS, NonZeroU64::get)),
        allow_private: networks(table.allow_private.unwrap_or_default(), mistakes),
    }
}
