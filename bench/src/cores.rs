//! Which core does what.
//!
//! The gate and nginx have one core to themselves, the load and the provider another: a shared core
//! would show what the kernel's scheduler does. A process inherits the cores of the thread that
//! starts it, so there is no moment in which it runs elsewhere.

use std::io;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::error::BenchError;

/// The cores of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// For what is measured.
    pub(crate) measured: usize,
    /// For the load generator, which is this process.
    pub(crate) load: usize,
    /// For the provider; the load's where there is no third.
    pub(crate) provider: usize,
}

impl Cores {
    /// Chooses among the cores that this process may use, the first ones last: the kernel's own work
    /// tends to be on them.
    pub(crate) fn chosen() -> Result<Self, BenchError> {
        let allowed = sched_getaffinity(None).map_err(failed)?;
        let mut cores: Vec<usize> = (0..CpuSet::MAX_CPU)
            .filter(|&core| allowed.is_set(core))
            .collect();
        let cores_allowed = cores.len();
        let (Some(measured), Some(load)) = (cores.pop(), cores.pop()) else {
            return Err(BenchError::TooFewCores { cores: cores_allowed });
        };
        Ok(Self {
            measured,
            load,
            provider: cores.pop().unwrap_or(load),
        })
    }

    /// Binds this thread, which generates the load.
    pub(crate) fn bind_load(self) -> Result<(), BenchError> {
        bind(self.load)
    }

    /// Does `start` with this thread bound to `core`, so that what it starts is.
    pub(crate) fn on<T>(self, core: usize, start: impl FnOnce() -> T) -> Result<T, BenchError> {
        bind(core)?;
        let started = start();
        bind(self.load)?;
        Ok(started)
    }
}

fn bind(core: usize) -> Result<(), BenchError> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(failed)
}

fn failed(error: rustix::io::Errno) -> BenchError {
    BenchError::file("the cores of this process", io::Error::from(error))
}
