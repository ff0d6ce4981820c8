//! Images and files of a message as blocks.

use std::borrow::Cow;

use tollgate_catalog::quirks::{MediaSource, Quirks};

use super::blocks::{Block, Source};
use crate::{
    conversation::{self, File, OF_NO_TYPE, PartKind},
    data_uri,
    request::{Context, Unsupported},
};

/// Kinds of images that the provider takes (wire notes, section 3).
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const PDF: &str = "application/pdf";

/// What decides about media beside the part itself.
#[derive(Debug, Clone, Copy)]
pub struct Media<'a> {
    pub quirks: &'a Quirks,
    pub context: &'a Context<'a>,
}

impl<'a> Media<'a> {
    /// The block of a part that is no text. `path` names the part in errors.
    pub fn block(&self, kind: PartKind<'a>, path: impl Fn() -> String) -> Result<Block<'a>, Unsupported> {
        let refuse = |problem: &str| Err(Unsupported::new(path(), problem));
        match kind {
            PartKind::Image { source, .. } => {
                if self.quirks.images == MediaSource::None {
                    return refuse("the provider of this model takes no images; leave the part out");
                }
                match self.source(source, self.quirks.images == MediaSource::Any, &path)? {
                    Medium::Inline { media_type, base64 } => match image_type(&media_type) {
                        Some(media_type) => Ok(image(media_type, base64)),
                        None => refuse(
                            "the provider of this model takes images of type jpeg, png, gif and webp only; \
                             convert this one",
                        ),
                    },
                    Medium::Elsewhere(source) => Ok(Block::Image { source, mark: None }),
                }
            }
            PartKind::File(file) => self.file(file, &path),
            PartKind::Video { .. } => {
                refuse("the provider of this model takes no video_url parts; send single frames as images")
            }
            PartKind::Audio { .. } => {
                refuse("the provider of this model takes no input_audio parts; send a transcript as text")
            }
            PartKind::Text(text) | PartKind::Refusal(text) => Ok(Block::text(text)),
        }
    }

    fn file(&self, file: File<'a>, path: &impl Fn() -> String) -> Result<Block<'a>, Unsupported> {
        let refuse = |problem: &str| Err(Unsupported::new(path(), problem));
        if !self.quirks.files {
            return refuse("the provider of this model takes no file parts; send the text itself");
        }
        let title = file.filename;
        let (media_type, base64) = match self.source(file.source, self.quirks.file_urls, path)? {
            Medium::Elsewhere(source) => return Ok(document(source, title)),
            Medium::Inline { media_type, base64 } => (media_type, base64),
        };
        let kind = kind_of_file(&media_type, title.as_deref());
        if let Some(media_type) = image_type(&kind) {
            return Ok(image(media_type, base64));
        }
        if kind == PDF {
            let data = Source::Base64 {
                media_type: PDF.into(),
                data: base64,
            };
            return Ok(document(data, title));
        }
        if !is_text(&kind) {
            return refuse(match &*kind {
                "" => OF_NO_TYPE,
                _ => {
                    "the provider of this model takes files of type PDF and plain text only; convert this one"
                }
            });
        }
        let text = data_uri::decode(&base64).and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            Some(text) if !text.trim().is_empty() => Ok(document(Source::PlainText(text), title)),
            Some(_) => refuse("the file is empty; leave the part out"),
            None => refuse("the file is said to be text, but is not UTF-8 in base64; send it as such"),
        }
    }

    fn source(
        &self,
        source: conversation::Source<'a>,
        fetches: bool,
        path: &impl Fn() -> String,
    ) -> Result<Medium<'a>, Unsupported> {
        match source {
            conversation::Source::Data { media_type, base64 } => Ok(Medium::Inline { media_type, base64 }),
            conversation::Source::Url(url) => {
                if let Some(medium) = self.context.fetched.get(&*url) {
                    return Ok(Medium::Inline {
                        media_type: Cow::Borrowed(&medium.media_type),
                        base64: Cow::Borrowed(&medium.base64),
                    });
                }
                let secure = url
                    .get(..6)
                    .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
                match fetches && secure {
                    true => Ok(Medium::Elsewhere(Source::Url(url))),
                    false => Err(Unsupported::new(
                        path(),
                        "the provider of this model does not fetch this URL; send a data URI",
                    )),
                }
            }
            conversation::Source::Stored(id) => match self.context.provider_files {
                true => Ok(Medium::Elsewhere(Source::Stored(id))),
                false => Err(Unsupported::new(
                    path(),
                    "references into a provider's own storage are not allowed here; send the data itself \
                     or a public URL",
                )),
            },
        }
    }
}

/// A medium whose bytes are here, or one that the provider gets by itself.
enum Medium<'a> {
    Inline {
        media_type: Cow<'a, str>,
        base64: Cow<'a, str>,
    },
    Elsewhere(Source<'a>),
}

fn document<'a>(source: Source<'a>, title: Option<Cow<'a, str>>) -> Block<'a> {
    Block::Document {
        source,
        title,
        mark: None,
    }
}

fn image<'a>(media_type: &'static str, data: Cow<'a, str>) -> Block<'a> {
    Block::Image {
        source: Source::Base64 {
            media_type: media_type.into(),
            data,
        },
        mark: None,
    }
}

fn image_type(media_type: &str) -> Option<&'static str> {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("image/jpg") {
        return Some("image/jpeg");
    }
    let mut types = IMAGES.into_iter();
    types.find(|known| known.eq_ignore_ascii_case(media_type))
}

/// The media type, or where it says nothing what the ending of the name stands for.
fn kind_of_file(media_type: &str, filename: Option<&str>) -> String {
    if !matches!(media_type, "" | "application/octet-stream") {
        return media_type.to_ascii_lowercase();
    }
    let ending = filename
        .and_then(|name| name.rsplit_once('.'))
        .map(|(_, ending)| ending);
    let kind = match ending.map(str::to_ascii_lowercase).as_deref() {
        Some("pdf") => PDF,
        Some("txt" | "md" | "csv" | "json" | "xml" | "html" | "log" | "yaml" | "yml") => "text/plain",
        _ => media_type,
    };
    kind.to_owned()
}

fn is_text(kind: &str) -> bool {
    let known = ["application/json", "application/xml", "application/yaml"];
    kind.starts_with("text/") || known.contains(&kind)
}
