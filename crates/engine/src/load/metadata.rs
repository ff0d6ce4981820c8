//! What a GGUF file says about its model, by the names that GGUF gives the fields.

use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;

use super::LoadError;
use crate::forward::Sizes;
use crate::matrix::BLOCK;
use crate::tokenizer::Vocabulary;

/// The kind of token that GGUF calls "control" (`LLAMA_TOKEN_TYPE_CONTROL`).
const CONTROL: i64 = 3;

/// More than this no table of positions is made for.
const LONGEST_WINDOW: usize = 1 << 20;

pub(super) struct Metadata<'a>(pub(super) &'a HashMap<String, Value>);

impl<'a> Metadata<'a> {
    pub(super) fn sizes(&self) -> Result<Sizes, LoadError> {
        let architecture = self.text("general.architecture")?;
        if architecture != "llama" {
            return Err(unsupported("architecture", architecture));
        }
        let sizes = Sizes {
            layers: self.count("llama.block_count")?,
            width: self.count("llama.embedding_length")?,
            heads: self.count("llama.attention.head_count")?,
            kv_heads: self.count("llama.attention.head_count_kv")?,
            feed_forward: self.count("llama.feed_forward_length")?,
            vocabulary: self.list("tokenizer.ggml.tokens")?.len(),
            window: self.count("llama.context_length")?,
            epsilon: self.number("llama.attention.layer_norm_rms_epsilon")?,
        };
        let heads_fit = sizes.width.is_multiple_of(sizes.heads)
            && sizes.heads.is_multiple_of(sizes.kv_heads)
            // Whole vectors of the widest kind.
            && sizes.head().is_multiple_of(16);
        let blocks_fit = sizes.width.is_multiple_of(BLOCK) && sizes.feed_forward.is_multiple_of(BLOCK);
        if !heads_fit || !blocks_fit || sizes.window > LONGEST_WINDOW {
            return Err(unsupported("set of sizes", &format!("{sizes:?}")));
        }
        let turned = self.count("llama.rope.dimension_count")?;
        if turned != sizes.head() {
            return Err(unsupported("number of turned dimensions", &turned.to_string()));
        }
        Ok(sizes)
    }

    pub(super) fn rope_base(&self) -> Result<f32, LoadError> {
        self.number("llama.rope.freq_base")
    }

    pub(super) fn vocabulary(&self) -> Result<Vocabulary, LoadError> {
        for (field, what, known) in [
            ("tokenizer.ggml.model", "tokenizer", "gpt2"),
            ("tokenizer.ggml.pre", "pre-tokenizer", "smollm"),
        ] {
            let found = self.text(field)?;
            if found != known {
                return Err(unsupported(what, found));
            }
        }
        let kinds = self.list("tokenizer.ggml.token_type")?;
        let tokens = self.texts("tokenizer.ggml.tokens")?;
        if kinds.len() != tokens.len() {
            return Err(missing("tokenizer.ggml.token_type", "as long as the vocabulary"));
        }
        let is_control = |kind: &Value| integer(kind) == Some(CONTROL);
        let control = (0..)
            .zip(kinds)
            .filter(|(_, kind)| is_control(kind))
            .map(|(id, _)| id);
        Ok(Vocabulary {
            tokens,
            merges: self.texts("tokenizer.ggml.merges")?,
            control: control.collect(),
        })
    }

    pub(super) fn text(&self, field: &str) -> Result<&'a str, LoadError> {
        match self.0.get(field) {
            Some(Value::String(text)) => Ok(text),
            _ => Err(missing(field, "a text")),
        }
    }

    fn texts(&self, field: &str) -> Result<Vec<String>, LoadError> {
        let text = |value: &Value| value.to_string().ok().cloned();
        let texts: Option<_> = self.list(field)?.iter().map(text).collect();
        texts.ok_or_else(|| missing(field, "a list of texts"))
    }

    fn list(&self, field: &str) -> Result<&'a [Value], LoadError> {
        match self.0.get(field) {
            Some(Value::Array(values)) => Ok(values),
            _ => Err(missing(field, "a list")),
        }
    }

    /// A whole number of at least one.
    fn count(&self, field: &str) -> Result<usize, LoadError> {
        let number = self.0.get(field).and_then(integer);
        let count = number
            .and_then(|number| usize::try_from(number).ok())
            .filter(|count| *count > 0);
        count.ok_or_else(|| missing(field, "a whole number above zero"))
    }

    fn number(&self, field: &str) -> Result<f32, LoadError> {
        match self.0.get(field) {
            Some(Value::F32(number)) if number.is_finite() => Ok(*number),
            _ => Err(missing(field, "a number")),
        }
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::U8(n) => Some(i64::from(*n)),
        Value::I8(n) => Some(i64::from(*n)),
        Value::U16(n) => Some(i64::from(*n)),
        Value::I16(n) => Some(i64::from(*n)),
        Value::U32(n) => Some(i64::from(*n)),
        Value::I32(n) => Some(i64::from(*n)),
        Value::U64(n) => i64::try_from(*n).ok(),
        Value::I64(n) => Some(*n),
        Value::F32(_) | Value::F64(_) | Value::Bool(_) | Value::String(_) | Value::Array(_) => None,
    }
}

fn missing(field: &str, expected: &'static str) -> LoadError {
    LoadError::Field {
        field: field.to_owned(),
        expected,
    }
}

fn unsupported(what: &'static str, found: &str) -> LoadError {
    LoadError::Unsupported {
        what,
        found: found.to_owned(),
    }
}
