//! Recorded provider traffic: real requests with what the provider answered, to the byte.
//!
//! The recordings are not part of the repository; the variable [`RECORDINGS`] names the folder that
//! has them (gzip'd JSON Lines, `<api>.jsonl.gz` where the API's own provider answered and
//! `<api>-<provider>.jsonl.gz` elsewhere, one exchange a line). A clone without them says so and
//! goes on; a folder that cannot be read fails the test.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::skipped::skipped;

/// The environment variable that names the folder with the recordings.
pub const RECORDINGS: &str = "TOLLGATE_RECORDINGS";

/// One exchange with a provider.
#[derive(Clone, Debug, Deserialize)]
pub struct Recording {
    /// Stable; names the recording in a test's message.
    pub id: String,
    /// Who answered.
    pub provider: String,
    /// The wire protocol, such as `openai-chat`.
    pub api: String,
    /// What the whole recorded test was about; `tags` say it better.
    pub scenario: String,
    /// What this exchange exercises, such as `toolcall`, `think`, `finish:stop`.
    pub tags: Vec<String>,
    /// The model asked for, or the one that answered.
    pub model: Option<String>,
    /// Whether a stream was asked for; an error answer to that is plain JSON.
    #[serde(default)]
    pub stream: bool,
    /// `None` where only the answer is known.
    pub request: Option<RecordedRequest>,
    pub response: RecordedResponse,
    pub fidelity: Fidelity,
    /// Only without a request: whether the SSE frame was recorded or put back.
    pub framing: Option<String>,
    /// Whether the stream stops before its protocol's end.
    #[serde(default)]
    pub cut: bool,
    /// Whether an ID, path or address was replaced in a body.
    #[serde(default)]
    pub scrubbed: bool,
}

/// What was asked.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedRequest {
    pub method: String,
    /// With the query, without the host.
    pub path: String,
    pub body: Value,
}

/// What was answered.
#[derive(Clone, Debug, Deserialize)]
pub struct RecordedResponse {
    pub status: u16,
    /// Names in lower case; only a few are kept.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// As it came, transfer and content encodings undone.
    #[serde(deserialize_with = "body")]
    pub body: Bytes,
}

/// How true the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fidelity {
    /// The provider's own bytes.
    Raw,
    /// JSON that was parsed and written again: key order, white space and number spelling are not
    /// the provider's.
    Reserialised,
}

impl Recording {
    /// Whether it carries this tag.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }

    /// Whether a stream came, and not an error instead of one.
    pub fn is_stream(&self) -> bool {
        let content_type = self.response.headers.get("content-type");
        self.stream
            && self.response.status < 400
            && content_type.is_none_or(|value| !value.starts_with("application/json"))
    }
}

/// Why the recordings cannot be read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}, line {line}: {error}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        error: serde_json::Error,
    },
}

/// The recordings of one wire protocol, of every provider that speaks it, in a stable order; or of
/// one provider, as `openai-chat-deepseek`. `None`, with a loud line, where there are none at hand.
///
/// # Panics
/// Where the folder is named and cannot be read, or has no such file.
pub fn recordings(api: &str) -> Option<Vec<Recording>> {
    let Some(folder) = std::env::var_os(RECORDINGS) else {
        skipped(RECORDINGS, "no recorded provider traffic is replayed");
        return None;
    };
    let recordings = read_folder(Path::new(&folder), api)
        .unwrap_or_else(|unreadable| panic!("{RECORDINGS}: {unreadable}"));
    assert!(
        !recordings.is_empty(),
        "{RECORDINGS}: nothing for {api} in {folder:?}"
    );
    Some(recordings)
}

fn read_folder(folder: &Path, api: &str) -> Result<Vec<Recording>, Unreadable> {
    let failed = |error| Unreadable::File {
        path: folder.to_owned(),
        error,
    };
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let stem = name.and_then(|name| name.strip_suffix(".jsonl.gz"));
        let rest = stem.and_then(|stem| stem.strip_prefix(api));
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut recordings = Vec::new();
    for path in paths {
        recordings.extend(read_file(&path)?);
    }
    Ok(recordings)
}

fn read_file(path: &Path) -> Result<Vec<Recording>, Unreadable> {
    let failed = |error| Unreadable::File {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(failed)?;
    let mut recordings = Vec::new();
    for (line, number) in BufReader::new(GzDecoder::new(file)).lines().zip(1..) {
        let line = line.map_err(failed)?;
        let recording = serde_json::from_str(&line).map_err(|error| Unreadable::Line {
            path: path.to_owned(),
            line: number,
            error,
        })?;
        recordings.push(recording);
    }
    Ok(recordings)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenBody {
    Text(String),
    Base64 { base64: String },
}

fn body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    match WrittenBody::deserialize(deserializer)? {
        WrittenBody::Text(text) => Ok(Bytes::from(text)),
        WrittenBody::Base64 { base64 } => STANDARD
            .decode(base64)
            .map(Bytes::from)
            .map_err(serde::de::Error::custom),
    }
}
