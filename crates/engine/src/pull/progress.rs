//! Lets whoever waits see how far a pull has come.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What is being done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In bytes.
    Download,
    /// In bytes.
    Check,
    /// In bytes.
    Unpack,
    /// In tensors.
    Convert,
    Keep,
}

impl Stage {
    fn text(self) -> &'static str {
        match self {
            Self::Download => "Downloading with pip",
            Self::Check => "Checking the hash",
            Self::Unpack => "Unpacking",
            Self::Convert => "Rewriting in eight bits",
            Self::Keep => "Storing",
        }
    }

    fn style(self) -> &'static str {
        match self {
            Self::Download | Self::Check | Self::Unpack => {
                "{msg:24} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}"
            }
            Self::Convert => "{msg:24} [{bar:30}] {pos}/{len}",
            Self::Keep => "{msg:24} {spinner}",
        }
    }
}

/// Hears how far a pull has come.
pub trait Progress {
    /// A stage begins. `total`: what [`Progress::advance`] will reach, if it is known.
    fn begin(&self, stage: Stage, total: Option<u64>);
    /// How much of the stage is done. May come very often.
    fn advance(&self, done: u64);
    /// The stage is done.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn begin(&self, _: Stage, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

/// Bars on standard error; a line for each stage where that is not a terminal.
pub struct Terminal {
    bar: Mutex<ProgressBar>,
    interactive: bool,
}

impl Terminal {
    pub fn new() -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()), interactive: std::io::stderr().is_terminal() }
    }

    fn bar(&self) -> ProgressBar {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Terminal {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        if !self.interactive {
            let size = match (stage, total) {
                (Stage::Download, Some(bytes)) => format!(" ({} MB)", bytes / 1_000_000),
                _ => String::new(),
            };
            eprintln!("{}{size}", stage.text());
            return;
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(stage.style());
        bar.set_style(style.expect("the templates above are valid"));
        bar.set_message(stage.text());
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    fn advance(&self, done: u64) {
        self.bar().set_position(done);
    }

    fn end(&self) {
        self.bar().finish();
    }
}
