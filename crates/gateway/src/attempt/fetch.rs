//! URLs that clients name, fetched for providers that do not fetch by themselves.
//!
//! Once for all channels of a request, and not before a channel needs it. Bounded in number, size, time and
//! memory; only from addresses that [`address`] permits.

mod address;
mod client;
mod medium;

use std::{collections::HashMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use ipnet::IpNet;
use thiserror::Error;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tollgate_catalog::{
    contract::ValidRequest,
    quirks::{MediaSource, Quirks},
};
use tollgate_dialects::{
    Dialect, Note,
    conversation::{self, Message, Part, PartKind, Source},
    gemini,
    request::{Fetched, Medium},
};

use self::{address::Reachable, client::FetchClient, medium::Kind};
use crate::{
    buffered::{Buffered, Held},
    error::Failure,
    gate::Gate,
};

pub use client::Problem;

/// Fetches under way at once, of all requests and of one.
const UNDER_WAY: usize = 64;
const UNDER_WAY_OF_ONE: usize = 4;
/// Different URLs of one request.
const URLS: usize = 32;

/// What may be fetched, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchSettings {
    pub enabled: bool,
    /// Bytes of one medium.
    pub size_limit: usize,
    /// For one URL, with its redirects.
    pub timeout: Duration,
    /// Networks that are not public, and may be fetched from all the same.
    pub allow_private: Vec<IpNet>,
}

/// A URL of the client's that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{param}` could not be fetched ({problem}), and this model's provider does not fetch it; send a data URI"
)]
pub struct NotFetched {
    /// Path of the URL in the client's body.
    pub param: String,
    pub problem: Problem,
}

/// What the fetches of all requests share.
pub struct Fetcher {
    settings: FetchSettings,
    client: FetchClient,
    places: Semaphore,
}

impl Fetcher {
    pub fn new(settings: FetchSettings) -> Self {
        Self {
            client: FetchClient::new(Reachable::new(settings.allow_private.clone())),
            places: Semaphore::new(UNDER_WAY),
            settings,
        }
    }

    /// One medium, and its share of the memory.
    async fn fetch(&self, url: &str, kind: Kind, buffered: &Buffered) -> Result<(Medium, Held), Problem> {
        let limit = self.settings.size_limit;
        let mut raw = buffered.hold();
        let _place = self.places.acquire().await.map_err(|_| Problem::Broken)?;
        let fetching = self.client.fetch(url, kind, limit, &mut raw);
        let found = timeout(self.settings.timeout, fetching)
            .await
            .map_err(|_| Problem::Slow(self.settings.timeout))??;
        let said = found.content_type.as_deref();
        let media_type = medium::media_type(kind, &found.bytes, said).ok_or(Problem::Type(kind))?;
        let mut held = buffered.hold();
        held.grow(found.bytes.len().div_ceil(3) * 4)
            .map_err(|_| Problem::Memory)?;
        let base64 = STANDARD.encode(&found.bytes);
        Ok((Medium { media_type, base64 }, held))
    }
}

/// What was fetched for one request so far. It goes with the request.
#[derive(Default)]
pub struct Media {
    fetched: Fetched,
    failed: HashMap<String, Problem>,
    bytes: usize,
    held: Vec<Held>,
}

impl Media {
    pub fn fetched(&self) -> &Fetched {
        &self.fetched
    }

    /// Fetches what a provider with these quirks needs and does not fetch, and was not fetched before. The
    /// notes say what was. Fails with the first URL, by its place in the request, that gives nothing.
    pub async fn fetch(
        &mut self,
        gate: &Gate,
        request: &ValidRequest,
        dialect: Dialect,
        quirks: &Quirks,
    ) -> Result<Vec<Note>, Failure> {
        let wanted = wanted(request, dialect, quirks);
        let mut missing: Vec<&Wanted> = Vec::new();
        for one in &wanted {
            let known = self.fetched.contains_key(&one.url) || self.failed.contains_key(&one.url);
            if !known && !missing.iter().any(|other| other.url == one.url) {
                missing.push(one);
            }
        }
        let too_many = (self.fetched.len() + missing.len()).checked_sub(URLS + 1);
        if let Some(last) = wanted.last().filter(|_| too_many.is_some()) {
            return Err(last.failed(Problem::TooMany(URLS)));
        }
        self.check(&wanted)?;
        self.fetch_all(gate, missing).await?;
        self.check(&wanted)?;
        let kinds = [Kind::Image, Kind::Video, Kind::File].into_iter();
        Ok(kinds
            .filter(|kind| wanted.iter().any(|one| one.kind == *kind))
            .map(|kind| Note::Emulated(kind.part().to_owned()))
            .collect())
    }

    /// Fails with the first that gave nothing, or something else for another part.
    fn check(&self, wanted: &[Wanted]) -> Result<(), Failure> {
        for one in wanted {
            if let Some(problem) = self.failed.get(&one.url) {
                return Err(one.failed(problem.clone()));
            }
            let medium = self.fetched.get(&one.url);
            if medium.is_some_and(|medium| !one.kind.takes(&medium.media_type)) {
                return Err(one.failed(Problem::Type(one.kind)));
            }
        }
        Ok(())
    }

