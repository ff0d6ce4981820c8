use super::*;
use crate::generation::Generation;

fn job() -> (Job, Generation) {
    let (steps, receiver) = mpsc::unbounded_channel();
    (
        Job {
            prompt: Prompt::default(),
            steps,
        },
        Generation::new(receiver),
    )
}

#[test]
fn a_full_queue_takes_nothing_more() {
    let queue = Queue::new(2);
    let ((first, _keep_first), (second, _keep_second), (third, _keep_third)) = (job(), job(), job());
    assert_eq!(queue.push(first), Ok(()));
    assert_eq!(queue.push(second), Ok(()));
    assert_eq!(queue.push(third), Err(NotTaken::Full));
}

#[test]
fn what_goes_on_comes_next_and_is_never_refused() {
    let queue = Queue::new(1);
    let ((first, _keep_first), (mut next, _keep_next)) = (job(), job());
    next.prompt.sampling.seed = Some(7);
    assert_eq!(queue.push(first), Ok(()));
    assert_eq!(queue.push_next(next), Ok(()));
    assert_eq!(queue.take().and_then(|job| job.prompt.sampling.seed), Some(7));
    queue.close();
    assert_eq!(queue.push_next(job().0), Err(NotTaken::Closed));
}

#[test]
fn who_went_away_leaves_room() {
    let queue = Queue::new(1);
    let ((gone, receiver), (next, _keep)) = (job(), job());
    assert_eq!(queue.push(gone), Ok(()));
    drop(receiver);
    assert_eq!(
        queue.push(next),
        Ok(()),
        "nobody waits for the first one any more"
    );
    assert!(queue.take().is_some());
    assert!(queue.take().is_none());
}

#[tokio::test]
async fn closing_tells_those_who_wait() {
    let queue = Queue::new(1);
    let (waiting, mut generation) = job();
    assert_eq!(queue.push(waiting), Ok(()));

    queue.close();

    assert!(matches!(generation.next().await, Some(Err(Fault::Stopped))));
    assert!(queue.wait().is_none());
    assert_eq!(queue.push(job().0), Err(NotTaken::Closed));
}
