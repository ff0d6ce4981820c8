//! Why a benchmark gives no figures.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Something without which there is nothing to measure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("{} is not there; build it with `cargo build --release -p {package}`", path.display())]
    NotBuilt { path: PathBuf, package: &'static str },
    #[error(
        "there is no nginx: it is not on PATH, and Debian's package could not be unpacked \
         ({reason}); install it, or name one with --nginx"
    )]
    NoNginx { reason: String },
    #[error("one core for the gate and one for the load are needed, and only {cores} may be used")]
    TooFewCores { cores: usize },
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the process ID {id} cannot be read from the kernel: {error}")]
    Accounting { id: u32, error: io::Error },
    #[error("{name} does not start: {reason}")]
    NotStarted { name: &'static str, reason: String },
    #[error("{target}: {error}")]
    Load {
        target: &'static str,
        #[source]
        error: LoadError,
    },
    #[error("{target}: only {open} of {asked} streams opened within {limit:?}")]
    StreamsMissing {
        target: &'static str,
        open: usize,
        asked: usize,
        limit: Duration,
    },
    #[error("{target}: nothing was answered in {window:?}")]
    NothingAnswered { target: &'static str, window: Duration },
    #[error("{}: there are no lines {start:?} and {end:?} to write between", path.display())]
    NoMarks {
        path: PathBuf,
        start: &'static str,
        end: &'static str,
    },
    #[error("interrupted; everything that was started has been ended")]
    Interrupted,
}

impl BenchError {
    pub(crate) fn file(path: impl AsRef<Path>, error: io::Error) -> Self {
        Self::File {
            path: path.as_ref().to_owned(),
            error,
        }
    }
}

/// Why one request has no proper answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("the connection failed: {0}")]
    Connection(#[from] io::Error),
    #[error("the connection closed inside an answer")]
    Closed,
    #[error("answered {head:?} with {body:?}")]
    Refused { head: String, body: String },
    #[error("an answer that is not HTTP: {head:?}")]
    NotHttp { head: String },
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
}
