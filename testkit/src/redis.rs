//! A Redis server of a test's own: on a free loopback port, with nothing on disk.
//!
//! The program is Debian's, installed or unpacked by `scripts/needs.sh` into `target/tools`; `TOLLGATE_REDIS` names
//! another folder with `redis-server`. Without it tests say loudly what they leave out, and fail where `CI` is set. It
//! runs as `nobody` where the tests run as root, and ends with the test's process, however that ends.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::server::{self, Keeper, free_port};
use crate::skipped;

/// How long the server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// The URL of a server for the gates of tests.
const SERVER: &str = "TOLLGATE_TEST_REDIS";
/// With signs that a URL has to hide, and that no other text has in it.
const PASSWORD: &str = "re/dis:w@rd";
const ESCAPED_PASSWORD: &str = "re%2Fdis%3Aw%40rd";

/// A running server; dropping it ends it and removes its folder.
pub struct Redis {
    programs: PathBuf,
    dir: TempDir,
    port: u16,
    keeper: Option<Keeper>,
}

impl Redis {
    /// Starts a server. `None`, and loudly so, where there is no program for that; `what` says what is left out then.
    ///
    /// # Panics
    /// Where there is a program, and it fails; without one where `CI` is set.
    pub fn start(what: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped::without("Redis", "TOLLGATE_REDIS", what);
            return None;
        };
        let mut server = Self {
            programs,
            dir: server::dir("tollgate-redis-"),
            port: free_port(),
            keeper: None,
        };
        server.start_again();
        Some(server)
    }

    pub fn url(&self) -> String {
        format!("redis://:{ESCAPED_PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// The variable, and its value, by which a test program that runs other tests lets each of their gates use this
    /// server ([`redis_of_a_test`]).
    pub fn for_tests(&self) -> (&'static str, String) {
        (SERVER, self.url())
    }

    /// What must never be seen.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Ends the server at once. Nothing of what it had is kept.
    pub fn stop(&mut self) {
        self.keeper = None;
    }

    /// Starts the server again where it was, and waits until it answers.
    ///
    /// # Panics
    /// With its log, where it does not come up.
    pub fn start_again(&mut self) {
        let log = self.dir.path().join("log");
        let mut command = Keeper::command(&self.programs.join("redis-server"), "KILL");
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--requirepass", PASSWORD])
            .arg("--dir")
            .arg(self.dir.path())
            .arg("--pidfile")
            .arg(self.pid_file())
            .current_dir(self.dir.path())
            .stdout(File::create(&log).expect("a file in our own folder"))
            .stderr(Stdio::null());
        server::as_nobody(&mut command);
        // Unpacked: …/usr/bin beside …/usr/lib/x86_64-linux-gnu.
        if let Some(usr) = self.programs.parent().filter(|usr| *usr != Path::new("/usr")) {
            server::set_libraries(&mut command, &usr.join("lib"));
        }
        self.keeper = Some(Keeper::start(command));
        let start = Instant::now();
        while !self.answers() {
            assert!(
                start.elapsed() < PATIENCE,
                "Redis does not come up:\n{}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets the server hang: connections to it stand, and nothing is answered.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a server that hangs answer again, what it was asked meanwhile included.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks the server something, as `["GET", "key"]`; the answer as it stands on the wire.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut text = String::new();
        for words in [&["AUTH", PASSWORD], command, &["QUIT"]] {
            text.push_str(&format!("*{}\r\n", words.len()));
            for word in words {
                text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
            }
        }
        let answer = exchange(self.port, &text).expect("the server answers");
        let answer = answer.strip_prefix("+OK\r\n").unwrap_or(&answer);
        answer.strip_suffix("+OK\r\n").unwrap_or(answer).to_owned()
    }

    fn answers(&self) -> bool {
        // It asks for the password once it has come up.
        exchange(self.port, "*1\r\n$4\r\nQUIT\r\n").is_ok_and(|answer| answer.starts_with("+OK"))
    }

    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.pid_file()).expect("a running server has written its number");
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
        kill_process(pid.expect("it is a number"), signal).expect("the server is ours");
    }

    fn pid_file(&self) -> PathBuf {
        self.dir.path().join("pid")
    }
}

/// The URL of the server that [`Redis::for_tests`] has named, where it has.
pub fn redis_of_a_test() -> Option<String> {
    std::env::var(SERVER).ok()
}

/// Sends a text and reads until the other side ends.
fn exchange(port: u16, text: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The folder with `redis-server`.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("TOLLGATE_REDIS").map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/redis-server/usr/bin");
    let installed = [tools, PathBuf::from("/usr/bin"), PathBuf::from("/usr/local/bin")];
    named
        .into_iter()
        .chain(installed)
        .find(|folder| folder.join("redis-server").exists())
}
