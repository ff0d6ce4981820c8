#![allow(clippy::unwrap_used)]

use tempfile::TempDir;

use super::*;
use crate::spool::{Limits, OnDamage, Spool, record::tests::record};

fn spool_with(dir: &TempDir, records: u32) -> Spool {
    let (spool, _) = Spool::open(dir.path(), Limits::of_mb(32), OnDamage::Refuse).unwrap();
    for number in 0..records {
        spool.reserve().unwrap().append(&record(number));
    }
    spool
}

#[test]
fn a_folder_that_is_not_there_holds_nothing() {
    let dir = TempDir::new().unwrap();

    let seen = Unapplied::after(Position::default(), &dir.path().join("spool")).unwrap();

    assert_eq!(seen, Unapplied::default());
}

#[test]
fn records_are_counted_while_the_gate_writes_and_up_to_its_end() {
    let dir = TempDir::new().unwrap();
    let spool = spool_with(&dir, 5);

    let seen = Unapplied::after(Position::default(), dir.path()).unwrap();

    assert_eq!((seen.records, seen.end), (5, spool.0.shared.end()));
    let rest = Unapplied::after(seen.end, dir.path()).unwrap();
    assert_eq!(rest.records, 0, "what is applied is not counted");
}

#[test]
fn records_of_several_runs_are_counted_from_the_place_on() {
    let dir = TempDir::new().unwrap();
    let first = spool_with(&dir, 2);
    let applied = first.0.shared.end();
    spool_with(&dir, 3);
    drop(first);

    let seen = Unapplied::after(applied, dir.path()).unwrap();

    assert_eq!(seen.records, 3);
}
