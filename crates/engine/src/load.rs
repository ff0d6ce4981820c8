//! Reads a stored model: checks the file, then takes sizes, weights, vocabulary and template out.
//!
//! Whatever a file claims is checked here, so that the arithmetic can rely on it.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::{GgmlDType, QTensor};

use crate::forward::{Layer, Llama, Rope, Sizes};
use crate::matrix::{BLOCK, Block, Matrix};
use crate::model_file::{self, Presence};
use crate::template::{ChatTemplate, TemplateError};
use crate::tokenizer::{Tokenizer, TokenizerError};
use metadata::Metadata;

mod metadata;

/// Why the embedded model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("there is no model at {}", path.display())]
    Missing { path: PathBuf },
    /// Pulling the model again mends it.
    #[error("{} is damaged: it {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the file is no GGUF model")]
    Gguf(#[from] candle_core::Error),
    #[error("the model's field {field} is missing or not {expected}")]
    Field { field: String, expected: &'static str },
    #[error("the model's {what} is {found}, which this engine cannot run")]
    Unsupported { what: &'static str, found: String },
    #[error("the model's tensor {name} has the shape {found:?} instead of {expected:?}")]
    Shape {
        name: String,
        expected: Vec<usize>,
        found: Vec<usize>,
    },
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// How the model reads and writes text.
pub(crate) struct Language {
    pub(crate) tokenizer: Tokenizer,
    pub(crate) template: ChatTemplate,
}

/// Reads only how the model reads and writes text; its hash is not compared.
pub(crate) fn language(path: &Path) -> Result<Language, LoadError> {
    let file = open(path)?;
    let source = Source::read_head(file)?;
    let metadata = Metadata(&source.content.metadata);
    Ok(Language {
        tokenizer: Tokenizer::new(metadata.vocabulary()?)?,
        template: ChatTemplate::new(metadata.text("tokenizer.chat_template")?.to_owned())?,
    })
}

/// Reads the weights, after comparing the file's hash with the note beside it.
pub(crate) fn llama(path: &Path) -> Result<Llama, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = open(path)?;
    let note = model_file::read_note(path).map_err(unreadable)?;
    let (_, sha256) = model_file::hash(&file, |_| {}).map_err(unreadable)?;
    if note.is_none_or(|note| note.sha256 != sha256) {
        let reason = model_file::wrong_hash(&sha256);
        return Err(LoadError::Damaged {
            path: path.to_owned(),
            reason,
        });
    }
    Source::read_head(file)?.llama()
}

fn open(path: &Path) -> Result<File, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    match model_file::presence(path).map_err(unreadable)? {
        Presence::Present { path, .. } => File::open(&path).map_err(unreadable),
        Presence::Missing { path } => Err(LoadError::Missing { path }),
        Presence::Damaged { path, reason } => Err(LoadError::Damaged { path, reason }),
    }
}

/// An open model file whose head has been read.
struct Source {
    content: Content,
    reader: BufReader<File>,
}

impl Source {
    fn read_head(mut file: File) -> Result<Self, LoadError> {
        // Hashing may have read to the end.
        file.rewind().map_err(candle_core::Error::from)?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let content = Content::read(&mut reader)?;
        Ok(Self { content, reader })
    }

    fn llama(mut self) -> Result<Llama, LoadError> {
        let metadata = Metadata(&self.content.metadata);
        let sizes = metadata.sizes()?;
        let rope = Rope::new(sizes.head(), sizes.window, metadata.rope_base()?);
        let layers = (0..sizes.layers).map(|index| self.layer(index, &sizes));
        let layers = layers.collect::<Result<_, _>>()?;
        let output = match self.content.tensor_infos.contains_key("output.weight") {
            true => Some(self.matrix("output.weight", sizes.vocabulary, sizes.width)?),
            false => None,
        };
        Ok(Llama {
            embedding: self.matrix("token_embd.weight", sizes.vocabulary, sizes.width)?,
            layers,
            final_norm: self.numbers("output_norm.weight", &[sizes.width])?,
            output,
            rope,
            sizes,
        })
    }

    fn layer(&mut self, index: usize, sizes: &Sizes) -> Result<Layer, LoadError> {
        let Sizes {
            width, feed_forward, ..
        } = *sizes;
        let kv_width = sizes.kv_width();
        let name = |part: &str| format!("blk.{index}.{part}.weight");
        Ok(Layer {
            attention_norm: self.numbers(&name("attn_norm"), &[width])?,
            query_key_value: Matrix::stack(vec![
                self.matrix(&name("attn_q"), width, width)?,
                self.matrix(&name("attn_k"), kv_width, width)?,
                self.matrix(&name("attn_v"), kv_width, width)?,
            ]),
            attention_output: self.matrix(&name("attn_output"), width, width)?,
            feed_forward_norm: self.numbers(&name("ffn_norm"), &[width])?,
            gate_up: Matrix::stack(vec![
                self.matrix(&name("ffn_gate"), feed_forward, width)?,
                self.matrix(&name("ffn_up"), feed_forward, width)?,
            ]),
            down: self.matrix(&name("ffn_down"), width, feed_forward)?,
        })
    }

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<QTensor, LoadError> {
        let tensor = self.content.tensor(&mut self.reader, name, &Device::Cpu)?;
        if tensor.shape().dims() != shape {
            return Err(LoadError::Shape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape().dims().to_vec(),
            });
        }
        Ok(tensor)
    }

    fn numbers(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let tensor = self.tensor(name, shape)?.dequantize(&Device::Cpu)?;
        Ok(tensor.flatten_all()?.to_vec1()?)
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix, LoadError> {
        let tensor = self.tensor(name, &[rows, columns])?;
        if tensor.dtype() != GgmlDType::Q8_0 {
            let found = format!("{:?}", tensor.dtype());
            return Err(LoadError::Unsupported {
                what: "kind of weights",
                found,
            });
        }
        let data = tensor.data()?;
        // A block is its scale as a 16-bit float, then 32 signed bytes (GGML, `block_q8_0`).
        let (blocks, _) = data.as_chunks::<{ BLOCK + 2 }>();
        let blocks = blocks.iter().map(|[low, high, quants @ ..]| {
            let scale = half::f16::from_le_bytes([*low, *high]).to_f32();
            Block::new(scale, quants.map(|quant| quant as i8))
        });
        Ok(Matrix::from_blocks(rows, blocks.collect()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
pub(crate) mod tests;
