//! The kernel's own books: time on a core, and memory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::BenchError;

/// The processes whose use is read together: one and its children, as they were at the start.
pub(crate) struct Account {
    ids: Vec<u32>,
}

/// Nanoseconds on a core, by process and thread. A thread that has ended since is left out of a
/// difference; one that is new counts whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuTime(BTreeMap<(u32, String), u64>);

impl Account {
    pub(super) fn of_tree(root: u32) -> Result<Self, BenchError> {
        let failed = |error| BenchError::Accounting { id: root, error };
        let mut parents = BTreeMap::new();
        for entry in fs::read_dir("/proc").map_err(failed)?.flatten() {
            let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
            // A process that ends while we look is none of ours.
            if let Some(id) = id
                && let Some(parent) = parent(id)
            {
                parents.insert(id, parent);
            }
        }
        let mut ids = vec![root];
        let mut next = 0;
        while let Some(&id) = ids.get(next) {
            ids.extend(
                parents
                    .iter()
                    .filter(|&(_, &parent)| parent == id)
                    .map(|(&child, _)| child),
            );
            next += 1;
        }
        Ok(Self { ids })
    }

    /// Time on a core so far, from `/proc/ID/task/*/schedstat`, which counts nanoseconds;
    /// `/proc/ID/stat` counts hundredths of a second.
    pub(crate) fn cpu(&self) -> Result<CpuTime, BenchError> {
        let mut threads = BTreeMap::new();
        for &id in &self.ids {
            let failed = |error| BenchError::Accounting { id, error };
            for task in fs::read_dir(format!("/proc/{id}/task")).map_err(failed)? {
                let task = task.map_err(failed)?;
                let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else {
                    continue;
                };
                let on_core = text.split(' ').next().and_then(|first| first.parse().ok());
                let on_core = on_core.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
                let name = task.file_name().to_string_lossy().into_owned();
                threads.insert((id, name), on_core);
            }
        }
        Ok(CpuTime(threads))
    }

    /// Resident memory now, in bytes, added up.
    pub(crate) fn memory(&self) -> Result<u64, BenchError> {
        let mut bytes = 0;
        for &id in &self.ids {
            let failed = |error| BenchError::Accounting { id, error };
            let status = fs::read_to_string(format!("/proc/{id}/status")).map_err(failed)?;
            let kilobytes = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))
                .and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok())
                .ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
            bytes += kilobytes * 1024;
        }
        Ok(bytes)
    }
}

impl CpuTime {
    /// Time on a core between `earlier` and this.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let nanoseconds = self.0.iter().map(|(thread, now)| {
            let then = earlier.0.get(thread).copied().unwrap_or(0);
            now.saturating_sub(then)
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

fn parent(id: u32) -> Option<u32> {
    let status = fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}
