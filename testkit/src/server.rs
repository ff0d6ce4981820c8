//! What the servers of tests have in common: they run as a user without rights, and end with the test's process.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Debian's, and most others', user without rights.
const NOBODY: u32 = 65_534;
/// Ends the server as soon as its standard input is closed, be it by the death of this process. Its first word is the
/// signal for that.
const KEEPER: &str = r#"signal=$1; shift; "$@" & cat > /dev/null; kill "-$signal" $!; wait"#;

/// Runs a server, and ends it when it is dropped.
pub(crate) struct Keeper(Child);

impl Keeper {
    /// A command that runs `program` under it, and ends it by this signal; arguments are the program's.
    pub(crate) fn command(program: &Path, signal: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "keeper", signal]).arg(program);
        command
    }

    /// Starts such a command.
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.stdin(Stdio::piped()).spawn().expect("there is a shell"))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it is our child");
    }
}

/// A folder for a server that runs as [`as_nobody`] does.
pub(crate) fn dir(prefix: &str) -> TempDir {
    let dir = TempDir::with_prefix(prefix).expect("a temporary folder");
    if is_root() {
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("root may give folders away");
    }
    dir
}

/// Runs a command as a user without rights, where this process may choose.
pub(crate) fn as_nobody(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Lets a program find what lies in the folders of `lib`, such as `x86_64-linux-gnu`.
pub(crate) fn set_libraries(command: &mut Command, lib: &Path) {
    let folders = fs::read_dir(lib).into_iter().flatten().flatten();
    let folders: Vec<_> = folders.map(|entry| entry.path().display().to_string()).collect();
    command.env("LD_LIBRARY_PATH", folders.join(":"));
}

fn is_root() -> bool {
    // The owner of what this process makes: itself.
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

pub(crate) fn free_port() -> u16 {
    let port = || -> io::Result<u16> { Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port()) };
    port().expect("loopback has a free port")
}