    async fn fetch_all(&mut self, gate: &Gate, missing: Vec<&Wanted>) -> Result<(), Failure> {
        let together = gate.settings.request_body_limit;
        let fetches: Vec<_> = missing.into_iter().map(|one| fetch_one(gate, one)).collect();
        let mut fetches = stream::iter(fetches).buffer_unordered(UNDER_WAY_OF_ONE);
        while let Some((one, fetched)) = fetches.next().await {
            let fetched = fetched.and_then(|(medium, held)| {
                self.bytes += medium.base64.len();
                match self.bytes > together {
                    true => Err(Problem::TooLargeTogether(together)),
                    false => Ok((medium, held)),
                }
            });
            match fetched {
                Ok((medium, held)) => {
                    self.held.push(held);
                    self.fetched.insert(one.url.clone(), medium);
                }
                Err(Problem::Memory) => return Err(Failure::MemoryFull),
                Err(problem) => {
                    // One is enough for the request to fail.
                    self.failed.insert(one.url.clone(), problem);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

async fn fetch_one<'w>(gate: &Gate, one: &'w Wanted) -> (&'w Wanted, Result<(Medium, Held), Problem>) {
    let started = Instant::now();
    let fetched = gate.fetcher.fetch(&one.url, one.kind, &gate.buffered).await;
    let (result, bytes) = match &fetched {
        Ok((medium, _)) => ("ok", medium.bytes()),
        Err(problem) => (problem.label(), 0),
    };
    let seconds = started.elapsed().as_secs_f64();
    gate.metrics.media_fetched(result, bytes, seconds);
    (one, fetched)
}

/// A URL that a provider does not fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    url: String,
    kind: Kind,
    param: String,
}

impl Wanted {
    fn failed(&self, problem: Problem) -> Failure {
        Failure::NotFetched(NotFetched {
            param: self.param.clone(),
            problem,
        })
    }
}

/// Whether anything may have to be fetched: a first look that reads no message.
pub fn may_need(gate: &Gate, request: &ValidRequest, dialect: Dialect, quirks: &Quirks) -> bool {
    let traits = &request.traits;
    let image_urls = traits.image_urls || (traits.assistant_images && takes_drawn_images(dialect));
    let may_not = |source| source == MediaSource::Data || (quirks.https_only && source == MediaSource::Any);
    let images = image_urls && may_not(quirks.images);
    let videos = traits.video_urls && may_not(quirks.videos);
    let files = traits.file_urls && quirks.files && (!quirks.file_urls || quirks.https_only);
    gate.fetcher.settings.enabled && (images || videos || files)
}

/// Whether images that a model drew in earlier turns go back to the provider.
fn takes_drawn_images(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Gemini | Dialect::AnthropicMessages)
}

fn wanted(request: &ValidRequest, dialect: Dialect, quirks: &Quirks) -> Vec<Wanted> {
    let messages = conversation::messages(request.request.get("messages").unwrap_or_default());
    let mut wanted = Vec::new();
    for message in &messages {
        let (at, parts) = match message {
            Message::System { at, parts, .. }
            | Message::User { at, parts }
            | Message::Tool { at, parts, .. } => (*at, parts),
            Message::Assistant(turn) if takes_drawn_images(dialect) => (turn.at, &turn.parts),
            Message::Assistant(_) => continue,
        };
        for part in parts {
            let Some((kind, url)) = address(part) else {
                continue;
            };
            let (taken, fetches) = match kind {
                Kind::Image => (
                    quirks.images != MediaSource::None,
                    quirks.images == MediaSource::Any,
                ),
                Kind::Video => (
                    quirks.videos != MediaSource::None,
                    quirks.videos == MediaSource::Any,
                ),
                Kind::File => (quirks.files, quirks.file_urls),
            };
            let fetches = fetches && !(quirks.https_only && is_plain_http(url));
            if taken && !fetches && !fetches_itself(dialect, url) {
                wanted.push(Wanted {
                    url: url.to_owned(),
                    kind,
                    param: format!("messages[{at}].{}.{}", part.spot, kind.member()),
                });
            }
        }
    }
    wanted
}

fn is_plain_http(url: &str) -> bool {
    url.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"))
}

/// The web address in a part.
fn address<'p>(part: &'p Part<'_>) -> Option<(Kind, &'p str)> {
    let (kind, source) = match &part.kind {
        PartKind::Image { source, .. } => (Kind::Image, source),
        PartKind::Video { source, .. } => (Kind::Video, source),
        PartKind::File(file) => (Kind::File, &file.source),
        PartKind::Text(_) | PartKind::Refusal(_) | PartKind::Audio { .. } => return None,
    };
    match source {
        Source::Url(url) => Some((kind, url)),
        Source::Data { .. } | Source::Stored(_) => None,
    }
}

/// Addresses that mean something to one provider alone, whatever it does with others.
fn fetches_itself(dialect: Dialect, url: &str) -> bool {
    match dialect {
        Dialect::Gemini => gemini::fetches_itself(url),
        Dialect::OpenaiChat | Dialect::OpenaiResponses | Dialect::AnthropicMessages => false,
    }
}
