//! The data directory belongs to one serving process at a time.
//!
//! A lock of the operating system on `tollgate.lock`, which goes when its holder goes, however that
//! comes about. The file stays behind and means nothing by itself. The command line does not take
//! the lock: it works on the database beside a running gate.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
};

const LOCK_FILE: &str = "tollgate.lock";

/// The data directory, held by this process until dropped.
#[derive(Debug)]
#[must_use = "the directory is free again as soon as this is dropped"]
pub struct DataDirLock {
    /// Open for the sake of its lock.
    _file: File,
}

impl DataDirLock {
    /// Makes the directory where it is missing, and takes it for this process.
    ///
    /// Fails at once, without waiting, when another process holds it.
    pub fn take(dir: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            dir: dir.to_owned(),
            source,
        };
        fs::create_dir_all(dir).map_err(unusable)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join(LOCK_FILE))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataDirError::InUse {
                    dir: dir.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // Only a courtesy to whoever is refused later.
        file.set_len(0)
            .and_then(|()| write!(file, "{}", process::id()))
            .map_err(unusable)?;
        Ok(Self { _file: file })
    }
}

/// The process that says it holds the lock, where it can be read.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Why the data directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    #[error(
        "the data directory {} is used by another tollgate{}",
        dir.display(),
        holder.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    InUse { dir: PathBuf, holder: Option<u32> },
    #[error("the data directory {} cannot be written: {source}", dir.display())]
    Unusable { dir: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests;
