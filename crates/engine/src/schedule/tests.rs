use super::*;

#[test]
fn a_panic_becomes_the_fault_of_its_request() {
    let outcome = guarded(|| -> Result<(), Fault> { panic!("a bug") });
    assert!(matches!(outcome, Err(Fault::Panicked)));
}

#[test]
fn a_thread_that_ends_lets_nobody_wait() {
    let queue = Queue::new(1);
    drop(CloseAtEnd(&queue));
    assert!(queue.is_closed());
}
