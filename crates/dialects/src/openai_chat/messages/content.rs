//! What a message says: strings and parts, in the form that the provider takes.

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
};

use super::{MessageEditor, drops_refusals, nulls};
use crate::{conversation, request::Unsupported};

impl<'a> MessageEditor<'_, 'a> {
    pub(super) fn content(&mut self, content: &'a str, edits: &mut Edits<'a>) -> Result<(), Unsupported> {
        let quirks = self.rules.quirks;
        let assistant = self.role == "assistant";
        if !content.starts_with('[') {
            self.string(content);
            return Ok(());
        }
        let parts = items(content).unwrap_or_default();
        if parts.is_empty() {
            if let Some(text) = self.refusal_as_text().or_else(|| self.speech_as_text()) {
                self.edit.set("content", text);
                return Ok(());
            }
        } else {
            self.lost_refusal |= assistant
                && drops_refusals(quirks)
                && self.message.present("refusal").is_some_and(|text| text != "\"\"");
        }
        if assistant && parts.is_empty() {
            let nothing = self.nothing();
            self.edit.set("content", nothing);
            return Ok(());
        }
        if !quirks.text_part_arrays
            && let Some(text) = joined_text(&parts)
        {
            self.lost_mark |= self.rules.traits.cache_control && parts.iter().any(|part| is_marked(part));
            self.moved_refusal |= parts.iter().any(|part| is_refusal(part));
            self.edit.set("content", self.with_instructions(text));
            return Ok(());
        }
        if self.takes_images_out() {
            return self.without_images(&parts);
        }
        for (place, part) in parts.iter().enumerate() {
            self.part(place, part, edits)?;
        }
        if self.role == "user"
            && let Some(first) = parts.first()
        {
            let images: String = self.waiting.take_all().map(|image| image + ",").collect();
            if !images.is_empty() {
                edits.replace(&first[..0], images);
            }
        }
        Ok(())
    }

    /// Content that is a string, or null.
    fn string(&mut self, content: &str) {
        if let Some(refusal) = self.refusal_as_text() {
            let said = conversation::text(self.message, "content").filter(|text| !text.is_empty());
            let text = match said {
                None => refusal.to_owned(),
                Some(said) => {
                    let refusal = conversation::text(self.message, "refusal").unwrap_or_default();
                    quote(&format!("{said}\n\n{refusal}"))
                }
            };
            self.edit.set("content", text);
            return;
        }
        if matches!(content, "null" | "\"\"")
            && let Some(text) = self.speech_as_text()
        {
            self.edit.set("content", text);
            return;
        }
        if content == "null" {
            if self.role == "assistant" && self.nothing() != "null" {
                self.edit.set("content", "\"\"");
            }
            return;
        }
        if !self.joined.is_empty() {
            let text = conversation::text(self.message, "content").unwrap_or_default();
            let text = self.with_instructions(text.into_owned());
            self.edit.set("content", text);
        } else if self.role == "user" {
            let images: Vec<String> = self.waiting.take_all().collect();
            if !images.is_empty() {
                let images = images.join(",");
                let text = format!("{{\"type\":\"text\",\"text\":{content}}}");
                self.edit.set("content", format!("[{images},{text}]"));
            }
        }
    }

    /// What stands for no content of an assistant's: null only beside something that stands for itself and goes
    /// out.
    pub(super) fn nothing(&self) -> &'static str {
        let said = ["tool_calls", "function_call", "refusal", "audio"].iter();
        let dropped = &self.rules.quirks.drop_message_fields;
        let mut goes_out = said.filter(|name| !dropped.iter().any(|field| field == *name));
        let stands_for_itself =
            goes_out.any(|name| self.message.present(name).is_some_and(|json| json != "[]"));
        match self.rules.quirks.null_content && stands_for_itself {
            true => "null",
            false => "\"\"",
        }
    }

    /// What the model refused in this turn, as a JSON string, where the provider has no place for it; it is
    /// noted that it moves.
    pub(super) fn refusal_as_text(&mut self) -> Option<&'a str> {
        if self.role != "assistant" || !drops_refusals(self.rules.quirks) {
            return None;
        }
        let refusal = self.message.present("refusal").filter(|text| *text != "\"\"")?;
        self.moved_refusal = true;
        Some(refusal)
    }

    /// What the model spoke in this turn, as a JSON string, where the provider has no place for sound; it is noted
    /// that it moves.
    pub(super) fn speech_as_text(&mut self) -> Option<&'a str> {
        let dropped = &self.rules.quirks.drop_message_fields;
        if self.role != "assistant" || !dropped.iter().any(|field| field == "audio") {
            return None;
        }
        let audio = Object::parse(self.message.present("audio")?).ok()?;
        let transcript = audio.present("transcript")?;
        if !transcript.starts_with('"') || transcript == "\"\"" {
            return None;
        }
        self.moved_speech = true;
        Some(transcript)
    }

    /// Of an answer that was spoken only its ID goes back: the provider has the rest.
    pub(super) fn named_by_its_id(&mut self, audio: &str) {
        let Ok(audio) = Object::parse(audio) else { return };
        if let Some(id) = audio.present("id").filter(|_| audio.members().len() > 1) {
            self.edit.set("audio", format!("{{\"id\":{id}}}"));
        }
    }

    /// The text as a JSON string, what joins it included.
    fn with_instructions(&self, text: String) -> String {
        let paragraphs = [&[&*text][..], &*self.joined].concat();
        quote(&paragraphs.join("\n\n"))
    }

    /// Whether images stand here that have to go elsewhere.
    fn takes_images_out(&self) -> bool {
        let (traits, quirks) = (self.rules.traits, self.rules.quirks);
        match self.role {
            "assistant" => traits.assistant_images && !quirks.foreign_state,
            "tool" => traits.result_images && !quirks.tool_result_media,
            _ => false,
        }
    }

    /// Writes the parts anew without images, which wait for a place.
    fn without_images(&mut self, parts: &[&'a str]) -> Result<(), Unsupported> {
        let mut kept = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            if is_image(part) {
                match self.role {
                    "assistant" => self.wait_drawn(part),
                    _ => self.wait_result(place, part)?,
                }
                continue;
            }
            let mut edits = Edits::of(part);
            self.part(place, part, &mut edits)?;
            kept.push(edits.finish());
        }
        let content = match (kept.is_empty(), self.role) {
            (false, _) => format!("[{}]", kept.join(",")),
            (true, "assistant") => self.nothing().to_owned(),
            (true, _) => "\"The result is the image in the next message.\"".to_owned(),
        };
        self.edit.set("content", content);
        Ok(())
    }

    /// Edits one part where it stands.
    fn part<'p>(&mut self, place: usize, part: &'p str, edits: &mut Edits<'p>) -> Result<(), Unsupported> {
        let Ok(part) = Object::parse(part) else {
            return Ok(());
        };
        let mut edit = ObjectEdit::of(&part);
        for (index, member) in part.members().iter().enumerate() {
            match &*member.name {
                _ if member.value == "null" => edit.remove(index),
                "cache_control" if !self.rules.quirks.cache_control => edit.remove(index),
                "refusal" if drops_refusals(self.rules.quirks) => {
                    edit.rename(index, "text");
                    edit.set("type", "\"text\"");
                    self.moved_refusal = true;
                }
                "image_url" | "video_url" | "file" if member.value.starts_with('{') => {
                    self.medium(&member.name, place, member.value, edits)?;
                }
                _ => nulls::strip(member.value, edits),
            }
        }
        edit.finish(edits);
        Ok(())
    }
}

fn is_image(part: &str) -> bool {
    Object::parse(part).is_ok_and(|part| part.get("type") == Some("\"image_url\""))
}

fn is_refusal(part: &str) -> bool {
    Object::parse(part).is_ok_and(|part| part.get("type") == Some("\"refusal\""))
}

/// Whether a part bears a mark for the prompt cache.
fn is_marked(part: &str) -> bool {
    Object::parse(part).is_ok_and(|part| part.present("cache_control").is_some())
}

/// The texts of parts that are all text, a line each.
fn joined_text(parts: &[&str]) -> Option<String> {
    let mut texts = Vec::new();
    for part in parts {
        let part = Object::parse(part).ok()?;
        let kind: String = part.read("type")?;
        texts.push(match &*kind {
            "text" => part.read::<String>("text")?,
            "refusal" => part.read::<String>("refusal")?,
            _ => return None,
        });
    }
    Some(texts.join("\n"))
}
