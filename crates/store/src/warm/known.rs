//! The keys that were read, and whether they are as the tables have them.
//!
//! A state of the tables has a number, which each change raises. What was read of another state than the newest is asked for
//! anew by whoever needs it, and by a task that does so for keys that nobody asks for at the moment: an outage finds all of
//! them as they were last. Only while the database cannot be asked does what is older count too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use tokio::sync::Notify;
use tollgate_ledger::KeyHash;

use super::WarmKey;
use crate::keys::KeysVersion;

/// Keys held at most, some 500 bytes each; the least used go first.
const KEYS_MAX: u64 = 50_000;
/// Hashes remembered as unknown at most.
const UNKNOWN_MAX: u64 = 10_000;
/// How long a hash is remembered as unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);

/// Of what a key was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    version: KeysVersion,
    /// Versions of two eras do not compare.
    era: u64,
}

#[derive(Debug)]
pub(super) struct Known {
    keys: Cache<KeyHash, Arc<WarmKey>>,
    unknown: Cache<KeyHash, ()>,
    /// The newest state of the tables that anyone has seen.
    version: AtomicI64,
    era: AtomicU64,
    is_away: AtomicBool,
    changed: Notify,
}

impl Known {
    pub(super) fn new() -> Self {
        Self {
            keys: Cache::new(KEYS_MAX),
            unknown: Cache::builder()
                .max_capacity(UNKNOWN_MAX)
                .time_to_live(UNKNOWN_FOR)
                .build(),
            // No state has this number, so nothing counts as fresh before the first look.
            version: AtomicI64::new(i64::MIN),
            era: AtomicU64::new(0),
            is_away: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// The newest state that anyone has seen.
    pub(super) fn newest(&self) -> State {
        State {
            version: KeysVersion(self.version.load(Ordering::Acquire)),
            era: self.era(),
        }
    }

    pub(super) fn is_fresh(&self, key: &WarmKey) -> bool {
        key.state == self.newest()
    }

    /// All of them, as the tables had them last.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Arc<KeyHash>, Arc<WarmKey>)> {
        self.keys.iter()
    }

    /// The key with this hash as the tables have it, where it was read.
    pub(super) fn get(&self, hash: &KeyHash) -> Option<Arc<WarmKey>> {
        self.keys.get(hash).filter(|key| self.is_fresh(key))
    }

    /// The same as they had it last.
    pub(super) fn get_last(&self, hash: &KeyHash) -> Option<Arc<WarmKey>> {
        self.keys.get(hash)
    }

    pub(super) fn is_unknown(&self, hash: &KeyHash) -> bool {
        self.unknown.contains_key(hash)
    }

    /// To be asked before the tables are.
    pub(super) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// The tables were read, and may have changed since the last look; then what was read before is stale now.
    pub(super) fn seen(&self, version: KeysVersion, era: u64) -> State {
        self.version.fetch_max(version.0, Ordering::AcqRel);
        State { version, era }
    }

    pub(super) fn keep(&self, hash: KeyHash, key: Arc<WarmKey>) {
        self.keys.insert(hash, key);
    }

    pub(super) fn keep_unknown(&self, hash: KeyHash) {
        self.keys.invalidate(&hash);
        self.unknown.insert(hash, ());
    }

    /// The newest state is this one. Whether there was another one before.
    pub(super) fn is_at(&self, version: KeysVersion) -> bool {
        let before = self.version.swap(version.0, Ordering::AcqRel);
        if version.0 < before {
            self.begin_anew();
        }
        let has_changed = before != version.0;
        if has_changed {
            self.unknown.invalidate_all();
            self.changed.notify_one();
        }
        has_changed
    }

    /// Nothing that was read counts as fresh any more. A database that has gone back to an earlier state counts its states
    /// anew, so what was read of a state that it has lost would count again as soon as there is another one of that number.
    pub(super) fn begin_anew(&self) {
        self.era.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_one();
    }

    /// Whether the database can be asked, as far as anybody has found out.
    pub(super) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Release);
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    /// Waits for a change, and gives the hashes of keys that were read before it.
    pub(super) async fn outdated(&self) -> Vec<KeyHash> {
        self.changed.notified().await;
        let stale = self.iter().filter(|(_, key)| !self.is_fresh(key));
        stale.map(|(hash, _)| *hash).collect()
    }
}
