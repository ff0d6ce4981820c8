//! A database that is a file belongs to one serving process at a time: each would give all of a budget out.
//!
//! It is held by a file beside it, since closing the database's own would end the locks of SQLite on it. The command line
//! does not take the lock: it works on the database beside a running gate. A server has no lock: gates share it.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    lock_file::{LockFile, NotHeld},
    url::DatabaseUrl,
};

/// What the name of the file that is held ends with, after that of the database.
const SUFFIX: &str = ".lock";

/// The database, held by this process until dropped.
#[derive(Debug)]
#[must_use = "the database is free again as soon as this is dropped"]
pub struct DatabaseLock {
    /// `None`: it is a server.
    _lock: Option<LockFile>,
}

impl DatabaseLock {
    /// Takes the database for this process. The folder of a file is made where it is missing.
    ///
    /// Fails at once, without waiting, when another process holds it.
    pub fn take(url: &DatabaseUrl) -> Result<Self, DatabaseLockError> {
        let DatabaseUrl::Sqlite(path) = url else {
            return Ok(Self { _lock: None });
        };
        let unusable = |source| DatabaseLockError::Unusable {
            file: path.clone(),
            source,
        };
        let beside = beside(path).map_err(unusable)?;
        let lock = LockFile::take(&beside).map_err(|error| match error {
            NotHeld::InUse { holder } => DatabaseLockError::InUse {
                file: path.clone(),
                holder,
            },
            NotHeld::Unusable(source) => unusable(source),
        })?;
        Ok(Self { _lock: Some(lock) })
    }
}

/// The file that is held for this one; the same by whatever links it is named.
fn beside(database: &Path) -> io::Result<PathBuf> {
    let file = match fs::canonicalize(database) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = database.parent().filter(|parent| !parent.as_os_str().is_empty());
            let folder = parent.unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let name = database.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            fs::canonicalize(folder)?.join(name)
        }
        Err(error) => return Err(error),
    };
    let mut name = OsString::from(file);
    name.push(SUFFIX);
    Ok(name.into())
}

/// Why the database cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseLockError {
    #[error(
        "the database {} is used by another tollgate{}",
        file.display(),
        holder.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    InUse { file: PathBuf, holder: Option<u32> },
    #[error("the file {}{}, by which one gate holds the database, cannot be written: {source}", file.display(), SUFFIX)]
    Unusable { file: PathBuf, source: io::Error },
}

#[cfg(test)]
mod tests;
