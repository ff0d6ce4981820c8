use super::*;

fn held(counters: &Counters) -> usize {
    counters.0.lock().expect("no test panics with it").counters.len()
}

#[test]
fn a_key_keeps_its_count_when_it_is_read_anew() {
    let counters = Counters::default();
    let request = counters.of(KeyId::new(1)).enter(None);

    assert_eq!(counters.of(KeyId::new(1)).count(), 1);
    drop(request);
    assert_eq!(counters.of(KeyId::new(1)).count(), 0);
}

#[test]
fn counters_of_keys_that_are_gone_do_not_pile_up() {
    let counters = Counters::default();
    let request = counters.of(KeyId::new(-1)).enter(None);

    for id in 0..100_000 {
        drop(counters.of(KeyId::new(id)));
    }

    assert!(held(&counters) <= SWEEP_FROM, "{} are held", held(&counters));
    assert_eq!(
        counters.of(KeyId::new(-1)).count(),
        1,
        "one with a request under way stays"
    );
    drop(request);
}
