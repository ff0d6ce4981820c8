//! A PostgreSQL server of a test's own: on a free loopback port, with a folder that goes with it.
//!
//! The programs are Debian's, installed or unpacked by `scripts/needs.sh` into `target/tools`; `TOLLGATE_POSTGRES`
//! names another folder with `initdb` and `postgres`. Without them tests say loudly what they leave out, and fail where
//! `CI` is set. The server will not run as root, so there it runs as `nobody`. It ends with the test's process, however
//! that ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::server::{self, Keeper, free_port};
use crate::skipped;

/// How long the server may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const USER: &str = "tollgate";
/// Port and programs of a server for the databases of tests.
const SERVER: &str = "TOLLGATE_TEST_SERVER";
/// With signs that a URL has to hide, and that no other text has in it.
const PASSWORD: &str = "pa/ss:w@rd";
const ESCAPED_PASSWORD: &str = "pa%2Fss%3Aw%40rd";

/// A running server; dropping it ends it and removes its folder.
pub struct Postgres {
    programs: PathBuf,
    dir: TempDir,
    port: u16,
    keeper: Option<Keeper>,
}

impl Postgres {
    /// Makes and starts a server. `None`, and loudly so, where there are no programs for that; `what` says what is
    /// left out then.
    ///
    /// # Panics
    /// Where there are programs, and they fail; without programs where `CI` is set.
    pub fn start(what: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            skipped::without("PostgreSQL", "TOLLGATE_POSTGRES", what);
            return None;
        };
        let dir = server::dir("tollgate-postgres-");
        let mut server = Self {
            programs,
            dir,
            port: 0,
            keeper: None,
        };
        server.make();
        server.port = free_port();
        server.start_again();
        Some(server)
    }

    /// Where it is, for a database there; `postgres` is there from the start.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{USER}:{ESCAPED_PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The variable, and its value, by which a test program that runs other tests gives each of their gates a
    /// database here ([`database_of_a_test`]).
    pub fn for_tests(&self) -> (&'static str, String) {
        (SERVER, format!("{} {}", self.port, self.programs.display()))
    }

    /// What must never be seen.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// Ends the server at once, as a crash would. What it has confirmed stays.
    pub fn stop(&mut self) {
        self.keeper = None;
    }

    /// Starts the server again where it was, and waits until it answers.
    ///
    /// # Panics
    /// With its log, where it does not come up.
    pub fn start_again(&mut self) {
        let log = self.dir.path().join("log");
        // As a crash would end it, with all its processes.
        let mut command = Keeper::command(&self.programs.join("postgres"), "QUIT");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ])
            // Only a crash of the machine could take what is not synced.
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "max_connections=200"])
            .stderr(File::create(&log).expect("a file in our own folder"));
        self.keeper = Some(Keeper::start(self.prepared(command)));
        let start = Instant::now();
        let read = || fs::read_to_string(&log).unwrap_or_default();
        // Of a standby it says that these are read-only.
        while !read().contains("ready to accept ") {
            let log = read();
            // Clients that come too early are told so, and that is fatal to them alone.
            let gives_up = |line: &str| line.contains("FATAL") && !line.contains("the database system is ");
            assert!(
                start.elapsed() < PATIENCE && !log.lines().any(gives_up),
                "PostgreSQL does not come up:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Keeps a copy of all that is there now, as a standby that hears nothing from then on.
    ///
    /// # Panics
    /// Where it cannot be copied, or the server does not come up again.
    pub fn keep_copy(&mut self) {
        self.stop();
        Self::copy(&self.data(), &self.copied());
        self.start_again();
    }

    /// Puts the copy in the place of what is there, as a failover to that standby does.
    ///
    /// # Panics
    /// Without a copy, or where the server does not come up with it.
    pub fn fail_over_to_copy(&mut self) {
        self.stop();
        fs::remove_dir_all(self.data()).expect("a folder in our own");
        Self::copy(&self.copied(), &self.data());
        self.start_again();
    }

    /// Starts the server again as a standby, which can only be read.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn become_standby(&mut self) {
        self.stop();
        fs::write(self.data().join("standby.signal"), "").expect("a file in our own folder");
        self.start_again();
    }

    fn copy(from: &Path, to: &Path) {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.is_ok_and(|status| status.success()), "{to:?} is not made");
    }

    fn copied(&self) -> PathBuf {
        self.dir.path().join("copy")
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn make(&self) {
        let password = self.dir.path().join("password");
        fs::write(&password, PASSWORD).expect("a file in our own folder");
        let mut command = Command::new(self.programs.join("initdb"));
        command
            .arg("-D")
            .arg(self.data())
            .args(["--username", USER, "--auth=scram-sha-256", "--no-sync"])
            .arg("--pwfile")
            .arg(&password)
            // One that sorts otherwise than by bytes, as most databases do.
            .args(["--encoding=UTF8", "--locale=C.UTF-8"])
            .args(["--locale-provider=icu", "--icu-locale=en-US"]);
        let output = self.prepared(command).output().expect("it was found");
        assert!(
            output.status.success(),
            "initdb fails:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// As a user without rights, with the libraries that lie beside the programs.
    fn prepared(&self, mut command: Command) -> Command {
        server::as_nobody(&mut command);
        command
            .current_dir(self.dir.path())
            .stdout(Stdio::null())
            .env("LC_ALL", "C.UTF-8");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        set_libraries(&mut command, &self.programs);
        command
    }
}

/// The URL of a new database on the server that [`Postgres::for_tests`] has named. `None`: it has named none, and a
/// gate has a file of its own.
///
/// # Panics
/// Where none can be made.
pub fn database_of_a_test() -> Option<String> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let named = std::env::var(SERVER).ok()?;
    let (port, programs) = named.split_once(' ').expect("a port and a folder");
    let name = format!("of_test_{}", MADE.fetch_add(1, Ordering::Relaxed));
    let mut command = Command::new(Path::new(programs).join("createdb"));
    command
        .args(["--host=127.0.0.1", "--username", USER, "--port", port, &name])
        .env("PGPASSWORD", PASSWORD);
    set_libraries(&mut command, Path::new(programs));
    let output = command.output().expect("it stands beside the server");
    assert!(output.status.success(), "{output:?}");
    Some(format!(
        "postgres://{USER}:{ESCAPED_PASSWORD}@127.0.0.1:{port}/{name}?sslmode=disable"
    ))
}

/// The folder with `initdb` and `postgres`.
fn programs() -> Option<PathBuf> {
    let named = std::env::var_os("TOLLGATE_POSTGRES").map(PathBuf::from);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/postgresql/usr/lib/postgresql");
    let installed = [tools, PathBuf::from("/usr/lib/postgresql")];
    let versions = installed.iter().filter_map(|root| {
        let mut versions: Vec<_> = fs::read_dir(root).ok()?.flatten().collect();
        versions.sort_by_key(|entry| entry.file_name());
        Some(versions.pop()?.path().join("bin"))
    });
    named
        .into_iter()
        .chain(versions)
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Lets programs that were unpacked find what lies beside them.
fn set_libraries(command: &mut Command, programs: &Path) {
    // Unpacked: …/usr/lib/postgresql/15/bin beside …/usr/lib/x86_64-linux-gnu.
    if let Some(lib) = programs
        .ancestors()
        .nth(3)
        .filter(|_| !programs.starts_with("/usr"))
    {
        server::set_libraries(command, lib);
    }
}
