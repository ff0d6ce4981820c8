//! Writes a conversation the way the model was trained to read it, by the file's own chat template.
//!
//! The template sees a mark in the place of each message's text, never the text itself. So what
//! users write cannot act as template or control tokens, and what the template adds is known apart.
//! At the seams the two sides are tokenised separately; this differs from tokenising the whole only
//! where a message begins with white space.

use minijinja::value::Value;
use minijinja::{Environment, context};

use crate::prompt::Role;

/// Noncharacters, which no template contains: they enclose the index of a message.
const OPEN: char = '\u{FDD0}';
const CLOSE: char = '\u{FDD1}';

/// A chat template that cannot be read, or that does not take this conversation.
#[derive(Debug, thiserror::Error)]
#[error("the model's chat template failed: {0}")]
pub struct TemplateError(#[from] minijinja::Error);

/// A piece of a conversation as the model reads it.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// Text of the template; names of control tokens in it are meant.
    Template(String),
    /// The text of the message with this index.
    Message(usize),
}

pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
}

const NAME: &str = "chat";

impl ChatTemplate {
    /// Reads a Jinja template as `tokenizer.chat_template` holds it.
    pub(crate) fn new(source: String) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        // Chat templates are written for these two.
        environment.set_syntax(
            minijinja::syntax::SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        environment.add_template_owned(NAME, source)?;
        Ok(Self { environment })
    }

    /// The pieces of a conversation up to where the answer begins.
    pub(crate) fn render(&self, roles: &[Role]) -> Result<Vec<Piece>, TemplateError> {
        let messages: Value = roles
            .iter()
            .enumerate()
            .map(|(index, role)| {
                context! { role => role.name(), content => format!("{OPEN}{index}{CLOSE}") }
            })
            .collect();
        let text = self
            .environment
            .get_template(NAME)?
            .render(context! { messages => messages, add_generation_prompt => true })?;
        Ok(split(&text))
    }
}

fn split(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in text.split_inclusive(CLOSE) {
        let mark = part.split_once(OPEN).and_then(|(before, index)| {
            let index = index.strip_suffix(CLOSE)?.parse().ok()?;
            Some((before, index))
        });
        let (before, message) = mark.map_or((part, None), |(text, index)| (text, Some(index)));
        if !before.is_empty() {
            pieces.push(Piece::Template(before.to_owned()));
        }
        pieces.extend(message.map(Piece::Message));
    }
    pieces
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
