//! What a gate has of requests: while they run, and when they are over.

use std::time::{Duration, Instant};

use tollgate_testkit::gate::Gate;

use super::{CLIENTS, LETTING_GO, Providers};
use crate::stage::get_from_admin;

/// Memory of the gate's process, from the kernel.
pub fn resident_kib(gate: &Gate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Its sockets. Files are left out: the database opens some when it is first asked for several things at once.
pub fn open_sockets(gate: &Gate) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", gate.id())).unwrap();
    // One that was closed meanwhile is not there to be read.
    let targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// The samples of the metrics whose name begins so.
pub async fn metrics(gate: &Gate, name: &str) -> Vec<(String, f64)> {
    let answer = get_from_admin(gate, "/metrics").await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let samples = text.lines().filter(|line| line.starts_with(name));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// Waits until something holds.
pub async fn settles(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> Result<(), String>) {
    let began = Instant::now();
    while let Err(why) = holds().await {
        assert!(began.elapsed() < limit, "{what}: {why}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Nothing is under way any more, neither in the gate nor at the providers.
pub async fn comes_to_rest(gate: &Gate, providers: &Providers) {
    settles("requests under way", LETTING_GO, async || {
        let mut under_way = metrics(gate, "tollgate_requests_in_flight").await;
        under_way.extend(metrics(gate, "tollgate_channel_in_flight").await);
        assert_eq!(under_way.len(), 1 + 6, "one for the gate and one a channel");
        let left: Vec<_> = under_way.into_iter().filter(|(_, count)| *count != 0.0).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
    for provider in &providers.scripted {
        provider.is_idle().await;
        // Those that are left wait for the next request, so there are no more of them than were of use.
        let open = provider.open_connections();
        assert!(open <= CLIENTS, "{open} connections are open");
    }
    providers.plain.has_open_connections(0).await;
    providers.dumb.has_open_connections(0).await;
}
