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
}

#[test]
fn a_rough_look_tells_bodies_of_one_length_apart_by_their_end() {
    let key = KeyId::new(1);
    let body = |last: &str| format!("{}{last}", "x".repeat(100_000));
    assert_eq!(
        Witness::roughly(key, body("a").as_bytes()),
        Witness::roughly(key, body("a").as_bytes())
    );
    for (one, other) in [(body("a"), body("b")), ("a".to_owned(), "b".to_owned())] {
        let look = |body: &str| Witness::roughly(key, body.as_bytes());
        assert_ne!(look(&one), look(&other));
    }
    let empty = Witness::roughly(key, b"");
    assert_ne!(empty, Witness::roughly(KeyId::new(2), b""));
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
