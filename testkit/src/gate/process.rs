//! The gate's process: started, watched, ended.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, kill_process};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;

use super::PATIENCE;

/// A signal that an operator sends the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: drain and end.
    Terminate,
    /// SIGINT: as from Ctrl-C.
    Interrupt,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGKILL: no chance to clean up.
    Kill,
}

/// What a command printed and how it ended.
#[derive(Clone, Debug)]
pub struct CommandOutput {
    /// `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    /// Whether it ended with 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

/// Runs a command to its end.
///
/// # Panics
/// Where it cannot be started, or has not ended after 30 seconds.
pub(super) async fn run(command: Command, input: &str) -> CommandOutput {
    let mut command = tokio::process::Command::from(command);
    let stdin = if input.is_empty() {
        Stdio::null()
    } else {
        Stdio::piped()
    };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = async {
        let mut child = command.kill_on_drop(true).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command may end without reading all of it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(PATIENCE, running)
        .await
        .unwrap_or_else(|_| panic!("{command:?} does not end"))
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    CommandOutput {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Where the gate says that it listens.
pub(super) struct Listening {
    pub(super) data: SocketAddr,
    pub(super) admin: Option<SocketAddr>,
}

/// A running gate; dropping it kills it.
pub(super) struct Process {
    child: Child,
    stdout: watch::Receiver<Printed>,
    stderr: watch::Receiver<Printed>,
}

#[derive(Default)]
struct Printed {
    text: String,
    ended: bool,
}

impl Process {
    pub(super) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = child.stdout.take().expect("it was asked to be piped");
        let stderr = child.stderr.take().expect("it was asked to be piped");
        Self {
            stdout: collected(stdout),
            stderr: collected(stderr),
            child,
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn logs(&self) -> String {
        self.stderr.borrow().text.clone()
    }

    pub(super) async fn logged(&self, text: &str) {
        let mut stderr = self.stderr.clone();
        let found = stderr.wait_for(|printed| printed.text.contains(text));
        let found = tokio::time::timeout(PATIENCE, found).await;
        // The guard of what was found must be gone before the log is read again.
        let found = matches!(found, Ok(Ok(_)));
        assert!(found, "not logged: {text:?}; the log is\n{}", self.logs());
    }

    /// Waits for the lines with which the gate says where it listens; the data plane's comes last.
    pub(super) async fn listening(&self) -> Listening {
        let mut stdout = self.stdout.clone();
        let ready = stdout.wait_for(|printed| {
            printed.ended || address_after(&printed.text, "listening on http://").is_some()
        });
        let ready = tokio::time::timeout(PATIENCE, ready).await;
        let printed = match ready {
            Ok(Ok(printed)) => printed.text.clone(),
            _ => String::new(),
        };
        let data = address_after(&printed, "listening on http://").unwrap_or_else(|| {
            panic!(
                "the gate does not say where it listens\nstdout:\n{printed}\nstderr:\n{}",
                self.logs()
            )
        });
        Listening {
            data,
            admin: address_after(&printed, "admin on http://"),
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        let signal = match signal {
            Signal::Terminate => rustix::process::Signal::TERM,
            Signal::Interrupt => rustix::process::Signal::INT,
            Signal::Reload => rustix::process::Signal::HUP,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        kill_process(Pid::from_child(&self.child), signal).expect("the gate's process is ours");
    }

    pub(super) async fn ended(&mut self) -> Option<i32> {
        let end = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("the gate's process is ours") {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ended = tokio::time::timeout(PATIENCE, end).await;
        ended.unwrap_or_else(|_| panic!("the gate does not end; its log is\n{}", self.logs()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines on a thread of its own, so that the gate never waits for a test to read them.
fn collected(pipe: impl Read + Send + 'static) -> watch::Receiver<Printed> {
    let (sender, receiver) = watch::channel(Printed::default());
    std::thread::spawn(move || {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            sender.send_modify(|printed| printed.text.push_str(&text));
            line.clear();
        }
        sender.send_modify(|printed| printed.ended = true);
    });
    receiver
}

fn address_after(text: &str, words: &str) -> Option<SocketAddr> {
    let (_, after) = text.split_once(words)?;
    let (line, _) = after.split_once('\n')?;
    let address = line.split(['/', ' ']).next()?;
    address.parse().ok()
}
