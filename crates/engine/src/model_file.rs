//! The model as it lies on disk: one GGUF file, and beside it a note of what the file must be.
//!
//! The note is written last and makes the pair complete. Without it, or with another length, the
//! file counts as damaged; its hash is compared when it is loaded.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where `tollgate models pull` keeps the model, below the data directory.
const FILE_NAME: &str = "smollm2-135m-instruct.q8_0.gguf";

/// Where the embedded model lies in a data directory.
pub fn path_in(data_dir: &Path) -> PathBuf {
    data_dir.join("models").join(FILE_NAME)
}

/// What is known about a stored model without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Present {
        path: PathBuf,
        bytes: u64,
    },
    Missing {
        path: PathBuf,
    },
    /// `reason` completes the sentence "the file ...".
    Damaged {
        path: PathBuf,
        reason: String,
    },
}

/// What a stored model must be, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    pub(crate) model: String,
    pub(crate) license: String,
    /// Package or file that it was made from.
    pub(crate) source: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// The note's path: the model's, with `json` at the end.
fn note_path(model: &Path) -> PathBuf {
    model.with_extension("json")
}

/// Tells one content of a file from the next, as far as that can be told without reading it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    modified: Option<SystemTime>,
    bytes: u64,
}

impl FileStamp {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self {
            modified: metadata.modified().ok(),
            bytes: metadata.len(),
        })
    }
}

/// Looks whether a model is there and has the length that it must have.
pub fn presence(path: &Path) -> io::Result<Presence> {
    let path = path.to_owned();
    let bytes = match std::fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Presence::Missing { path }),
        Err(error) => return Err(error),
    };
    Ok(match read_note(&path)? {
        None => {
            let reason = match note_path(&path).exists() {
                true => "has a note beside it that cannot be read",
                false => "has no note beside it",
            };
            Presence::Damaged {
                path,
                reason: reason.to_owned(),
            }
        }
        Some(note) if note.bytes != bytes => {
            let reason = format!("has {bytes} bytes instead of {}", note.bytes);
            Presence::Damaged { path, reason }
        }
        Some(_) => Presence::Present { path, bytes },
    })
}

/// As [`presence`], and reads the whole file to compare its hash; some tenths of a second.
pub fn examine(path: &Path) -> io::Result<Presence> {
    let found = presence(path)?;
    let (Presence::Present { path, .. }, Some(note)) = (&found, read_note(path)?) else {
        return Ok(found);
    };
    let (_, sha256) = hash(File::open(path)?, |_| {})?;
    Ok(match sha256 == note.sha256 {
        true => found,
        false => Presence::Damaged {
            path: path.clone(),
            reason: wrong_hash(&sha256),
        },
    })
}

/// What is wrong with a file of this hash, as words after "the file".
pub(crate) fn wrong_hash(found: &str) -> String {
    format!("has the SHA-256 {found}, which is not the one it was stored with")
}

/// The note of a model; `None` where there is none that can be read as one.
pub(crate) fn read_note(model: &Path) -> io::Result<Option<Note>> {
    match std::fs::read(note_path(model)) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves a finished file to its place and writes its note, so that a crash leaves either a whole
/// model or none.
pub(crate) fn keep(finished: &Path, model: &Path, note: &Note) -> io::Result<()> {
    let note_path = note_path(model);
    let directory = model.parent().unwrap_or(Path::new("."));
    File::open(finished)?.sync_all()?;
    // An old note must not vouch for a new file.
    match std::fs::remove_file(&note_path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::rename(finished, model)?;
    let unfinished = note_path.with_extension("json.new");
    let mut file = File::create(&unfinished)?;
    serde_json::to_writer_pretty(&mut file, note)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(&unfinished, &note_path)?;
    // The two names are on disk only when the directory is.
    File::open(directory)?.sync_all()
}

/// Length and SHA-256 of all that `reader` gives; `watch` hears how many bytes came so far.
pub(crate) fn hash(mut reader: impl Read, mut watch: impl FnMut(u64)) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex(&hasher.finalize()))),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..read]);
        bytes += read as u64;
        watch(bytes);
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
