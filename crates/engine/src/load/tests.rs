use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::{Shape, Tensor};
use tempfile::TempDir;

use super::*;
use crate::model_file::Note;
use crate::tokenizer::tests::small_vocabulary;

pub(crate) const TINY: Sizes = Sizes {
    layers: 2,
    width: 64,
    heads: 4,
    kv_heads: 2,
    feed_forward: 96,
    vocabulary: 264,
    window: 256,
    epsilon: 1e-5,
};

pub(crate) const TINY_TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m['role'] + '\n' + \
     m['content'] + '<|im_end|>' + '\n' }}{% endfor %}{{ '<|im_start|>assistant\n' }}";

/// A model with weights that only look random, stored the way `pull` stores one.
pub(crate) struct TinyModel {
    directory: TempDir,
}

impl TinyModel {
    pub(crate) fn new() -> Self {
        Self::with_fields(&[])
    }

    /// Some fields other than they should be.
    pub(crate) fn with_fields(changed: &[(&str, Value)]) -> Self {
        let model = Self {
            directory: TempDir::new().expect("a directory for temporary files"),
        };
        let unfinished = model.directory.path().join("unfinished");
        write_tiny(&unfinished, changed);
        let file = File::open(&unfinished).expect("just written");
        let (bytes, sha256) = model_file::hash(file, |_| {}).expect("just written");
        let text = || "tiny".to_owned();
        let note = Note {
            model: text(),
            license: text(),
            source: text(),
            bytes,
            sha256,
        };
        model_file::keep(&unfinished, &model.path(), &note).expect("the directory is ours");
        model
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("tiny.gguf")
    }
}

fn write_tiny(path: &Path, changed: &[(&str, Value)]) {
    let text = |text: &str| Value::String(text.to_owned());
    let count = |count: usize| Value::U32(count as u32);
    let vocabulary = small_vocabulary();
    let kinds = (0..vocabulary.tokens.len() as u32)
        .map(|id| Value::I32(if vocabulary.control.contains(&id) { 3 } else { 1 }));
    let texts = |texts: &[String]| Value::Array(texts.iter().cloned().map(Value::String).collect());
    let mut fields = vec![
        ("general.architecture", text("llama")),
        ("llama.block_count", count(TINY.layers)),
        ("llama.context_length", count(TINY.window)),
        ("llama.embedding_length", count(TINY.width)),
        ("llama.feed_forward_length", count(TINY.feed_forward)),
        ("llama.attention.head_count", count(TINY.heads)),
        ("llama.attention.head_count_kv", count(TINY.kv_heads)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(TINY.epsilon)),
        ("llama.rope.dimension_count", count(TINY.head())),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.pre", text("smollm")),
        ("tokenizer.ggml.tokens", texts(&vocabulary.tokens)),
        ("tokenizer.ggml.merges", texts(&vocabulary.merges)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
        ("tokenizer.chat_template", text(TINY_TEMPLATE)),
    ];
    for (name, value) in changed {
        fields.retain(|(field, _)| field != name);
        fields.push((name, value.clone()));
    }

    let mut seed = 0;
    let mut tensor = |shape: &[usize], kind| {
        seed += 1;
        let values = crate::matrix::tests::noise(shape.iter().product(), seed);
        let tensor = Tensor::from_vec(values, Shape::from(shape), &Device::Cpu);
        QTensor::quantize(&tensor.expect("the shape fits"), kind).expect("whole blocks")
    };
    let (width, kv_width, feed_forward) = (TINY.width, TINY.kv_width(), TINY.feed_forward);
    let mut tensors = vec![
        (
            "token_embd.weight".to_owned(),
            tensor(&[TINY.vocabulary, width], GgmlDType::Q8_0),
        ),
        ("output_norm.weight".to_owned(), tensor(&[width], GgmlDType::F32)),
    ];
    for layer in 0..TINY.layers {
        for (part, shape, kind) in [
            ("attn_norm", &[width][..], GgmlDType::F32),
            ("attn_q", &[width, width], GgmlDType::Q8_0),
            ("attn_k", &[kv_width, width], GgmlDType::Q8_0),
            ("attn_v", &[kv_width, width], GgmlDType::Q8_0),
            ("attn_output", &[width, width], GgmlDType::Q8_0),
            ("ffn_norm", &[width], GgmlDType::F32),
            ("ffn_gate", &[feed_forward, width], GgmlDType::Q8_0),
            ("ffn_up", &[feed_forward, width], GgmlDType::Q8_0),
            ("ffn_down", &[width, feed_forward], GgmlDType::Q8_0),
        ] {
            tensors.push((format!("blk.{layer}.{part}.weight"), tensor(shape, kind)));
        }
    }
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value)).collect();
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor))
        .collect();
    let mut file = File::create(path).expect("the directory is ours");
    gguf_file::write(&mut file, &fields, &tensors).expect("the directory is ours");
}

