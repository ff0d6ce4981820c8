//! A usage record as bytes.
//!
//! A frame is the length of its body (4 bytes), the CRC-32 of length and body (4), and the body: a version,
//! fields of fixed size, then texts with their lengths. Numbers are little-endian. Written by hand, so that
//! no library's next version changes what lies on an operator's disk; a version's form never changes.
//!
//! The second version has one count more, of audio from a cache, and its rates are as long as the names leave room
//! for: they are what a charge is worked out again from. Where a flag says so, the moments at which account and key were
//! made stand between counts and names.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;
use tollgate_ledger::{AccountId, KeyId, Made, RequestId, UsageRecord};

/// The form of bodies that this gate writes.
const VERSION: u8 = 2;
/// The first form, which is still read.
const FIRST: u8 = 1;
/// Bytes before a frame's body.
const HEAD: usize = 8;
/// Most bytes that are kept of a name, and fewest that the rates have.
const MAX_TEXT: usize = 128;
const NAMES: usize = 6;
const COUNTS: usize = 14;
/// Version, ID, six numbers and the flags; money; counts; two moments.
const FIXED: usize = 1 + 16 + 5 * 8 + 1 + 4 * 8 + COUNTS * 8 + 2 * 8;
const MAX_BODY: usize = FIXED + NAMES * (1 + MAX_TEXT) + 2 + MAX_TEXT;
/// Bytes of the largest frame.
pub(super) const MAX_FRAME: usize = HEAD + MAX_BODY;

const STREAM: u8 = 1;
const ESTIMATED: u8 = 1 << 1;
const FIRST_OUTPUT: u8 = 1 << 2;
const SERVICE_TIER: u8 = 1 << 3;
const PRICE_VERSION: u8 = 1 << 4;
const CHARGE: u8 = 1 << 5;
const COST: u8 = 1 << 6;
/// Not of the first version.
const MADE: u8 = 1 << 7;

/// What stands at a place where a frame may begin.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly always it is a record")]
pub(super) enum Found<'a> {
    /// A record, and where the next frame may begin.
    Record(UsageRecord<'a>, usize),
    /// Nothing was written here.
    Nothing,
    /// Something, but no whole frame.
    Broken,
    /// A whole frame that a newer version wrote.
    Newer,
}

/// The frame of a record.
pub(super) fn frame(record: &UsageRecord<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    bytes.extend_from_slice(&[0; HEAD]);
    write_body(&mut bytes, record);
    let length = u32::try_from(bytes.len() - HEAD).expect("a body is at most MAX_BODY bytes");
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(length, &bytes[HEAD..]);
    bytes[4..HEAD].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// What stands at the front of `bytes[at..]`.
pub(super) fn read_frame(bytes: &[u8], at: usize) -> Found<'_> {
    let rest = bytes.get(at..).unwrap_or_default();
    let Some((head, rest)) = rest.split_first_chunk::<HEAD>() else {
        return match rest.iter().all(|byte| *byte == 0) {
            true => Found::Nothing,
            false => Found::Broken,
        };
    };
    let [a, b, c, d, sum @ ..] = *head;
    let length = u32::from_le_bytes([a, b, c, d]);
    let sum = u32::from_le_bytes(sum);
    if length == 0 && sum == 0 {
        return Found::Nothing;
    }
    let Some(body) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
        return Found::Broken;
    };
    if checksum(length, body) != sum {
        return Found::Broken;
    }
    match read_body(body) {
        Some(record) => Found::Record(record, at + HEAD + body.len()),
        None if body.first().is_some_and(|version| *version > VERSION) => Found::Newer,
        None => Found::Broken,
    }
}

