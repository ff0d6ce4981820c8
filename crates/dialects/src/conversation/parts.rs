//! Parts of a message's content.

use std::{borrow::Cow, fmt};

use tollgate_chat::object::{Object, items};

use super::{file_type, text};
use crate::data_uri;

/// A part, and the marker that asks the provider to cache the prompt up to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    pub kind: PartKind<'a>,
    pub spot: Spot,
    /// The client's `cache_control`, as JSON. A marker on the message stands on its last part, on an empty text where
    /// it has none.
    pub cache_control: Option<&'a str>,
}

impl Part<'_> {
    /// Whether it is a text without a letter.
    pub(super) fn says_nothing(&self) -> bool {
        matches!(&self.kind, PartKind::Text(text) if text.is_empty())
    }
}

/// Where the client wrote a part in its message, for errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    Content(usize),
    /// In the member `images` of what the model drew.
    Images(usize),
    Refusal,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(index) => write!(f, "content[{index}]"),
            Self::Images(index) => write!(f, "images[{index}]"),
            Self::Refusal => f.write_str("refusal"),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum PartKind<'a> {
    Text(Cow<'a, str>),
    /// A refusal of the model's, in an assistant's message.
    Refusal(Cow<'a, str>),
    Image {
        source: Source<'a>,
        /// `auto`, `low`, `high`.
        detail: Option<Cow<'a, str>>,
    },
    Video {
        source: Source<'a>,
        /// Frames a second.
        fps: Option<f64>,
    },
    /// Base64 and a format such as `wav`.
    Audio {
        data: Cow<'a, str>,
        format: Cow<'a, str>,
    },
    File(File<'a>),
}

/// Where the bytes of a medium are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// In the request, as base64.
    Data {
        /// Empty where the client named none and a file's bytes tell none.
        media_type: Cow<'a, str>,
        base64: Cow<'a, str>,
    },
    /// At an http or https address.
    Url(Cow<'a, str>),
    /// In the provider's own storage (`gs://`, `ms://`, a file ID).
    Stored(Cow<'a, str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File<'a> {
    pub source: Source<'a>,
    pub filename: Option<Cow<'a, str>>,
}

/// The parts of a message's `content`: a string is one part. Empty where there is no content.
pub(super) fn read<'a>(message: &Object<'a>) -> Vec<Part<'a>> {
    let mut parts = match message.present("content") {
        None => Vec::new(),
        Some(list) if list.starts_with('[') => {
            let list = items(list).unwrap_or_default().into_iter().enumerate();
            list.filter_map(|(index, part)| read_part(&Object::parse(part).ok()?, Spot::Content(index)))
                .collect()
        }
        Some(_) => text(message, "content")
            .map(|text| Part {
                kind: PartKind::Text(text),
                spot: Spot::Content(0),
                cache_control: None,
            })
            .into_iter()
            .collect(),
    };
    if let Some(marker) = message.present("cache_control") {
        match parts.last_mut() {
            Some(last) => {
                last.cache_control.get_or_insert(marker);
            }
            None => parts.push(Part {
                kind: PartKind::Text("".into()),
                spot: Spot::Content(0),
                cache_control: Some(marker),
            }),
        }
    }
    parts
}

fn read_part<'a>(part: &Object<'a>, spot: Spot) -> Option<Part<'a>> {
    let inner = |name: &str| Object::parse(part.present(name)?).ok();
    let kind = match &*text(part, "type")? {
        "text" => PartKind::Text(text(part, "text")?),
        "refusal" => PartKind::Refusal(text(part, "refusal")?),
        "image_url" => {
            let image = inner("image_url")?;
            PartKind::Image {
                source: source(text(&image, "url")?),
                detail: text(&image, "detail"),
            }
        }
        "video_url" => {
            let video = inner("video_url")?;
            PartKind::Video {
                source: source(text(&video, "url")?),
                fps: video.read("fps").or_else(|| part.read("fps")),
            }
        }
        "input_audio" => {
            let audio = inner("input_audio")?;
            PartKind::Audio {
                data: data_uri::split(text(&audio, "data")?).map_or_else(|bare| bare, |(_, base64)| base64),
                format: text(&audio, "format")?,
            }
        }
        "file" => PartKind::File(file(&inner("file")?)?),
        _ => return None,
    };
    Some(Part {
        kind,
        spot,
        cache_control: part.present("cache_control"),
    })
}

/// `file_data` is a data URI, bare base64, or a URL. Where nothing tells its type, that is empty.
fn file<'a>(file: &Object<'a>) -> Option<File<'a>> {
    let filename = text(file, "filename");
    let typed = |base64: Cow<'a, str>| Source::Data {
        media_type: Cow::Borrowed(file_type::of(&base64, filename.as_deref()).unwrap_or_default()),
        base64,
    };
    let data = text(file, "file_data").map(|data| match source(data) {
        // No base64 has a colon.
        Source::Stored(address) if address.contains("://") => Source::Stored(address),
        Source::Stored(base64) => typed(base64),
        Source::Data { media_type, base64 } if media_type.is_empty() => typed(base64),
        known => known,
    });
    let source = data.or_else(|| text(file, "file_id").map(Source::Stored))?;
    Some(File { source, filename })
}

/// Tells data from an address.
pub(super) fn source(address: Cow<'_, str>) -> Source<'_> {
    let is_web = ["http://", "https://"].iter().any(|scheme| {
        address
            .get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    if is_web {
        return Source::Url(address);
    }
    match data_uri::split(address) {
        Ok((media_type, base64)) => Source::Data { media_type, base64 },
        Err(address) => Source::Stored(address),
    }
}
