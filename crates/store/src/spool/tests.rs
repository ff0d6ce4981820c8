#![allow(clippy::unwrap_used)]

mod disk;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{
    record::tests::{any_record, record},
    *,
};

/// Small segments, so that there are many.
pub(crate) fn limits(kib: u64) -> Limits {
    Limits {
        max_bytes: kib * 1_024,
        ahead_bytes: 8 * 1_024,
        segment_bytes: 8 * 1_024,
        kept_bytes: 0,
    }
}

impl Limits {
    /// With so many KiB of files that are applied.
    pub(crate) fn keeping(self, kib: u64) -> Self {
        Self {
            kept_bytes: kib * 1_024,
            ..self
        }
    }
}

pub(crate) fn append(spool: &Spool, number: u32) -> Kept {
    within_seconds(|| spool.reserve()).append(&record(number))
}

/// The numbers of all records that are in files, in their order.
pub(crate) fn numbers(spool: &Spool) -> Vec<u32> {
    let mut bytes = Vec::new();
    let batch = spool
        .0
        .shared
        .read(Position::default(), 1_000_000, &mut bytes)
        .unwrap();
    let number = |record: UsageRecord<'_>| {
        let [.., a, b, c, d] = record.request.to_bytes();
        u32::from_be_bytes([a, b, c, d])
    };
    batch.records.into_iter().map(number).collect()
}

/// What `look` finds, looked for until it is there.
fn within_seconds<T>(look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come");
        thread::sleep(Duration::from_millis(2));
    }
}

fn open(dir: &Path, limits: Limits) -> Spool {
    Spool::open(dir, limits, OnDamage::Refuse).unwrap().0
}

#[test]
fn what_many_threads_append_at_once_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), limits(4_096));
    thread::scope(|scope| {
        for writer in 0..8 {
            let spool = &spool;
            scope.spawn(move || {
                for number in 0..500 {
                    assert_eq!(append(spool, writer * 1_000 + number), Kept::InFile);
                }
            });
        }
    });

    let numbers = numbers(&spool);

    assert_eq!(numbers.len(), 4_000);
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 4_000);
    for writer in 0..8 {
        let own = numbers.iter().filter(|number| **number / 1_000 == writer);
        assert!(own.is_sorted(), "each thread's are in its order");
    }
}

#[test]
fn a_spool_that_nobody_empties_refuses_at_its_bound_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), limits(40));
    let mut appended = 0;
    let began = Instant::now();
    // when requests come until none was let in for a while
    let mut refused_since = None;
    while refused_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(1_200)) {
        match spool.reserve() {
            Some(room) => {
                assert_eq!(room.append(&record(appended)), Kept::InFile);
                appended += 1;
                refused_since = None;
            }
            None => {
                refused_since.get_or_insert_with(Instant::now);
                thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    let standing = spool.standing();
    assert!(!standing.has_room);
    assert!(standing.disk_bytes <= standing.max_bytes, "{standing:?}");
    let on_disk: u64 = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert_eq!(on_disk, standing.disk_bytes);
    assert_eq!(numbers(&spool), (0..appended).collect::<Vec<_>>());

    // then room comes back with what is applied
    let mut bytes = Vec::new();
    let batch = spool
        .0
        .shared
        .read(Position::default(), 1_000, &mut bytes)
        .unwrap();
    spool.0.shared.applied(batch.next);
    assert_eq!(append(&spool, appended), Kept::InFile);
    assert_eq!(numbers(&spool).last(), Some(&appended));
    within_seconds(|| (spool.standing().disk_bytes <= 24 * 1_024).then_some(()));
}

#[test]
fn room_that_is_not_used_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), limits(16));
    let mut rooms = Vec::new();
    while rooms.len() < 1_000 {
        match spool.reserve() {
            Some(room) => rooms.push(room),
            // It may still be growing.
            None if spool.standing().disk_bytes < 16 * 1_024 => thread::sleep(Duration::from_millis(1)),
            None => break,
        }
    }
    assert!(rooms.len() < 1_000, "there is a bound");
    let all = rooms.len();

    rooms.clear();

    let again: Vec<Room> = std::iter::from_fn(|| spool.reserve()).collect();
    assert_eq!(again.len(), all);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve,
    Drop(prop::sample::Index),
    Append(prop::sample::Index, Box<UsageRecord<'static>>),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Reserve),
        1 => any::<prop::sample::Index>().prop_map(Step::Drop),
        3 => (any::<prop::sample::Index>(), any_record())
            .prop_map(|(room, record)| Step::Append(room, Box::new(record))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn who_was_given_room_finds_it_and_what_is_not_used_stays(
        steps in prop::collection::vec(any_step(), 0..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let spool = open(dir.path(), limits(64));
        let (mut rooms, mut written) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Reserve => rooms.extend(spool.reserve()),
                Step::Drop(room) if !rooms.is_empty() => drop(rooms.swap_remove(room.index(rooms.len()))),
                Step::Append(room, record) if !rooms.is_empty() => {
                    let room: Room = rooms.swap_remove(room.index(rooms.len()));
                    prop_assert_eq!(room.append(&record), Kept::InFile);
                    written.push(*record);
                }
                Step::Drop(_) | Step::Append(..) => {}
            }
        }
        let held = rooms.len() as u64;
        spool.close();

        let shared = &spool.0.shared;
        let state = shared.lock();
        let segments = state.spares.len() as u64 + 1;
        let free = segments * shared.limits.capacity() - (state.end - FIRST_FRAME).min(shared.limits.capacity() + MAX_FRAME as u64);
        drop(state);
        prop_assert_eq!(shared.free() + (held * MAX_FRAME as u64).cast_signed(), free.cast_signed());
        let mut bytes = Vec::new();
        prop_assert_eq!(shared.read(Position::default(), 1_000, &mut bytes).unwrap().records, written);
    }
}

