#![allow(clippy::unwrap_used)]

use super::*;
use crate::spool::{
    Kept, Spool,
    record::tests::record,
    tests::{append, limits, numbers},
};

#[test]
fn records_come_back_in_their_order_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, left) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    assert_eq!(left, Left::default());
    for number in 0..100 {
        append(&spool, number);
    }
    drop(spool);

    let (spool, left) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    append(&spool, 100);

    assert_eq!((left.records, left.torn_bytes), (100, 0));
    assert_eq!(numbers(&spool), (0..=100).collect::<Vec<_>>());
}

#[test]
fn reading_goes_on_where_it_ended_whatever_the_batches_are() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    let shared = &spool.0.shared;
    for number in 0..60 {
        append(&spool, number);
    }

    for most in [1, 2, 7, 17, 59, 60, 61] {
        let mut expected = (0..60).map(record);
        let (mut position, mut bytes) = (Position::default(), Vec::new());
        loop {
            let batch = shared.read(position, most, &mut bytes).unwrap();
            assert!(batch.records.len() <= most);
            assert!(batch.next >= position);
            position = batch.next;
            if batch.records.is_empty() {
                break;
            }
            for record in batch.records {
                assert_eq!(Some(record), expected.next(), "in batches of {most}");
            }
        }
        assert_eq!(position, shared.end());
        assert_eq!(expected.next(), None, "in batches of {most}");
    }
}

#[test]
fn what_is_appended_while_it_is_read_is_read_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), limits(4_096), OnDamage::Refuse).unwrap();
    let shared = &spool.0.shared;
    let mut read = Vec::new();

    std::thread::scope(|scope| {
        scope.spawn(|| (0..8_000).for_each(|number| _ = append(&spool, number)));
        let (mut position, mut bytes) = (Position::default(), Vec::new());
        let began = std::time::Instant::now();
        while read.len() < 8_000 && began.elapsed().as_secs() < 20 {
            let batch = shared.read(position, 100, &mut bytes).unwrap();
            read.extend(batch.records.iter().map(|record| record.request));
            position = batch.next;
            // Or room runs out.
            shared.applied(position);
        }
    });

    assert!(
        read.iter()
            .copied()
            .eq((0..8_000).map(|number| record(number).request)),
        "{} were read",
        read.len()
    );
}

#[test]
fn a_place_that_is_not_there_means_the_oldest_record() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    for number in 0..3 {
        append(&spool, number);
    }
    let end = spool.0.shared.end();

    for nowhere in [
        Position::default(),
        Position {
            segment: u64::MAX,
            offset: FIRST_FRAME,
        },
        // More was synced in the database than of the file.
        Position {
            offset: end.offset + 1,
            ..end
        },
    ] {
        let mut bytes = Vec::new();
        let batch = spool.0.shared.read(nowhere, 10, &mut bytes).unwrap();
        assert_eq!(batch.records.len(), 3, "{nowhere:?}");
    }
}

#[test]
fn a_torn_tail_is_cut_and_what_comes_after_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (segment, places) = segment::tests::three_records(dir.path(), 1);
    segment.write(&[0; 20], places[3] - 20).unwrap();

    let (spool, left) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    append(&spool, 9);

    assert_eq!(left.records, 2);
    assert!(left.torn_bytes > 0);
    assert_eq!(numbers(&spool), [0, 1, 9]);
    drop(spool);
    let (spool, left) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    assert_eq!((left.records, left.torn_bytes), (3, 0), "it is cut for good");
    assert_eq!(numbers(&spool), [0, 1, 9]);
}

#[test]
fn damage_names_its_file_and_place_and_nothing_is_opened_or_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (segment, places) = segment::tests::three_records(dir.path(), 1);
    segment.mark(places[3]).unwrap();
    segment.write(&[0xff], places[1] + 30).unwrap();
    let before = fs::read(&segment.path).unwrap();

    let error = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap_err();

    let expected = format!(
        "{} is damaged at byte {}, after 1 whole records; with --skip-damaged those are taken and the file is set aside",
        segment.path.display(),
        places[1]
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(fs::read(&segment.path).unwrap(), before);
}

#[test]
fn what_stands_before_damage_is_taken_where_the_operator_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (segment, places) = segment::tests::three_records(dir.path(), 1);
    segment.mark(places[3]).unwrap();
    segment.write(&[0xff], places[1] + 30).unwrap();
    let before = fs::read(&segment.path).unwrap();

    let (spool, left) = Spool::open(dir.path(), limits(64), OnDamage::SetAside).unwrap();

    assert_eq!(numbers(&spool), [0]);
    let [aside] = &left.damaged[..] else {
        panic!("one file was damaged");
    };
    assert_eq!(fs::read(aside).unwrap(), before, "the whole file is kept");
    drop(spool);
    Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
}

#[test]
fn damage_that_comes_while_running_stops_the_reader_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    for number in 0..3 {
        append(&spool, number);
    }
    let shared = &spool.0.shared;
    let second = shared.read(Position::default(), 1, &mut Vec::new()).unwrap().next;
    let state = shared.lock();
    let current = state.current.as_ref().unwrap();
    current.write(&[0xff], second.offset + 9).unwrap();
    drop(state);

    let mut bytes = Vec::new();
    let batch = shared.read(Position::default(), 10, &mut bytes).unwrap();

    assert_eq!(batch.records, [record(0)]);
    let error = shared.read(batch.next, 10, &mut Vec::new()).unwrap_err();
    assert!(
        matches!(error, SpoolError::Damaged { offset, .. } if offset == second.offset),
        "{error}"
    );
}

#[test]
fn files_that_are_not_ours_are_left_alone_and_one_that_is_no_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("spool");
    fs::write(&file, "a file").unwrap();

    let error = Spool::open(&file, limits(64), OnDamage::Refuse).unwrap_err();

    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(file.is_file());
}

#[test]
fn a_restart_after_a_restart_needs_no_more_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut sizes = Vec::new();
    for number in 0..5 {
        let (spool, _) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
        assert_eq!(append(&spool, number), Kept::InFile);
        sizes.push(spool.standing().disk_bytes);
    }

    let growth = sizes[4] - sizes[0];
    assert!(growth < 4 * 2_048, "a record each, and not a segment: {sizes:?}");
}
