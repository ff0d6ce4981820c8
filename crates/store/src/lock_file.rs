//! A file that one process holds at a time.
//!
//! A lock of the operating system, which goes when its holder goes, however that comes about. The file stays behind and
//! means nothing by itself.
//! Not here: what is held by it ([`crate::data_dir`], [`crate::database`]).

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::Path,
    process,
};

/// Held by this process until dropped.
#[derive(Debug)]
#[must_use = "the file is free again as soon as this is dropped"]
pub struct LockFile {
    /// Open for the sake of its lock.
    _file: File,
}

/// Why a file cannot be held.
#[derive(Debug)]
pub enum NotHeld {
    /// By the process that says so, where it can be read.
    InUse {
        holder: Option<u32>,
    },
    Unusable(io::Error),
}

impl From<io::Error> for NotHeld {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error)
    }
}

impl LockFile {
    /// Makes the file where it is missing, and takes it for this process.
    ///
    /// Fails at once, without waiting, when another process holds it.
    pub fn take(path: &Path) -> Result<Self, NotHeld> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(NotHeld::InUse { holder });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        // Only a courtesy to whoever is refused later.
        file.set_len(0)?;
        write!(file, "{}", process::id())?;
        Ok(Self { _file: file })
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
