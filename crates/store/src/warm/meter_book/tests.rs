use std::num::NonZeroU32;

use jiff::{Timestamp, tz::TimeZone};
use tollgate_ledger::{
    KeyId, Limits, PerMinute,
    limits::{Bounded, Expected, Owner, admit},
    spending::Spent,
};

use super::*;

const NOW: Duration = Duration::from_secs(1);

fn held(book: &MeterBook<KeyId>) -> usize {
    book.held.lock().expect("no test panics with it").counted.len()
}

#[test]
fn a_key_keeps_its_count_when_it_is_read_anew() {
    let book = MeterBook::default();
    let request = book
        .of(KeyId::new(1), Timestamp::UNIX_EPOCH, NOW, || true)
        .meters
        .in_flight
        .enter(None, Duration::ZERO);

    assert_eq!(
        book.of(KeyId::new(1), Timestamp::UNIX_EPOCH, NOW, || true)
            .meters
            .in_flight
            .count(),
        1
    );
    drop(request);
    assert_eq!(
        book.of(KeyId::new(1), Timestamp::UNIX_EPOCH, NOW, || true)
            .meters
            .in_flight
            .count(),
        0
    );
}

#[test]
fn meters_of_keys_that_are_gone_do_not_pile_up() {
    let book = MeterBook::default();
    let request = book
        .of(KeyId::new(-1), Timestamp::UNIX_EPOCH, NOW, || true)
        .meters
        .in_flight
        .enter(None, Duration::ZERO);

    for id in 0..100_000 {
        drop(book.of(KeyId::new(id), Timestamp::UNIX_EPOCH, NOW, || true));
    }

    assert!(held(&book) <= SWEEP_FROM, "{} are held", held(&book));
    assert_eq!(
        book.of(KeyId::new(-1), Timestamp::UNIX_EPOCH, NOW, || true)
            .meters
            .in_flight
            .count(),
        1,
        "one with a request under way stays"
    );
    drop(request);
}

#[test]
fn a_rate_is_not_forgotten_with_the_copy_of_its_key() {
    let book = MeterBook::default();
    let limits = Limits {
        requests_per_minute: NonZeroU32::new(1).map(PerMinute::new),
        ..Limits::default()
    };
    let ask = || {
        let meters = book
            .of(KeyId::new(-1), Timestamp::UNIX_EPOCH, NOW, || true)
            .meters;
        let none = (Limits::default(), Meters::default());
        let owners = [
            Bounded {
                owner: Owner::Key,
                limits: &limits,
                meters: &meters,
            },
            Bounded {
                owner: Owner::Account,
                limits: &none.0,
                meters: &none.1,
            },
        ];
        admit(&owners, Expected::default(), NOW).is_ok()
    };
    assert!(ask());

    for id in 0..10_000 {
        drop(book.of(KeyId::new(id), Timestamp::UNIX_EPOCH, NOW, || true));
    }

    assert!(
        !ask(),
        "a key that is asked for seldom would have no limit at all"
    );
}

#[test]
fn what_is_not_in_the_books_yet_is_not_forgotten() {
    let book = MeterBook::default();
    let counted = book.of(KeyId::new(-1), Timestamp::UNIX_EPOCH, NOW, || true);
    let spending = Spending::new(Spent::default(), Timestamp::UNIX_EPOCH, TimeZone::UTC);
    counted.spending.set(Arc::new(spending)).expect("it is set once");
    drop(counted);
    let is_known = |book: &MeterBook<KeyId>| {
        let counted = book.of(KeyId::new(-1), Timestamp::UNIX_EPOCH, NOW, || false);
        counted.spending.get().is_some()
    };

    for id in 0..10_000 {
        drop(book.of(KeyId::new(id), Timestamp::UNIX_EPOCH, NOW, || false));
    }
    assert!(is_known(&book), "its charges are only in the spool");
    for id in 0..10_000 {
        drop(book.of(KeyId::new(id), Timestamp::UNIX_EPOCH, NOW, || true));
    }
    assert!(!is_known(&book), "it can be read again");
}
