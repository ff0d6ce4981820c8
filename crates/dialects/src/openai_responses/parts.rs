//! Parts of a message's content: text, images and files.

use std::{borrow::Cow, fmt::Write};

use tollgate_catalog::quirks::{MediaSource, Quirks};
use tollgate_chat::json::quote;

use crate::{
    conversation::{File, OF_NO_TYPE, Part, PartKind, Source},
    data_uri,
    request::{Context, Unsupported},
};

/// What decides how a part is written.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub quirks: &'a Quirks,
    pub context: &'a Context<'a>,
}

impl Parts<'_> {
    /// Content of a message, or output of a tool: a text as a string, all else as parts. `first`: parts
    /// that stand before them.
    pub fn content(&self, at: usize, parts: &[Part<'_>], first: Vec<String>) -> Result<String, Unsupported> {
        match parts {
            [] if first.is_empty() => return Ok("\"\"".to_owned()),
            [
                Part {
                    kind: PartKind::Text(text),
                    ..
                },
            ] if first.is_empty() => return Ok(quote(text)),
            _ => {}
        }
        let mut all = first;
        for part in parts {
            all.push(self.part(part, &format!("messages[{at}].{}", part.spot))?);
        }
        Ok(format!("[{}]", all.join(",")))
    }

    /// A part as it stands in a user's message. `param`: its path, for errors.
    pub fn part(&self, part: &Part<'_>, param: &str) -> Result<String, Unsupported> {
        match &part.kind {
            PartKind::Text(text) | PartKind::Refusal(text) => {
                Ok(format!("{{\"type\":\"input_text\",\"text\":{}}}", quote(text)))
            }
            PartKind::Image { source, detail } => self.image(source, detail.as_deref(), param),
            PartKind::File(file) => self.file(file, param),
            PartKind::Video { .. } => Err(takes_no("video_url", param)),
            PartKind::Audio { .. } => Err(takes_no("input_audio", param)),
        }
    }

    fn image(&self, source: &Source<'_>, detail: Option<&str>, param: &str) -> Result<String, Unsupported> {
        if self.quirks.images == MediaSource::None {
            return Err(takes_no("image_url", param));
        }
        let place = match self.inlined(source) {
            Source::Url(_) if self.quirks.images == MediaSource::Data => {
                return Err(does_not_fetch("images", param));
            }
            Source::Url(url) => format!("\"image_url\":{}", quote(&url)),
            Source::Data { media_type, base64 } => {
                format!("\"image_url\":{}", quote(&data_uri::join(&media_type, &base64)))
            }
            Source::Stored(id) => self.stored(&id, param)?,
        };
        let detail = quote(detail.unwrap_or("auto"));
        Ok(format!(
            "{{\"type\":\"input_image\",{place},\"detail\":{detail}}}"
        ))
    }

    fn file(&self, file: &File<'_>, param: &str) -> Result<String, Unsupported> {
        if !self.quirks.files {
            return Err(takes_no("file", param));
        }
        let mut json = String::from("{\"type\":\"input_file\",");
        match self.inlined(&file.source) {
            Source::Url(_) if !self.quirks.file_urls => return Err(does_not_fetch("files", param)),
            Source::Url(url) => {
                let _ = write!(json, "\"file_url\":{}", quote(&url));
            }
            Source::Data { media_type, .. } if media_type.is_empty() => {
                return Err(Unsupported::new(param, OF_NO_TYPE));
            }
            Source::Data { media_type, base64 } => {
                // Bytes without a name are refused.
                let name = file.filename.as_deref().unwrap_or(default_name(&media_type));
                let data = data_uri::join(&media_type, &base64);
                let _ = write!(
                    json,
                    "\"filename\":{},\"file_data\":{}",
                    quote(name),
                    quote(&data)
                );
            }
            Source::Stored(id) => json.push_str(&self.stored(&id, param)?),
        }
        json.push('}');
        Ok(json)
    }

    /// Whether some file's name is left out: one at an address has no place for it.
    pub fn leave_out_name(&self, parts: &[Part<'_>]) -> bool {
        parts.iter().any(|part| match &part.kind {
            PartKind::File(file) if file.filename.is_some() => {
                matches!(self.inlined(&file.source), Source::Url(_))
            }
            _ => false,
        })
    }

    /// A source, or the bytes that were fetched from it.
    fn inlined<'s>(&'s self, source: &'s Source<'_>) -> Source<'s> {
        let fetched = match source {
            Source::Url(url) => self.context.fetched.get(&**url),
            Source::Data { .. } | Source::Stored(_) => None,
        };
        match (fetched, source) {
            (Some(medium), _) => Source::Data {
                media_type: Cow::Borrowed(&medium.media_type),
                base64: Cow::Borrowed(&medium.base64),
            },
            (None, Source::Url(url)) => Source::Url(Cow::Borrowed(url)),
            (None, Source::Stored(id)) => Source::Stored(Cow::Borrowed(id)),
            (None, Source::Data { media_type, base64 }) => Source::Data {
                media_type: Cow::Borrowed(media_type),
                base64: Cow::Borrowed(base64),
            },
        }
    }

    fn stored(&self, id: &str, param: &str) -> Result<String, Unsupported> {
        if !self.context.provider_files {
            return Err(Unsupported::new(
                param,
                "references into a provider's own storage are not allowed here; send the data itself or a \
                 public URL",
            ));
        }
        Ok(format!("\"file_id\":{}", quote(id)))
    }
}

fn default_name(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "file.pdf",
        "text/plain" => "file.txt",
        _ => "file",
    }
}

fn takes_no(kind: &str, param: &str) -> Unsupported {
    Unsupported::new(param, format!("this model's provider takes no `{kind}` parts"))
}

fn does_not_fetch(kind: &str, param: &str) -> Unsupported {
    Unsupported::new(
        param,
        format!("this model's provider does not fetch {kind} by URL; send the data as a data URI"),
    )
}
