//! Rewrites a model's matrices in blocks of eight-bit integers (`Q8_0`), leaving all else as it is.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use candle_core::Device;
use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};

use super::{Progress, PullError, Stage, disk};

/// What GGUF calls a file of mostly `Q8_0` (`LLAMA_FTYPE_MOSTLY_Q8_0`).
const FILE_TYPE: Value = Value::U32(7);

/// Reads the model at `from` and writes it to `to`.
///
/// The same model always gives the same bytes: fields and tensors are written in order of name.
pub(crate) fn to_eight_bits(from: &Path, to: &Path, progress: &dyn Progress) -> Result<(), PullError> {
    let convert = |source| PullError::Convert {
        path: from.to_owned(),
        source,
    };
    let mut reader = BufReader::new(File::open(from).map_err(disk(from))?);
    let mut content = Content::read(&mut reader).map_err(convert)?;
    content.metadata.insert("general.file_type".to_owned(), FILE_TYPE);

    let mut names: Vec<_> = content.tensor_infos.keys().map(String::as_str).collect();
    names.sort_unstable();
    progress.begin(Stage::Convert, Some(names.len() as u64));
    let mut tensors = Vec::with_capacity(names.len());
    for name in names {
        let tensor = content
            .tensor(&mut reader, name, &Device::Cpu)
            .and_then(eight_bits)
            .map_err(convert)?;
        tensors.push((name, tensor));
        progress.advance(tensors.len() as u64);
    }

    let mut metadata: Vec<_> = content
        .metadata
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    metadata.sort_unstable_by_key(|(name, _)| *name);
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut writer = BufWriter::new(File::create(to).map_err(disk(to))?);
    gguf_file::write(&mut writer, &metadata, &tensors).map_err(convert)?;
    writer.flush().map_err(disk(to))?;
    progress.end();
    Ok(())
}

/// Vectors (weights of norms) and what has eight bits already stay.
fn eight_bits(tensor: QTensor) -> candle_core::Result<QTensor> {
    if tensor.rank() < 2 || tensor.dtype() == GgmlDType::Q8_0 {
        return Ok(tensor);
    }
    QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::Q8_0)
}
