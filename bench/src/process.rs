//! A process that this program started, and what the kernel says it used.

mod account;

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

pub(crate) use account::Account;

use crate::error::BenchError;

/// A running child; dropping it kills it and waits for its end.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Kept open, or the child could not write any more.
    stdout: Option<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a command on the cores of this thread; what it logs goes to the file `log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self, BenchError> {
        let log = File::create(log).map_err(|error| BenchError::file(log, error))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| BenchError::NotStarted {
                name,
                reason: error.to_string(),
            })?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self { name, child, stdout })
    }

    /// Reads standard output up to the line `listening on http://ADDRESS`.
    pub(crate) fn listening(&mut self) -> Result<SocketAddr, BenchError> {
        let mut line = String::new();
        while let Some(stdout) = &mut self.stdout {
            line.clear();
            let read = stdout
                .read_line(&mut line)
                .map_err(|error| BenchError::file(self.name, error))?;
            if read == 0 {
                break;
            }
            let said = line.trim().strip_prefix("listening on http://");
            if let Some(Ok(address)) = said.map(str::parse) {
                return Ok(address);
            }
        }
        Err(BenchError::NotStarted {
            name: self.name,
            reason: "it ended without saying where it listens".to_owned(),
        })
    }

    /// As the system numbers it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What the kernel accounts for it and its children.
    pub(crate) fn account(&self) -> Result<Account, BenchError> {
        Account::of_tree(self.child.id())
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // nginx's worker ends with its master only where that may end in peace.
        let id = rustix::process::Pid::from_child(&self.child);
        let asked = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let patience = std::time::Instant::now() + std::time::Duration::from_millis(500);
        while asked.is_ok() && !self.has_ended() && std::time::Instant::now() < patience {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // Both fail only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
