//! What a fetched medium may be, and how its type is known.

use std::fmt;

/// A kind of media that clients name by URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Image,
    Video,
    File,
}

impl Kind {
    /// The type of the part that holds it, for notes.
    pub fn part(self) -> &'static str {
        match self {
            Self::Image => "image_url",
            Self::Video => "video_url",
            Self::File => "file",
        }
    }

    /// The path of the URL within its part.
    pub fn member(self) -> &'static str {
        match self {
            Self::Image => "image_url.url",
            Self::Video => "video_url.url",
            Self::File => "file.file_data",
        }
    }

    /// What is asked of the host, as `Accept`.
    pub fn accept(self) -> &'static str {
        match self {
            Self::Image => "image/*",
            Self::Video => "video/*",
            Self::File => "application/pdf",
        }
    }

    /// Whether a medium of this type is of this kind.
    pub fn takes(self, media_type: &str) -> bool {
        match self {
            // SVG is a document with links and scripts, which no model reads.
            Self::Image => media_type.starts_with("image/") && !media_type.starts_with("image/svg"),
            Self::Video => media_type.starts_with("video/"),
            Self::File => media_type == "application/pdf",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "an image",
            Self::Video => "a video",
            Self::File => "a PDF file",
        })
    }
}

/// The media type to hand on: what the bytes are by their own marks, else what the host says. `None`
/// where neither is of the kind: nothing else may get into a prompt this way.
pub fn media_type(kind: Kind, bytes: &[u8], said: Option<&str>) -> Option<String> {
    if let Some(seen) = seen(bytes) {
        return kind.takes(seen).then(|| seen.to_owned());
    }
    let said = said?.split(';').next()?.trim().to_ascii_lowercase();
    let is_a_token = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+-".contains(&byte);
    // A text is no medium, whatever the host calls it.
    let is_text = bytes
        .iter()
        .take(64)
        .all(|byte| (0x20..0x7f).contains(byte) || b"\t\r\n".contains(byte));
    (kind.takes(&said) && said.bytes().all(is_a_token) && !is_text).then_some(said)
}

/// What the first bytes say.
fn seen(bytes: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, mark: &[u8]| bytes.get(offset..).is_some_and(|bytes| bytes.starts_with(mark));
    Some(match () {
        () if at(0, b"\x89PNG\r\n\x1a\n") => "image/png",
        () if at(0, b"\xff\xd8\xff") => "image/jpeg",
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => "image/gif",
        () if at(0, b"RIFF") && at(8, b"WEBP") => "image/webp",
        () if at(0, b"%PDF-") => "application/pdf",
        () if at(4, b"ftypheic") || at(4, b"ftypheix") || at(4, b"ftypmif1") => "image/heic",
        () if at(4, b"ftypavif") => "image/avif",
        () if at(4, b"ftypqt") => "video/quicktime",
        () if at(4, b"ftyp") => "video/mp4",
        () if at(0, b"\x1a\x45\xdf\xa3") => "video/webm",
        () => return None,
    })
}

#[cfg(test)]
mod tests;
