use super::*;

fn witness(number: i64) -> Witness {
    Witness::of(KeyId::new(number), b"{}")
}

#[test]
fn a_witness_is_heard_once_a_minute() {
    let witnesses = Witnesses::default();
    assert!(witnesses.hear(witness(1), 1));
    assert!(!witnesses.hear(witness(1), 1));
    assert!(witnesses.hear(witness(2), 2));
    assert!(!witnesses.hear(witness(1), 59_000));
    assert!(witnesses.hear(witness(1), 61_000));
}

#[test]
fn bodies_and_keys_tell_witnesses_apart() {
    let (one, two) = (KeyId::new(1), KeyId::new(2));
    assert_eq!(Witness::of(one, b"a"), Witness::of(one, b"a"));
    assert_ne!(Witness::of(one, b"a"), Witness::of(two, b"a"));
    assert_ne!(Witness::of(one, b"a"), Witness::of(one, b"b"));
    assert_ne!(Witness::roughly(one, 1), Witness::roughly(one, 2));
}

#[test]
fn only_so_many_are_remembered() {
    let witnesses = Witnesses::default();
    for number in 0..=HEARD as i64 {
        assert!(witnesses.hear(witness(number), 1));
    }
    assert!(
        witnesses.hear(witness(0), 1),
        "it is forgotten for the others' sake"
    );
}

#[test]
fn a_suspicion_takes_two_witnesses_and_no_word_to_the_contrary_between_them() {
    let suspicion = Suspicion::default();
    assert!(!suspicion.is_confirmed_by(witness(1), 1));
    assert!(!suspicion.is_confirmed_by(witness(1), 2));
    assert!(suspicion.is_confirmed_by(witness(2), 3));

    suspicion.clear();
    assert!(!suspicion.is_confirmed_by(witness(1), 4));
    assert!(
        !suspicion.is_confirmed_by(witness(2), 64_000),
        "the first is forgotten"
    );
}
