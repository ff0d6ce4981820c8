//! Lines of the log that go out together: a system call a line is one request's largest cost after its
//! network.
//!
//! A line waits for [`PAUSE`] at most. What warns is written at once, and what came before it with it.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

const PAUSE: Duration = Duration::from_millis(50);
/// Whoever fills more than this writes it out: the log never takes more memory.
const MOST_BYTES: usize = 256 * 1024;

/// Clones share the lines.
#[derive(Clone)]
pub struct Gathered(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Vec<u8>>,
    /// Some line has come into the empty buffer.
    begun: Condvar,
    /// Held while writing, so that lines keep their order.
    output: Mutex<()>,
}

impl Gathered {
    /// Starts the thread that writes. It ends with the process.
    pub fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writing = Self(Arc::clone(&shared));
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writing.write_now_and_then())?;
        Ok(Self(shared))
    }

    /// Writes what has been gathered. A log that nobody takes is lost, and nothing else with it.
    pub fn write_out(&self) {
        let _order = lock(&self.0.output);
        let lines = mem::take(&mut *lock(&self.0.lines));
        let _ = io::stderr().write_all(&lines);
    }

    fn write_now_and_then(&self) -> ! {
        loop {
            let mut lines = lock(&self.0.lines);
            while lines.is_empty() {
                lines = self.0.begun.wait(lines).unwrap_or_else(PoisonError::into_inner);
            }
            drop(lines);
            thread::sleep(PAUSE);
            self.write_out();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one line.
pub struct Line<'a> {
    gathered: &'a Gathered,
    at_once: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = lock(&self.gathered.0.lines);
        if lines.is_empty() {
            self.gathered.0.begun.notify_one();
        }
        lines.extend_from_slice(line);
        let full = lines.len() > MOST_BYTES;
        drop(lines);
        if self.at_once || full {
            self.gathered.write_out();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Gathered {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            gathered: self,
            at_once: false,
        }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        Line {
            gathered: self,
            at_once: *metadata.level() <= Level::WARN,
        }
    }
}