fn failure(model: &TinyModel) -> LoadError {
    llama(&model.path())
        .map(|_| ())
        .expect_err("the model is not sound")
}

#[test]
fn a_stored_model_loads_with_the_sizes_that_it_declares() {
    let model = TinyModel::new();
    assert_eq!(llama(&model.path()).expect("the model is sound").sizes, TINY);
    assert!(language(&model.path()).is_ok());
}

#[test]
fn a_model_that_is_not_there_is_missing() {
    let path = TinyModel::new().path();
    assert!(
        matches!(llama(&path), Err(LoadError::Missing { .. })),
        "the directory is gone"
    );
}

#[test]
fn one_changed_byte_is_damage() {
    let model = TinyModel::new();
    let mut file = OpenOptions::new().write(true).open(model.path()).unwrap();
    file.seek(SeekFrom::End(-10)).unwrap();
    file.write_all(&[0xAA, 0x55]).unwrap();
    assert!(matches!(failure(&model), LoadError::Damaged { .. }));
}

#[test]
fn a_file_that_was_cut_short_is_damage() {
    let model = TinyModel::new();
    OpenOptions::new()
        .write(true)
        .open(model.path())
        .unwrap()
        .set_len(1_000)
        .unwrap();
    assert!(matches!(failure(&model), LoadError::Damaged { .. }));
}

#[test]
fn a_file_without_its_note_is_not_trusted() {
    let model = TinyModel::new();
    std::fs::remove_file(model.path().with_extension("json")).unwrap();
    assert!(matches!(failure(&model), LoadError::Damaged { .. }));
}

#[test]
fn another_architecture_is_refused_by_name() {
    let changed = [("general.architecture", Value::String("mamba".to_owned()))];
    let error = failure(&TinyModel::with_fields(&changed));
    assert_eq!(
        error.to_string(),
        "the model's architecture is mamba, which this engine cannot run"
    );
}

#[test]
fn an_unknown_pre_tokenizer_is_refused_rather_than_guessed() {
    let changed = [("tokenizer.ggml.pre", Value::String("qwen2".to_owned()))];
    let model = TinyModel::with_fields(&changed);
    assert!(matches!(
        language(&model.path()),
        Err(LoadError::Unsupported {
            what: "pre-tokenizer",
            ..
        })
    ));
}

#[test]
fn sizes_that_contradict_the_weights_are_refused() {
    let changed = [("llama.feed_forward_length", Value::U32(128))];
    assert!(matches!(
        failure(&TinyModel::with_fields(&changed)),
        LoadError::Shape { .. }
    ));

    let changed = [("llama.attention.head_count", Value::U32(0))];
    assert!(matches!(
        failure(&TinyModel::with_fields(&changed)),
        LoadError::Field { .. }
    ));

    let changed = [("llama.attention.head_count_kv", Value::U32(3))];
    assert!(matches!(
        failure(&TinyModel::with_fields(&changed)),
        LoadError::Unsupported { .. }
    ));
}
