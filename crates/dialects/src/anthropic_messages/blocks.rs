//! Content blocks of a request, and how they are written.

use std::borrow::Cow;

use super::{body::Body, cache::Mark};

#[derive(Debug, Clone, PartialEq)]
pub enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        mark: Option<Mark>,
    },
    Image {
        source: Source<'a>,
        mark: Option<Mark>,
    },
    Document {
        source: Source<'a>,
        title: Option<Cow<'a, str>>,
        mark: Option<Mark>,
    },
    ToolUse {
        id: String,
        name: String,
        /// A JSON object.
        input: Cow<'a, str>,
        mark: Option<Mark>,
    },
    ToolResult {
        id: String,
        content: Vec<Block<'a>>,
        mark: Option<Mark>,
    },
    /// A thought, in the provider's own JSON.
    Thought(Cow<'a, str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    Base64 {
        media_type: Cow<'a, str>,
        data: Cow<'a, str>,
    },
    /// The text of a file.
    PlainText(String),
    Url(Cow<'a, str>),
    /// A file in the provider's storage.
    Stored(Cow<'a, str>),
}

impl<'a> Block<'a> {
    /// A text without a mark.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            mark: None,
        }
    }

    pub fn is_thought(&self) -> bool {
        matches!(self, Self::Thought(_))
    }

    /// The block's mark, where it can have one.
    pub fn mark(&mut self) -> Option<&mut Option<Mark>> {
        match self {
            Self::Text { mark, .. }
            | Self::Image { mark, .. }
            | Self::Document { mark, .. }
            | Self::ToolUse { mark, .. }
            | Self::ToolResult { mark, .. } => Some(mark),
            Self::Thought(_) => None,
        }
    }

    fn write(&self, body: &mut Body<'_>) {
        let mark = match self {
            Self::Thought(json) => return body.json(json),
            Self::Text { text, mark } => {
                body.json(r#"{"type":"text","text":"#);
                body.string(text);
                mark
            }
            Self::Image { source, mark } => {
                body.json(r#"{"type":"image","source":"#);
                source.write(body);
                mark
            }
            Self::Document { source, title, mark } => {
                body.json(r#"{"type":"document","source":"#);
                source.write(body);
                if let Some(title) = title {
                    body.name("title");
                    body.string(title);
                }
                mark
            }
            Self::ToolUse {
                id,
                name,
                input,
                mark,
            } => {
                body.json(r#"{"type":"tool_use","id":"#);
                body.string(id);
                body.name("name");
                body.string(name);
                body.name("input");
                body.json(input);
                mark
            }
            Self::ToolResult { id, content, mark } => {
                body.json(r#"{"type":"tool_result","tool_use_id":"#);
                body.string(id);
                match &**content {
                    [] => {}
                    [Block::Text { text, .. }] => {
                        body.name("content");
                        body.string(text);
                    }
                    blocks => {
                        body.name("content");
                        write_all(blocks, body);
                    }
                }
                mark
            }
        };
        if let Some(mark) = mark {
            body.name("cache_control");
            body.json(mark.json());
        }
        body.json("}");
    }
}

/// Writes a list of blocks.
pub fn write_all(blocks: &[Block<'_>], body: &mut Body<'_>) {
    for (index, block) in blocks.iter().enumerate() {
        body.json(if index == 0 { "[" } else { "," });
        block.write(body);
    }
    body.json(if blocks.is_empty() { "[]" } else { "]" });
}

impl Source<'_> {
    fn write(&self, body: &mut Body<'_>) {
        match self {
            Self::Base64 { media_type, data } => {
                body.json(r#"{"type":"base64","media_type":"#);
                body.string(media_type);
                body.name("data");
                body.string(data);
            }
            Self::PlainText(text) => {
                body.json(r#"{"type":"text","media_type":"text/plain","data":"#);
                body.string(text);
            }
            Self::Url(url) => {
                body.json(r#"{"type":"url","url":"#);
                body.string(url);
            }
            Self::Stored(id) => {
                body.json(r#"{"type":"file","file_id":"#);
                body.string(id);
            }
        }
        body.json("}");
    }
}
