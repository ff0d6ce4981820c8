#![allow(clippy::unwrap_used)]

use super::*;
use crate::spool::{
    OnDamage, Spool,
    tests::{append, limits, numbers},
};

fn database(digit: char) -> Owner {
    Owner {
        name: digit.to_string().repeat(16),
        url: format!("sqlite://{digit}.db"),
    }
}

/// A spool of database `a` with three records, of which it has so many.
fn spool_with_three(dir: &Path, applied: usize) {
    let (spool, _) = Spool::open(dir, limits(64), OnDamage::Refuse).unwrap();
    spool.is_for(&database('a')).unwrap();
    for number in 0..3 {
        append(&spool, number);
    }
    let shared = &spool.0.shared;
    let batch = shared
        .read(Position::default(), applied.max(1), &mut Vec::new())
        .unwrap()
        .next;
    if applied > 0 {
        shared.applied(batch);
    }
}

fn left(dir: &Path) -> Vec<u32> {
    numbers(&Spool::open(dir, limits(64), OnDamage::Refuse).unwrap().0)
}

#[test]
fn a_spool_stays_with_its_database_whatever_it_has_of_it() {
    for applied in 0..=3 {
        let dir = tempfile::tempdir().unwrap();
        spool_with_three(dir.path(), applied);

        let taken = database('a').take_over(dir.path(), false).unwrap();

        assert_eq!(taken, TakenOver::Own);
        assert_eq!(
            left(dir.path()),
            [0, 1, 2],
            "a restored database needs them again"
        );
    }
}

#[test]
fn a_spool_that_its_database_has_to_the_end_begins_anew_for_another() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 3);

    // Even where that has had records of this gate.
    let taken = database('b').take_over(dir.path(), true).unwrap();

    assert_eq!(taken, TakenOver::BegunAnew(database('a')));
    assert_eq!(left(dir.path()), [] as [u32; 0]);
}

#[test]
fn records_that_their_database_may_not_have_are_given_to_no_other_and_stay() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 1);

    let error = database('b').take_over(dir.path(), true).unwrap_err();

    let expected = format!(
        "the spool {} has 2 records that are for the database sqlite://a.db (aaaaaaaaaaaaaaaa) and may not be in it yet; \
         this one is sqlite://b.db (bbbbbbbbbbbbbbbb)",
        dir.path().display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(left(dir.path()), [0, 1, 2]);
}

/// Writes these bytes over what stands in the file of the first record that is not applied, at this place.
fn overwrites(dir: &Path, place: impl FnOnce(Position) -> u64, bytes: &[u8]) -> (PathBuf, Position) {
    let (_, applied) = read(dir).unwrap().unwrap();
    let path = segment::path_of(dir, applied.segment);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(bytes, place(applied)).unwrap();
    (path, applied)
}

#[test]
fn a_file_that_is_damaged_behind_what_its_database_has_is_given_to_no_other_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 1);
    let (path, applied) = overwrites(dir.path(), |applied| applied.offset, &[0xff; 40]);
    let before = fs::read(&path).unwrap();

    let error = database('b').take_over(dir.path(), true).unwrap_err();

    let expected = format!(
        "{} is damaged at byte {}, and its records are for the database sqlite://a.db (aaaaaaaaaaaaaaaa) and may not be in \
         it yet; this one is sqlite://b.db (bbbbbbbbbbbbbbbb)",
        path.display(),
        applied.offset
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_of_a_newer_gate_is_given_to_no_other_database_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 1);
    let (path, _) = overwrites(dir.path(), |_| 8, &[9]);

    let error = database('b').take_over(dir.path(), true).unwrap_err();

    let expected = format!(
        "{} was written by a newer tollgate, and its records are for the database",
        path.display()
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert!(path.exists());
}

#[test]
fn damage_in_what_its_database_has_keeps_no_spool_from_beginning_anew() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 3);
    overwrites(dir.path(), |applied| applied.offset - 10, &[0xff; 8]);

    let taken = database('b').take_over(dir.path(), false).unwrap();

    assert_eq!(taken, TakenOver::BegunAnew(database('a')));
    assert_eq!(left(dir.path()), [] as [u32; 0]);
}

#[test]
fn a_place_that_was_not_written_to_its_end_counts_as_nothing() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 3);
    let file = OpenOptions::new()
        .write(true)
        .open(dir.path().join(FILE))
        .unwrap();
    file.write_all_at(b"9", 20).unwrap();

    let error = database('b').take_over(dir.path(), false).unwrap_err();

    assert!(
        matches!(error, SpoolError::OfOtherDatabase { records: 3, .. }),
        "{error}"
    );
}

#[test]
fn a_spool_of_an_earlier_version_is_of_the_database_that_knows_its_gate() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 0);
    fs::remove_file(dir.path().join(FILE)).unwrap();

    let error = database('b').take_over(dir.path(), false).unwrap_err();

    let expected = format!(
        "the spool {} has 3 records of an earlier version, which did not say what database they are for; this one, \
         sqlite://b.db (bbbbbbbbbbbbbbbb), has never had any of this gate",
        dir.path().display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(database('b').take_over(dir.path(), true).unwrap(), TakenOver::Own);
    assert_eq!(left(dir.path()), [0, 1, 2]);
}

#[test]
fn an_operator_may_say_whose_records_they_are() {
    let dir = tempfile::tempdir().unwrap();
    spool_with_three(dir.path(), 0);
    fs::write(dir.path().join(FILE), "bbbbbbbbbbbbbbbb\n").unwrap();

    assert_eq!(
        database('b').take_over(dir.path(), false).unwrap(),
        TakenOver::Own
    );

    let (spool, _) = Spool::open(dir.path(), limits(64), OnDamage::Refuse).unwrap();
    spool.is_for(&database('b')).unwrap();
    assert_eq!(Owner::of_spool(dir.path()).unwrap(), Some(database('b')));
}

#[test]
fn a_folder_without_records_is_anybodys() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("spool");

    assert_eq!(database('b').take_over(&nowhere, false).unwrap(), TakenOver::Own);
    assert_eq!(Owner::of_spool(&nowhere).unwrap(), None);
}
