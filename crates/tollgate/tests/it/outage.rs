//! What the books are written to is away for a while: requests go on, or are refused in plain words, and nothing of
//! what was answered is lost.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_ledger::UsageRecord;
use tollgate_store::{
    Spool,
    spool::{Limits, OnDamage},
};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, answer, answers},
};

use crate::{
    credit::{balance, eventually, key_with_credit, run, sums},
    old_records::days_ago,
    stage::{MODEL, question_with, setup, with},
};

/// Clients that fill a disk together, and how long they may take.
const CLIENTS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(180);
/// $3 and $15 a million tokens: with [`provider`]'s counts, $0.0045 an answer.
const PRICES: &str = r#"{ gpt-4o = { input = "3", output = "15" } }"#;

async fn provider() -> FakeProvider {
    let usage = json!({"usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}});
    FakeProvider::start_with(answers(with(answer("Hello"), usage))).await
}

fn asked() -> Value {
    question_with(json!({"max_tokens": 100}))
}

/// What is left of $100 after so many answers.
fn left(answers: u64) -> String {
    let left = (1_000_000 - answers * 45).to_string();
    let (dollars, rest) = left.split_at(left.len() - 4);
    format!("{dollars}.{rest}").trim_end_matches('0').to_owned()
}

async fn balance_without_zeros(gate: &Gate) -> String {
    balance(gate).await.trim_end_matches('0').to_owned()
}

/// Somebody who has the whole database file to himself, until dropped.
pub struct Locked(Child);

impl Locked {
    pub fn now(database: &Path) -> Self {
        const HOLD: &str = "import sqlite3, sys\n\
            c = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\n\
            c.execute('BEGIN EXCLUSIVE')\n\
            print('held', flush=True)\n\
            sys.stdin.read()\n";
        let mut child = Command::new("python3")
            .args(["-c", HOLD])
            .arg(database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python is needed to build this");
        let mut said = [0; 5];
        let stdout = child.stdout.as_mut().expect("it was asked to be piped");
        std::io::Read::read_exact(stdout, &mut said).expect("the file can be locked");
        Self(child)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn while_the_database_file_is_locked_requests_go_on_and_all_are_booked_afterwards() {
    let provider = provider().await;
    let channel = Channel::to(&provider).models([MODEL]).set("prices", PRICES);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("books.db");
    let database = format!("[database]\nurl = \"sqlite://{}\"\n", file.display());
    let gate = setup().channel(channel).config(&database).start().await;
    let key = key_with_credit(&gate, "100").await;
    let idle = gate.create_key(&["--name", "idle", "--account", "team"]).await;
    for key in [&key, &idle] {
        assert_eq!(gate.post_with(key, &asked()).await.status, 200);
    }
    // A change that has nothing to do with either, after which both have to be read again.
    gate.create_key(&["--name", "other"]).await;
    assert_eq!(gate.post_with(&key, &asked()).await.status, 200);

    let locked = Locked::now(&file);
    let began = Instant::now();
    assert_eq!(gate.post_with(&idle, &asked()).await.status, 200);
    let mut served = 4;
    let mut slowest = began.elapsed();
    while began.elapsed() < Duration::from_secs(3) {
        let asking = Instant::now();
        let answer = gate.post_with(&key, &asked()).await;
        slowest = slowest.max(asking.elapsed());
        assert_eq!(answer.status, 200, "{answer:?}");
        served += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(locked);

    assert!(slowest < Duration::from_secs(2), "one took {slowest:?}");
    eventually(left(served), async || balance_without_zeros(&gate).await).await;
    run(&gate, &["ledger", "verify"]).await;
}

/// A file system of its own, with little room.
struct SmallDisk {
    folder: PathBuf,
    _parent: tempfile::TempDir,
}

impl SmallDisk {
    /// `None`, with a loud line, where nobody may mount one.
    fn mounted(megabytes: usize) -> Option<Self> {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("disk");
        std::fs::create_dir(&folder).expect("a folder in our own");
        let size = format!("size={}m", megabytes);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(&folder)
            .output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self {
                folder,
                _parent: parent,
            });
        }
        let is_root =
            std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let must = is_root && std::env::var_os("CI").is_some();
        assert!(!must, "root may mount a small disk in CI: {mounted:?}");
        let line = "SKIPPED: no small disk can be mounted (that takes root), so a full disk is not tried\n";
        let _ = std::io::stderr().write_all(line.as_bytes());
        None
    }

    /// Takes all of the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.folder.join("filler");
        let mut file = std::fs::File::create(&path).expect("a file on the disk");
        let block = [1; 4096];
        while file.write_all(&block).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Whoever still has a file there does not keep it from going.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_requests_are_refused_before_they_begin_and_nothing_answered_is_lost() {
    // The files that a spool of 8 MB begins with, and not another.
    let Some(disk) = SmallDisk::mounted(4) else {
        return;
    };
    let provider = provider().await;
    // A long name makes a long record, and the disk is full the sooner.
    let model = "m".repeat(120);
    let prices = format!("{{ {model} = {{ input = \"3\", output = \"15\" }} }}");
    let channel = Channel::to(&provider).models([&*model]).set("prices", &prices);
    let folder = tempfile::tempdir().expect("a folder");
    // The books are elsewhere: the disk is the spool's.
    let books = folder.path().join("books.db");
    let database = format!(
        "[database]\nurl = \"sqlite://{}\"\n[spool]\nsize_mb = 8\n",
        books.display()
    );
    let data_dir = disk.folder.join("data");
    let gate = setup()
        .channel(channel)
        .config(&database)
        .env("TOLLGATE__SERVER__DATA_DIR", &data_dir.display().to_string())
        .start()
        .await;
    let key = key_with_credit(&gate, "100").await;
    let body = with(asked(), json!({"model": model}));
    let served = AtomicU64::new(0);
    let ask = async || {
        let answer = gate.post_with(&key, &body).await;
        if answer.status == 200 {
            served.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some((
            answer.status,
            answer.error_code(),
            answer.header("retry-after").is_some(),
        ))
    };

    assert_eq!(ask().await, None);
    let filler = disk.fill();
    // While the books take nothing, no file of the spool becomes free. There is room for what was let in, and for some
    // thousands more; then there is none.
    let locked = Locked::now(&books);
    let began = Instant::now();
    let refusals = join_all((0..CLIENTS).map(async |_| {
        loop {
            assert!(began.elapsed() < PATIENCE, "nobody notices that the disk is full");
            if let Some(refusal) = ask().await {
                return refusal;
            }
        }
    }))
    .await;
    std::fs::remove_file(filler).expect("our own file");
    drop(locked);

    let full = (503, Some("spool_full".to_owned()), true);
    assert_eq!(refusals, vec![full; CLIENTS]);
    eventually(None, ask).await;
    let served = served.load(Ordering::Relaxed);
    eventually(left(served), async || balance_without_zeros(&gate).await).await;
    run(&gate, &["ledger", "verify"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_full_disk_the_books_take_all_that_was_answered_meanwhile() {
    // The spool's files are there from the start, so it is the books that find no room.
    let Some(disk) = SmallDisk::mounted(24) else {
        return;
    };
    let provider = provider().await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL]).set("prices", PRICES))
        .config("[spool]\nsize_mb = 8")
        .env(
            "TOLLGATE__SERVER__DATA_DIR",
            &disk.folder.join("data").display().to_string(),
        )
        .start()
        .await;
    let key = key_with_credit(&gate, "100").await;
    let served = AtomicU64::new(0);
    let ask = async || {
        let answer = gate.post_with(&key, &asked()).await;
        match answer.status {
            200 => {
                served.fetch_add(1, Ordering::Relaxed);
            }
            status => assert_eq!(
                (status, answer.error_code()),
                (503, Some("spool_full".to_owned()))
            ),
        }
    };
    let rounds = async |rounds: usize| {
        join_all((0..CLIENTS).map(async |_| {
            for _ in 0..rounds {
                ask().await;
            }
        }))
        .await
    };

    rounds(1).await;
    let filler = disk.fill();
    // Longer than the books take to try again, so that more than one batch of them is turned away.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        rounds(4).await;
    }
    gate.logged("database or disk is full").await;
    std::fs::remove_file(filler).expect("our own file");
    rounds(20).await;

    // Whoever asks the database himself sees what is written for good.
    let served = served.load(Ordering::Relaxed);
    eventually(left(served), async || balance_without_zeros(&gate).await).await;
    run(&gate, &["ledger", "verify"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_whose_spool_filled_its_disk_starts_again_and_books_all_of_it() {
    let Some(disk) = SmallDisk::mounted(4) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!(
        "[database]\nurl = \"sqlite://{}\"\n[spool]\nsize_mb = 8\n",
        folder.path().join("books.db").display()
    );
    let data_dir = disk.folder.join("data");
    let mut gate = setup()
        .config(&database)
        .env("TOLLGATE__SERVER__DATA_DIR", &data_dir.display().to_string())
        .start()
        .await;
    gate.signal(Signal::Terminate);
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
    // As a run leaves it that could not reach its books until the disk was full.
    let (spool, _) =
        Spool::open(&data_dir.join("spool"), Limits::of_mb(8), OnDamage::Refuse).expect("it is whole");
    let mut records = 0;
    let mut room = Instant::now();
    while room.elapsed() < Duration::from_secs(1) {
        let Some(given) = spool.reserve() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let long = "m".repeat(128);
        given.append(&UsageRecord {
            model: long.clone().into(),
            served_model: long.clone().into(),
            provider: long.clone().into(),
            channel: long.into(),
            ..days_ago(0, records)
        });
        records += 1;
        room = Instant::now();
    }
    // A file that somebody has open takes its room also without a name.
    drop(spool);
    disk.fill();

    gate.start_again().await;

    assert_eq!(sums(&gate).await["requests"], records);
    run(&gate, &["ledger", "verify"]).await;
}