#[test]
fn what_cannot_be_written_waits_in_memory_and_nobody_else_is_let_in() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), limits(64));
    let [first, second, third] = [(); 3].map(|()| spool.reserve().unwrap());
    assert_eq!(first.append(&record(0)), Kept::InFile);
    // given a disk that takes no more
    let shared = &spool.0.shared;
    let good = {
        let mut state = shared.lock();
        let full = state.current.as_ref().unwrap().on_full_disk();
        state.current.replace(Arc::new(full))
    };

    assert_eq!(second.append(&record(1)), Kept::InMemory);
    assert_eq!(third.append(&record(2)), Kept::InMemory);

    assert!(spool.reserve().is_none());
    assert_eq!(spool.standing().in_memory, 2);
    // when it takes them again
    shared.lock().current = good;
    assert_eq!(append(&spool, 3), Kept::InFile);
    assert_eq!(numbers(&spool), [0, 1, 2, 3]);
    assert_eq!(spool.standing().in_memory, 0);
}

#[test]
fn what_ends_after_a_record_that_waits_in_memory_waits_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    // Without the thread that would write what waits.
    let (shared, _) = Shared::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    assert!([shared.reserve(), shared.reserve()].iter().all(|given| *given));
    let full = shared.lock().current.as_ref().unwrap().on_full_disk();
    let good = shared.lock().current.replace(Arc::new(full));
    assert_eq!(shared.append(record::frame(&record(0))), Kept::InMemory);

    shared.lock().current = good;

    assert_eq!(shared.append(record::frame(&record(1))), Kept::InMemory);
    assert_eq!(shared.lock().kept.len(), 2);
}

const CHILD: &str = "TOLLGATE_TEST_SPOOL_WRITER";

/// Appends until it is killed, and says each number once it is kept. A process of the test below.
#[test]
fn writer_of_the_kill_test() {
    let Ok(dir) = env::var(CHILD) else { return };
    let (dir, first) = dir.split_once('#').unwrap();
    let spool = open(Path::new(dir), limits(4_096));
    let next = AtomicU32::new(first.parse().unwrap());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if append(&spool, number) == Kept::InFile {
                        writeln!(std::io::stdout(), "kept {number}").unwrap();
                    }
                }
            });
        }
    });
}

#[test]
fn every_record_that_was_kept_is_there_after_a_kill_at_any_moment() {
    let dir = tempfile::tempdir().unwrap();
    let mut kept = BTreeSet::new();
    let mut first = 0;
    for round in 0..15_u32 {
        let mut writer = Command::new(env::current_exe().unwrap())
            .args(["--exact", "spool::tests::writer_of_the_kill_test", "--nocapture"])
            .env(CHILD, format!("{}#{first}", dir.path().display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap());
        // when it is killed after some records, in the middle of the next
        let wanted = kept.len() + 20 + (round as usize * 37) % 300;
        let mut line = String::new();
        while kept.len() < wanted {
            line.clear();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the writer ended by itself"
            );
            kept.extend(kept_number(&line));
        }
        writer.kill().unwrap();
        let mut rest = String::new();
        let _ = lines.read_to_string(&mut rest);
        // A line that was cut is of a record that was kept all the same, and may be misread.
        let whole = rest.rsplit_once('\n').map_or("", |(whole, _)| whole);
        kept.extend(whole.lines().filter_map(kept_number));
        writer.wait().unwrap();
        first = (round + 1) * 1_000_000;

        let (spool, _) = Spool::open(dir.path(), limits(4_096), OnDamage::Refuse).unwrap();
        let numbers = numbers(&spool);
        let found: BTreeSet<u32> = numbers.iter().copied().collect();
        assert_eq!(found.len(), numbers.len(), "no record is there twice");
        let lost: Vec<_> = kept.difference(&found).collect();
        assert!(lost.is_empty(), "round {round}: {lost:?}");
    }
}

fn kept_number(line: &str) -> Option<u32> {
    let (_, number) = line.split_once("kept ")?;
    number.trim().parse().ok()
}

#[test]
fn a_closed_spool_is_synced_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), limits(64));
    append(&spool, 1);
    let (path, end) = {
        let state = spool.0.shared.lock();
        (state.current.as_ref().unwrap().path.clone(), state.end)
    };
    spool.close();

    // then a change of its last byte is known as damage, and not taken for what a crash left
    let mut bytes = fs::read(&path).unwrap();
    bytes[end as usize - 1] ^= 1;
    fs::write(&path, bytes).unwrap();
    let number = spool.0.shared.lock().current.as_ref().unwrap().number;
    assert!(matches!(
        segment::scan(&path, number),
        Err(segment::ScanError::Damaged(_))
    ));
}

#[test]
fn files_that_are_kept_though_they_are_applied_are_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), limits(64).keeping(64));
    for number in 0..1_000 {
        assert_eq!(append(&spool, number), Kept::InFile);
        spool.0.shared.applied(spool.0.shared.end());
        let standing = spool.standing();
        assert!(standing.disk_bytes <= standing.max_bytes, "{standing:?}");
        assert_eq!(standing.waiting_bytes, 0);
    }
}