fn checksum(length: u32, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn write_body(bytes: &mut Vec<u8>, record: &UsageRecord<'_>) {
    let flags = [
        (STREAM, record.stream),
        (ESTIMATED, record.estimated),
        (FIRST_OUTPUT, record.first_output.is_some()),
        (SERVICE_TIER, record.service_tier.is_some()),
        (PRICE_VERSION, record.price_version.is_some()),
        (CHARGE, record.charge.is_some()),
        (COST, record.cost.is_some()),
        (MADE, record.made.is_some()),
    ];
    let set = flags.iter().filter(|(_, set)| *set);
    bytes.push(VERSION);
    bytes.extend_from_slice(&record.request.to_bytes());
    bytes.push(set.fold(0, |all, (flag, _)| all | flag));
    for number in [
        record.account.get(),
        record.key.get(),
        record.started.as_microsecond(),
        record.held.nanos(),
        record.charge.unwrap_or_default().nanos(),
        record.cost.unwrap_or_default().nanos(),
        record.lost_cost.nanos(),
    ] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let times = [record.duration, record.first_output.unwrap_or_default()].map(micros);
    for number in times.into_iter().chain(counts(&record.usage)) {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    for moment in record.made.iter().flat_map(|made| [made.account, made.key]) {
        bytes.extend_from_slice(&moment.as_microsecond().to_le_bytes());
    }
    for text in [
        &*record.model,
        &record.served_model,
        &record.provider,
        &record.channel,
        record.service_tier.as_deref().unwrap_or_default(),
        &record.outcome,
    ] {
        let kept = &text[..text.floor_char_boundary(MAX_TEXT)];
        bytes.push(u8::try_from(kept.len()).expect("cut to fit"));
        bytes.extend_from_slice(kept.as_bytes());
    }
    let rates = record.price_version.as_deref().unwrap_or_default();
    let room = HEAD + MAX_BODY - bytes.len() - 2;
    let kept = &rates[..rates.floor_char_boundary(room)];
    bytes.extend_from_slice(&u16::try_from(kept.len()).expect("cut to fit").to_le_bytes());
    bytes.extend_from_slice(kept.as_bytes());
}

/// `None`: no body of a version that is known.
fn read_body(body: &[u8]) -> Option<UsageRecord<'_>> {
    let mut fields = Fields(body);
    let [version @ (FIRST | VERSION)] = fields.take()? else {
        return None;
    };
    let request = RequestId::from_bytes(fields.take()?);
    let [flags] = fields.take()?;
    let is = |flag: u8| flags & flag != 0;
    if version == FIRST && is(MADE) {
        return None;
    }
    let account = AccountId::new(fields.signed()?);
    let key = KeyId::new(fields.signed()?);
    let started = fields.moment()?;
    let held = Money::from_nanos(fields.signed()?);
    let charge = Money::from_nanos(fields.signed()?);
    let cost = Money::from_nanos(fields.signed()?);
    let lost_cost = Money::from_nanos(fields.signed()?);
    let duration = Duration::from_micros(fields.unsigned()?);
    let first_output = Duration::from_micros(fields.unsigned()?);
    let usage = fields.usage(version)?;
    let made = match is(MADE) {
        true => Some(Made {
            account: fields.moment()?,
            key: fields.moment()?,
        }),
        false => None,
    };
    let model = fields.text()?;
    let served_model = fields.text()?;
    let provider = fields.text()?;
    let channel = fields.text()?;
    let service_tier = fields.text()?;
    let outcome = fields.text()?;
    let price_version = match version {
        FIRST => fields.text()?,
        _ => fields.long_text()?,
    };
    fields.0.is_empty().then_some(UsageRecord {
        request,
        account,
        key,
        made,
        model,
        served_model,
        provider,
        channel,
        service_tier: is(SERVICE_TIER).then_some(service_tier),
        started,
        duration,
        first_output: is(FIRST_OUTPUT).then_some(first_output),
        stream: is(STREAM),
        outcome,
        usage,
        estimated: is(ESTIMATED),
        price_version: is(PRICE_VERSION).then_some(price_version),
        held,
        charge: is(CHARGE).then_some(charge),
        cost: is(COST).then_some(cost),
        lost_cost,
    })
}

/// In the order in which [`Fields::usage`] reads them.
fn counts(usage: &Usage) -> [u64; COUNTS] {
    [
        usage.prompt,
        usage.completion,
        usage.cached,
        usage.cache_write,
        usage.cache_write_1h,
        usage.prompt_audio,
        usage.prompt_image,
        usage.prompt_video,
        usage.reasoning,
        usage.completion_audio,
        usage.completion_image,
        usage.accepted_prediction,
        usage.rejected_prediction,
        usage.cached_audio,
    ]
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn signed(&mut self) -> Option<i64> {
        self.take().map(i64::from_le_bytes)
    }

    fn unsigned(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn moment(&mut self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.signed()?).ok()
    }

    fn text(&mut self) -> Option<Cow<'a, str>> {
        let [length] = self.take()?;
        self.text_of(usize::from(length))
    }

    fn long_text(&mut self) -> Option<Cow<'a, str>> {
        let length = u16::from_le_bytes(self.take()?);
        self.text_of(usize::from(length))
    }

    fn text_of(&mut self, length: usize) -> Option<Cow<'a, str>> {
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Cow::Borrowed(str::from_utf8(text).ok()?))
    }

    fn usage(&mut self, version: u8) -> Option<Usage> {
        Some(Usage {
            prompt: self.unsigned()?,
            completion: self.unsigned()?,
            cached: self.unsigned()?,
            cache_write: self.unsigned()?,
            cache_write_1h: self.unsigned()?,
            prompt_audio: self.unsigned()?,
            prompt_image: self.unsigned()?,
            prompt_video: self.unsigned()?,
            reasoning: self.unsigned()?,
            completion_audio: self.unsigned()?,
            completion_image: self.unsigned()?,
            accepted_prediction: self.unsigned()?,
            rejected_prediction: self.unsigned()?,
            cached_audio: match version {
                FIRST => 0,
                _ => self.unsigned()?,
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
