//! Work beside the engine's own, such as reading a client's schema.
//!
//! A schema may keep a core busy for a second, and the library that follows it calls itself. So it gets a
//! thread of its own, which stands back behind the gate and the engine, and has room where a tokio thread's two
//! megabytes could end the process.
//! Not here: how many such pieces there may be at once (whoever starts them).

use std::{io, thread};

use tokio::sync::oneshot;

use crate::schedule::priority;

/// Room for calls within calls. Only what is touched takes memory.
const STACK: usize = 64 << 20;

/// Starts a piece of work; its outcome comes from the receiver, or an error where it panicked.
///
/// Cancel safety: the work goes on where the receiver is dropped.
pub fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (outcome, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("engine-aside".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            priority::lower_below_the_engine();
            // Who does not wait any more does not miss it.
            let _ = outcome.send(work());
        })?;
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_has_room_and_a_panic_is_told() {
        fn nested(depth: usize) -> usize {
            let here = std::hint::black_box([depth; 128]);
            if depth == 0 {
                0
            } else {
                nested(depth - 1) + here[0] / depth
            }
        }
        let deep = aside(|| nested(30_000)).expect("a thread can be started");
        assert_eq!(deep.await, Ok(30_000));
        let panicked = aside(|| panic!("a bug")).expect("a thread can be started");
        let told: Result<(), _> = panicked.await;
        assert!(told.is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_stands_back_behind_the_gate_and_the_engine() {
        let nice = || rustix::process::getpriority_process(None).expect("it can be asked");
        let of_work = aside(nice)
            .expect("a thread can be started")
            .await
            .expect("no panic");
        let of_engine = thread::spawn(move || {
            priority::lower();
            nice()
        });
        let of_engine = of_engine.join().expect("no panic");
        assert!(
            of_work > of_engine && of_engine > nice(),
            "{of_work}, {of_engine}, {}",
            nice()
        );
    }
}
