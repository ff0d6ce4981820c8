#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;
use crate::spool::record::{frame, tests::record};

const BYTES: u64 = 8 * 1_024;

/// A segment with three records, and where each begins and the last ends.
pub(crate) fn three_records(dir: &Path, number: u64) -> (Segment, Vec<u64>) {
    let segment = Segment::create(dir, number, BYTES).unwrap();
    let mut places = vec![FIRST_FRAME];
    for number in 0..3 {
        let at = *places.last().unwrap();
        let frame = frame(&record(number));
        segment.write(&frame, at).unwrap();
        places.push(at + frame.len() as u64);
    }
    (segment, places)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_segment_is_on_disk_in_its_full_size_before_anything_is_written() {
    let dir = folder();

    let segment = Segment::create(dir.path(), 7, BYTES).unwrap();

    assert_eq!(fs::metadata(&segment.path).unwrap().len(), BYTES);
    let scan = scan(&segment.path, 7).unwrap();
    assert_eq!((scan.end, scan.records, scan.torn), (FIRST_FRAME, 0, 0));
    assert_eq!(list(dir.path()).unwrap(), [7]);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_after_the_last_whole_record() {
    let dir = folder();
    let (segment, places) = three_records(dir.path(), 1);
    let whole = fs::read(&segment.path).unwrap();

    for cut in places[2]..places[3] {
        let mut torn = whole.clone();
        torn[cut as usize..].fill(0);
        fs::write(&segment.path, &torn).unwrap();

        let scan = scan(&segment.path, 1).unwrap();

        assert_eq!((scan.end, scan.records), (places[2], 2), "torn at {cut}");
        assert!(scan.torn <= cut - places[2]);
    }
}

#[test]
fn what_a_power_cut_left_out_of_order_is_cut_too_where_it_was_not_synced() {
    let dir = folder();
    let (segment, places) = three_records(dir.path(), 1);
    segment.mark(places[1]).unwrap();
    // given that the second record never came to disk, and the third did
    let gap = vec![0; (places[2] - places[1]) as usize];
    segment.write(&gap, places[1]).unwrap();

    let scan = scan(&segment.path, 1).unwrap();

    assert_eq!((scan.end, scan.records), (places[1], 1));
    assert_eq!(scan.torn, places[3] - places[1]);
}

#[test]
fn a_changed_byte_anywhere_in_what_was_synced_is_damage_at_its_record() {
    let dir = folder();
    let (segment, places) = three_records(dir.path(), 1);
    segment.mark(places[3]).unwrap();
    let whole = fs::read(&segment.path).unwrap();

    for place in FIRST_FRAME..places[3] {
        let mut damaged = whole.clone();
        damaged[place as usize] ^= 0x10;
        fs::write(&segment.path, &damaged).unwrap();

        let records = places.iter().filter(|start| **start <= place).count() - 1;
        match scan(&segment.path, 1) {
            Err(ScanError::Damaged(damage)) => assert_eq!(
                damage,
                Damage {
                    at: places[records],
                    records: records as u64
                },
                "changed at {place}"
            ),
            other => panic!("changed at {place}: {other:?}"),
        }
    }
}

#[test]
fn a_file_cut_short_of_what_was_synced_is_damaged() {
    let dir = folder();
    let (segment, places) = three_records(dir.path(), 1);
    segment.mark(places[3]).unwrap();
    let whole = fs::read(&segment.path).unwrap();

    for length in 0..places[3] {
        fs::write(&segment.path, &whole[..length as usize]).unwrap();

        let scan = scan(&segment.path, 1);

        assert!(
            matches!(scan, Err(ScanError::Damaged(_))),
            "{length} bytes: {scan:?}"
        );
    }
}

#[test]
fn a_changed_header_is_damage_and_a_newer_one_is_known_as_such() {
    let dir = folder();
    let (segment, _) = three_records(dir.path(), 1);
    let whole = fs::read(&segment.path).unwrap();

    for place in 0..HEADER_BYTES {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        fs::write(&segment.path, &damaged).unwrap();
        let scan = scan(&segment.path, 1);
        assert!(
            matches!(
                scan,
                Err(ScanError::Damaged(Damage { at: 0, .. }) | ScanError::Newer)
            ),
            "{place}: {scan:?}"
        );
    }
    let mut newer = whole.clone();
    newer[8..12].copy_from_slice(&(FORMAT + 1).to_le_bytes());
    fs::write(&segment.path, &newer).unwrap();
    assert!(matches!(scan(&segment.path, 1), Err(ScanError::Newer)));
    fs::write(&segment.path, &whole).unwrap();
    assert!(scan(&segment.path, 2).is_err(), "it is another segment's file");
}

#[test]
fn a_mark_that_is_torn_itself_says_nothing() {
    let dir = folder();
    let (segment, places) = three_records(dir.path(), 1);
    segment.mark(places[3]).unwrap();
    segment.write(&[0xff], MARK_AT + 3).unwrap();

    assert_eq!(scan(&segment.path, 1).unwrap().records, 3);
}

#[test]
fn what_is_left_of_making_a_segment_is_removed() {
    let dir = folder();
    let unfinished = dir.path().join("00000000000000000009.new");
    fs::write(&unfinished, "half").unwrap();
    fs::write(dir.path().join("README"), "not ours").unwrap();

    assert!(list(dir.path()).unwrap().is_empty());

    assert!(!unfinished.exists());
    assert!(dir.path().join("README").exists());
}
