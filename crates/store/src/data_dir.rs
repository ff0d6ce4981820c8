//! The data directory belongs to one serving process at a time.
//!
//! It is held by `tollgate.lock`. The command line does not take the lock: it works on the database
//! beside a running gate.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::lock_file::{LockFile, NotHeld};

const LOCK_FILE: &str = "tollgate.lock";
const GATE_FILE: &str = "gate.id";

/// The data directory, held by this process until dropped.
#[derive(Debug)]
#[must_use = "the directory is free again as soon as this is dropped"]
pub struct DataDirLock {
    _lock: LockFile,
    dir: PathBuf,
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
        let lock = LockFile::take(&dir.join(LOCK_FILE)).map_err(|error| match error {
            NotHeld::InUse { holder } => DataDirError::InUse {
                dir: dir.to_owned(),
                holder,
            },
            NotHeld::Unusable(source) => unusable(source),
        })?;
        Ok(Self {
            _lock: lock,
            dir: dir.to_owned(),
        })
    }
}

impl DataDirLock {
    /// The name by which the books know the gate of this directory: 16 hexadecimal digits, made of `random` the first
    /// time and kept from then on.
    pub fn gate(&self, random: [u8; 8]) -> Result<String, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            dir: self.dir.clone(),
            source,
        };
        let path = gate_file(&self.dir);
        match fs::read_to_string(&path) {
            Ok(name) if is_gate(name.trim()) => return Ok(name.trim().to_owned()),
            // One that was cut short by a crash was of no use yet: what it names is written after it.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unusable(error)),
        }
        let name = format!("{:016x}", u64::from_be_bytes(random));
        let mut file = File::create(&path).map_err(unusable)?;
        file.write_all(name.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(unusable)?;
        Ok(name)
    }
}

/// The name of the gate of this directory, where one has run.
pub(crate) fn gate_of(dir: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(gate_file(dir)) {
        Ok(name) => Ok(Some(name.trim().to_owned()).filter(|name| is_gate(name))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the name stands.
pub(crate) fn gate_file(dir: &Path) -> PathBuf {
    dir.join(GATE_FILE)
}

fn is_gate(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
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
