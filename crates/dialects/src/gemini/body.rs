//! The request as Gemini writes it.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::{RawValue, to_raw_value};

#[derive(Debug)]
pub(super) struct Body<'a> {
    /// Empty: there are none.
    pub system_instruction: Vec<Part<'a>>,
    pub contents: Vec<Content<'a>>,
    /// Empty: there are none.
    pub tools: Vec<Box<RawValue>>,
    pub tool_config: Option<Box<RawValue>>,
    pub generation_config: Members,
    /// Further members, as the catalogue gives them.
    pub others: Members,
}

/// Members of an object, in order.
#[derive(Debug, Default)]
pub(super) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// Sets a member, in its place where it is there.
    pub fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets a member to what serialises as JSON.
    pub fn put(&mut self, name: &str, value: impl Serialize) {
        // Numbers and texts always do.
        if let Ok(raw) = to_raw_value(&value) {
            self.set(name, raw);
        }
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Instruction<'p, 'a> {
            parts: &'p [Part<'a>],
        }

        let mut body = serializer.serialize_map(None)?;
        if !self.system_instruction.is_empty() {
            let parts = &self.system_instruction;
            body.serialize_entry("systemInstruction", &Instruction { parts })?;
        }
        body.serialize_entry("contents", &self.contents)?;
        if !self.tools.is_empty() {
            body.serialize_entry("tools", &self.tools)?;
        }
        if let Some(config) = &self.tool_config {
            body.serialize_entry("toolConfig", config)?;
        }
        if !self.generation_config.0.is_empty() {
            body.serialize_entry("generationConfig", &self.generation_config)?;
        }
        for (name, value) in &self.others.0 {
            body.serialize_entry(name, value)?;
        }
        body.end()
    }
}

/// What one side says in one turn.
#[derive(Debug, Serialize)]
pub(super) struct Content<'a> {
    pub role: Role,
    pub parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Model,
}

/// Text, a medium, a call or a result, and what stands beside it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_metadata: Option<VideoMetadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<FunctionCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response: Option<FunctionResponse<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    pub mime_type: Cow<'a, str>,
    /// Base64.
    pub data: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    pub mime_type: Cow<'a, str>,
    pub file_uri: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
pub(super) struct VideoMetadata {
    pub fps: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionCall<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    pub name: String,
    /// An object.
    pub args: Box<RawValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct FunctionResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Cow<'a, str>>,
    pub name: String,
    /// An object.
    pub response: Box<RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    pub fn blob(mime_type: Cow<'a, str>, data: Cow<'a, str>) -> Self {
        Self {
            inline_data: Some(Blob { mime_type, data }),
            ..Self::default()
        }
    }

    pub fn file(mime_type: Cow<'a, str>, file_uri: Cow<'a, str>) -> Self {
        Self {
            file_data: Some(FileData { mime_type, file_uri }),
            ..Self::default()
        }
    }
}

/// A tool that the model may call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Declaration<'a> {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// JSON Schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters_json_schema: Option<Box<RawValue>>,
    /// OpenAPI's part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Box<RawValue>>,
}
