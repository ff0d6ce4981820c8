//! Parts of a content array: their shapes, and whether the model reads them.

mod address;

use tollgate_chat::json::Json;

use self::address::{Address, Media, read_or_bare};
use super::{MessageReader, expect_string, require_object, require_string};
use crate::contract::{
    check::value::quoted,
    violation::{Code, Found, Path, Word},
};

/// Kinds of parts that a message may have, in the words of their `type`.
pub(super) type Kinds = &'static [&'static str];

pub(super) const TEXT: Kinds = &["text"];
pub(super) const USER: Kinds = &["text", "image_url", "video_url", "input_audio", "file"];
/// Of a tool's result.
pub(super) const RESULT: Kinds = &["text", "image_url"];
pub(super) const ASSISTANT: Kinds = &["text", "refusal", "image_url"];
/// Of what a model drew.
pub(super) const DRAWN: Kinds = &["image_url"];

impl MessageReader<'_> {
    /// Content that is there and not an empty array.
    pub(super) fn string_or_parts(
        &mut self,
        content: &Json<'_>,
        at: Path<'_>,
        kinds: Kinds,
        found: &mut Found,
    ) {
        let parts = match content {
            Json::String(text) => {
                self.traits.text_bytes += text.len() as u64;
                return;
            }
            Json::Array(parts) => parts,
            other => {
                return found.add(
                    at,
                    Code::InvalidType,
                    format_args!("must be a string or an array of parts, not {}", other.kind()),
                );
            }
        };
        let mut all_text = true;
        for (index, part) in parts.iter().enumerate() {
            let kind = self.part(part, at.item(index), kinds, found);
            all_text &= matches!(kind, Some("text" | "refusal"));
            self.traits.refusal_parts |= kind == Some("refusal");
        }
        self.traits.text_part_arrays |= all_text;
    }

    /// Checks one part; tells its kind where that is one of `kinds`.
    pub(super) fn part(
        &mut self,
        part: &Json<'_>,
        at: Path<'_>,
        kinds: Kinds,
        found: &mut Found,
    ) -> Option<&'static str> {
        if !matches!(part, Json::Object(_)) {
            found.add(
                at,
                Code::InvalidType,
                format_args!("must be an object, not {}", part.kind()),
            );
            return None;
        }
        self.cache_marker(part, at, found);
        let word = require_string(part, "type", at, found)?;
        let Some(kind) = kinds.iter().find(|kind| **kind == word) else {
            let (code, reason) = match USER.contains(&word) {
                true => (Code::UnsupportedValue, " in a message of this role"),
                false => (Code::InvalidValue, ""),
            };
            let kinds = quoted(kinds.iter().copied());
            found.add(
                at.member("type"),
                code,
                format_args!("must be {kinds}{reason}, not {}", Word(word)),
            );
            return None;
        };
        match *kind {
            "text" => self.text(part, "text", at, found),
            "refusal" => self.text(part, "refusal", at, found),
            "image_url" if [ASSISTANT, DRAWN].contains(&kinds) => self.drawn(part, at, found),
            "image_url" => {
                self.traits.result_images |= kinds == RESULT;
                self.image(part, at, found);
            }
            "video_url" => self.video(part, at, found),
            "input_audio" => self.audio(part, at, found),
            "file" => self.file(part, at, found),
            _ => {}
        }
        Some(kind)
    }

    /// Text may be empty; it must be there.
    fn text(&mut self, part: &Json<'_>, name: &str, at: Path<'_>, found: &mut Found) {
        match part.present(name) {
            Some(text) => {
                self.traits.text_bytes += text.as_str().map_or(0, str::len) as u64;
                expect_string(text, at.member(name), found);
            }
            None => found.add(
                at.member(name),
                Code::MissingRequiredParameter,
                format_args!("is missing"),
            ),
        }
    }

    fn image(&mut self, part: &Json<'_>, at: Path<'_>, found: &mut Found) {
        self.traits.images = true;
        self.traits.media += 1;
        self.reads(self.model.modalities.image_input, "images", at, found);
        let Some(image) = require_object(part, "image_url", at, found) else {
            return;
        };
        let at = at.member("image_url");
        if let Some(detail) = image.present("detail") {
            expect_string(detail, at.member("detail"), found);
        }
        if self.address(image, Media::Image, at, found) == Some(Address::Http) {
            self.traits.image_urls = true;
        }
    }

    /// An image of the model's own: a dialect decides what becomes of it.
    fn drawn(&mut self, part: &Json<'_>, at: Path<'_>, found: &mut Found) {
        self.traits.assistant_images = true;
        if let Some(image) = require_object(part, "image_url", at, found) {
            self.address(image, Media::Image, at.member("image_url"), found);
        }
    }

    fn video(&mut self, part: &Json<'_>, at: Path<'_>, found: &mut Found) {
        self.traits.videos = true;
        self.traits.media += 1;
        self.reads(self.model.modalities.video_input, "videos", at, found);
        frame_rate(part, at, found);
        let Some(video) = require_object(part, "video_url", at, found) else {
            return;
        };
        let at = at.member("video_url");
        frame_rate(video, at, found);
        if self.address(video, Media::Video, at, found) == Some(Address::Http) {
            self.traits.video_urls = true;
        }
    }

    fn audio(&mut self, part: &Json<'_>, at: Path<'_>, found: &mut Found) {
        self.traits.audio = true;
        self.traits.media += 1;
        self.reads(self.model.modalities.audio_input, "audio", at, found);
        let Some(audio) = require_object(part, "input_audio", at, found) else {
            return;
        };
        let at = at.member("input_audio");
        if let Some(data) = require_string(audio, "data", at, found) {
            match read_or_bare(data, Media::Audio) {
                Ok(Address::ProviderFile) => self.note_provider_file(),
                Ok(Address::Http | Address::Data) => {}
                Err(error) => {
                    let at = at.member("data");
                    found.add(at, Code::InvalidValue, format_args!("{error}"));
                }
            }
        }
        require_string(audio, "format", at, found);
    }

    fn file(&mut self, part: &Json<'_>, at: Path<'_>, found: &mut Found) {
        self.traits.files = true;
        self.traits.media += 1;
        self.reads(self.model.modalities.file_input, "files", at, found);
        let Some(file) = require_object(part, "file", at, found) else {
            return;
        };
        let at = at.member("file");
        for name in ["file_id", "file_data", "filename"] {
            if let Some(value) = file.present(name) {
                expect_string(value, at.member(name), found);
            }
        }
        if file.present("file_id").is_some() {
            self.note_provider_file();
        }
        match file.present("file_data").and_then(Json::as_str) {
            Some(data) => match read_or_bare(data, Media::File) {
                Ok(Address::ProviderFile) => self.note_provider_file(),
                Ok(Address::Http) => self.traits.file_urls = true,
                Ok(Address::Data) => {}
                Err(error) => {
                    let at = at.member("file_data");
                    found.add(at, Code::InvalidValue, format_args!("{error}"));
                }
            },
            None if file.present("file_id").is_none() && file.present("file_data").is_none() => found.add(
                at.member("file_data"),
                Code::MissingRequiredParameter,
                format_args!("is missing; send the file as a data URI, or its http or https URL"),
            ),
            None => {}
        }
    }

    fn reads(&self, reads: bool, what: &str, at: Path<'_>, found: &mut Found) {
        if !reads {
            found.add(
                at,
                Code::UnsupportedValue,
                format_args!("cannot be used: the model `{}` reads no {what}", self.model.id),
            );
        }
    }

    /// The member `url` of `holder`; notes a reference into a provider's storage.
    fn address(
        &mut self,
        holder: &Json<'_>,
        media: Media,
        at: Path<'_>,
        found: &mut Found,
    ) -> Option<Address> {
        if holder.present("file_id").is_some() {
            self.note_provider_file();
        }
        let url = require_string(holder, "url", at, found)?;
        match Address::read(url, media) {
            Ok(address) => {
                match address {
                    Address::ProviderFile => self.note_provider_file(),
                    Address::Data if media == Media::Image => {
                        let data = url.split_once(',').map_or("", |(_, data)| data);
                        self.traits.image_bytes += data.len() as u64;
                    }
                    Address::Data | Address::Http => {}
                }
                Some(address)
            }
            Err(problem) => {
                let code = match media {
                    Media::Image => Code::InvalidImageUrl,
                    _ => Code::InvalidValue,
                };
                found.add(at.member("url"), code, format_args!("{problem}"));
                None
            }
        }
    }
}

/// Frames per second to look at; no range is stated anywhere.
fn frame_rate(holder: &Json<'_>, at: Path<'_>, found: &mut Found) {
    match holder.present("fps") {
        None | Some(Json::Number(_)) => {}
        Some(other) => found.add(
            at.member("fps"),
            Code::InvalidType,
            format_args!("must be a number, not {}", other.kind()),
        ),
    }
}
