//! Media of messages: inline, or by an address that Gemini reads itself.

use std::{borrow::Cow, fmt};

use tollgate_catalog::quirks::{MediaSource, Quirks};

use super::body::{Part, VideoMetadata};
use crate::{
    conversation::{File, OF_NO_TYPE, PartKind, Source, Spot},
    request::{Fetched, Note, Unsupported},
};

/// Where Google keeps what was uploaded to it.
const STORAGE: &str = "generativelanguage.googleapis.com";
/// Hosts of videos that Gemini reads by their links.
const VIDEO_HOSTS: [&str; 5] = [
    "youtube.com",
    "www.youtube.com",
    "m.youtube.com",
    "youtu.be",
    "www.youtube-nocookie.com",
];

/// Whether Gemini reads this URL itself, whatever the model: links to videos, and Google's own storage
/// of files. Nobody needs to fetch it.
pub fn fetches_itself(url: &str) -> bool {
    is_video_link(url) || is_in_storage(url)
}

fn is_video_link(url: &str) -> bool {
    host(url).is_some_and(|host| VIDEO_HOSTS.iter().any(|known| host.eq_ignore_ascii_case(known)))
}

fn is_in_storage(url: &str) -> bool {
    host(url).is_some_and(|host| host.eq_ignore_ascii_case(STORAGE))
}

/// The host of an http or https address, without user and port.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    Some(host.trim_end_matches('.'))
}

/// Where a part stands in the client's messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub message: usize,
    pub spot: Spot,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "messages[{}].{}", self.message, self.spot)
    }
}

/// Turns media into parts, for one request.
pub(super) struct Media<'a> {
    pub quirks: &'a Quirks,
    pub fetched: &'a Fetched,
    /// Whether references into the provider's own storage may pass.
    pub provider_files: bool,
}

impl<'a> Media<'a> {
    /// The part for one of a message's parts. Fails with what this model's provider does not take.
    pub fn part(
        &self,
        at: Place,
        kind: &PartKind<'a>,
        notes: &mut Vec<Note>,
    ) -> Result<Part<'a>, Unsupported> {
        match kind {
            PartKind::Text(text) | PartKind::Refusal(text) => Ok(Part::text(text.clone())),
            PartKind::Image { source, detail } => {
                if self.quirks.images == MediaSource::None {
                    return Err(refused(at, "image"));
                }
                if detail.as_deref().is_some_and(|detail| detail != "auto") {
                    note(notes, Note::Omitted("image_url.detail".to_owned()));
                }
                let any = self.quirks.images == MediaSource::Any;
                self.source(at, source, "image/jpeg", any, "image")
            }
            PartKind::Video { source, fps } => {
                if self.quirks.videos == MediaSource::None {
                    return Err(refused(at, "video"));
                }
                let any = self.quirks.videos == MediaSource::Any;
                let mut part = self.source(at, source, "video/mp4", any, "video")?;
                part.video_metadata = fps.map(|fps| VideoMetadata { fps });
                Ok(part)
            }
            PartKind::Audio { .. } if !self.quirks.audio => Err(refused(at, "input_audio")),
            // An address; base64 has no colon.
            PartKind::Audio { data, .. } if data.contains(':') => Err(refused(at, "input_audio by URL")),
            PartKind::Audio { data, format } => Ok(Part::blob(audio_type(format), data.clone())),
            PartKind::File(_) if !self.quirks.files => Err(refused(at, "file")),
            PartKind::File(File {
                source: Source::Data { media_type, .. },
                ..
            }) if media_type.is_empty() => Err(Unsupported::new(at.to_string(), OF_NO_TYPE)),
            PartKind::File(File { source, .. }) => {
                self.source(at, source, "application/pdf", self.quirks.file_urls, "file")
            }
        }
    }

    fn source(
        &self,
        at: Place,
        source: &Source<'a>,
        usual: &'static str,
        any_url: bool,
        kind: &str,
    ) -> Result<Part<'a>, Unsupported> {
        match source {
            Source::Data { media_type, base64 } => Ok(Part::blob(common(media_type, usual), base64.clone())),
            Source::Stored(address) => self.stored(at, address, usual),
            Source::Url(url) if is_in_storage(url) => self.stored(at, url, usual),
            Source::Url(url) => match self.fetched.get(&**url) {
                Some(medium) => Ok(Part::blob(
                    common(&Cow::Borrowed(&*medium.media_type), usual),
                    Cow::Borrowed(&*medium.base64),
                )),
                None if is_video_link(url) => Ok(Part::file(Cow::Borrowed("video/mp4"), url.clone())),
                None if any_url => Ok(Part::file(Cow::Borrowed(type_by_name(url, usual)), url.clone())),
                None => Err(Unsupported::new(
                    at.to_string(),
                    format!("the provider of this model does not fetch {kind} URLs; send a data URI"),
                )),
            },
        }
    }

    fn stored(
        &self,
        at: Place,
        address: &Cow<'a, str>,
        usual: &'static str,
    ) -> Result<Part<'a>, Unsupported> {
        if !self.provider_files {
            return Err(Unsupported::new(
                at.to_string(),
                "references into a provider's own storage are not allowed here; send the data itself or a \
                 public URL",
            ));
        }
        Ok(Part::file(
            Cow::Borrowed(type_by_name(address, usual)),
            address.clone(),
        ))
    }
}

/// Adds a note once.
pub(super) fn note(notes: &mut Vec<Note>, note: Note) {
    if !notes.contains(&note) {
        notes.push(note);
    }
}

fn refused(at: Place, kind: &str) -> Unsupported {
    Unsupported::new(
        at.to_string(),
        format!("the provider of this model takes no {kind} parts"),
    )
}

/// Media types as Gemini knows them; `usual` where none is given.
fn common<'a>(media_type: &Cow<'a, str>, usual: &'static str) -> Cow<'a, str> {
    match &*media_type.to_ascii_lowercase() {
        "" | "application/octet-stream" => Cow::Borrowed(usual),
        "image/jpg" | "image/pjpeg" => Cow::Borrowed("image/jpeg"),
        "video/quicktime" => Cow::Borrowed("video/mov"),
        lower if lower != media_type => Cow::Owned(lower.to_owned()),
        _ => media_type.clone(),
    }
}

/// The media type of a format of `input_audio`.
fn audio_type<'a>(format: &str) -> Cow<'a, str> {
    match &*format.to_ascii_lowercase() {
        "mp3" | "mpeg" => Cow::Borrowed("audio/mpeg"),
        "wav" | "x-wav" => Cow::Borrowed("audio/wav"),
        "m4a" => Cow::Borrowed("audio/mp4"),
        other => Cow::Owned(format!("audio/{other}")),
    }
}

/// A guess by the ending of an address; Vertex wants to be told a type.
fn type_by_name(address: &str, usual: &'static str) -> &'static str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.'));
    let ending = ending
        .map(|(_, ending)| ending.to_ascii_lowercase())
        .unwrap_or_default();
    match &*ending {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "heif" => "image/heif",
        "gif" => "image/gif",
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/mov",
        "webm" => "video/webm",
        "mpeg" | "mpg" => "video/mpeg",
        "avi" => "video/avi",
        "3gp" | "3gpp" => "video/3gpp",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "md" => "text/md",
        _ => usual,
    }
}
