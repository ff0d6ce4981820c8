#![allow(clippy::unwrap_used)]

use futures_util::FutureExt;
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::{
    runtime,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tollgate_ledger::KeyId;

use super::{tape::Tape, *};
use crate::{request_id::RequestId, route::Pin};

const MEGABYTE: usize = 1 << 20;

fn settings(size: usize, answer: usize) -> IdempotencySettings {
    IdempotencySettings {
        size,
        answer,
        ttl: Duration::from_secs(600),
        linger: Duration::from_secs(2),
    }
}

fn name(key: i64, text: &str) -> Name {
    Name {
        holder: Holder::new(KeyId::new(key), Timestamp::UNIX_EPOCH),
        text: text.as_bytes().into(),
    }
}

fn id() -> RequestId {
    RequestId::new(&HeaderMap::new(), 0)
}

fn claim(replays: &Arc<Replays>, name: Name) -> Result<Claimed, GateError> {
    Replays::claim(replays, name, Fingerprint::of(b"body", &Pin::default()), &id())
}

async fn keep(replays: &Arc<Replays>, name: Name, bytes: usize) -> Result<(), GateError> {
    let Claimed::First {
        mut recording,
        reader,
    } = claim(replays, name)?
    else {
        panic!("it was there already")
    };
    recording.write(Response::new(whole(vec![0; bytes]))).await;
    recording.end(true);
    assert_eq!(reader.all().await.unwrap().len(), bytes);
    Ok(())
}

fn is_kept(replays: &Arc<Replays>, name: Name) -> bool {
    matches!(claim(replays, name), Ok(Claimed::Repeat { .. }))
}

#[tokio::test]
async fn where_there_is_no_room_the_oldest_of_who_keeps_most_goes() {
    let replays = Replays::new(settings(MEGABYTE, MEGABYTE));
    keep(&replays, name(1, "of another"), 100_000).await.unwrap();
    for number in 0..20 {
        let name = name(2, &format!("number {number}"));
        keep(&replays, name, 100_000).await.unwrap();
    }

    assert!(is_kept(&replays, name(1, "of another")));
    assert!(is_kept(&replays, name(2, "number 19")));
    assert!(!is_kept(&replays, name(2, "number 0")));
}

#[tokio::test]
async fn empty_answers_are_bounded_too() {
    let replays = Replays::new(settings(MEGABYTE, MEGABYTE));
    for number in 0..10_000 {
        keep(&replays, name(1, &number.to_string()), 0).await.unwrap();
    }
    let kept = (0..10_000).filter(|number: &i32| is_kept(&replays, name(1, &number.to_string())));
    assert!(kept.count() <= 512);
}

#[tokio::test]
async fn what_is_running_never_gives_way() {
    let replays = Replays::new(settings(8 * 1024, 8 * 1024));
    let mut running = Vec::new();
    for number in 0..4 {
        running.push(claim(&replays, name(1, &number.to_string())).unwrap());
    }

    let refused = claim(&replays, name(1, "one more"));
    assert!(matches!(refused, Err(GateError::MemoryFull)));

    running.pop();
    assert!(claim(&replays, name(1, "one more")).is_ok());
}

#[tokio::test]
async fn kept_answers_go_when_their_time_is_over() {
    let replays = Replays::new(settings(MEGABYTE, MEGABYTE));
    keep(&replays, name(1, "one"), 10).await.unwrap();

    assert!(replays.sweep(Instant::now() + Duration::from_secs(599)));
    assert!(is_kept(&replays, name(1, "one")));
    assert!(!replays.sweep(Instant::now() + Duration::from_secs(600)));
    assert!(!is_kept(&replays, name(1, "one")));
}

#[tokio::test]
async fn a_recording_that_is_dropped_cuts_its_readers_off_and_frees_the_name() {
    let replays = Replays::new(settings(MEGABYTE, MEGABYTE));
    let Ok(Claimed::First {
        recording,
        mut reader,
    }) = claim(&replays, name(1, "one"))
    else {
        panic!("it is the first")
    };

    drop(recording);

    assert_eq!(reader.head().await.map(|_| ()), Err(Cut));
    assert!(!is_kept(&replays, name(1, "one")));
}

#[tokio::test]
async fn who_comes_back_in_time_finds_the_tape_still_running() {
    let (tape, reader) = Tape::with_reader(Fingerprint::of(b"", &Pin::default()), id());
    let mut deserted = Box::pin(tape.deserted(|| sleep(Duration::from_secs(600))));
    assert_eq!(deserted.as_mut().now_or_never(), None, "somebody reads it");
    drop(reader);
    assert_eq!(deserted.as_mut().now_or_never(), None, "they may come back");

    let (_back, is_running) = Tape::join(&tape).unwrap();

    assert!(is_running);
    assert_eq!(deserted.as_mut().now_or_never(), None);
}

#[tokio::test]
async fn nobody_can_begin_to_read_a_deserted_tape() {
    let (tape, reader) = Tape::with_reader(Fingerprint::of(b"", &Pin::default()), id());
    drop(reader);

    timeout(Duration::from_secs(10), tape.deserted(|| std::future::ready(())))
        .await
        .unwrap();

    assert!(Tape::join(&tape).is_err());
}

/// What happens to a tape, in this order.
#[derive(Debug, Clone)]
enum Step {
    Write(usize),
    /// Somebody comes, and leaves after having read so many pieces.
    Join(usize),
    /// The others get a turn.
    Yield,
    StopKeeping,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..100_000_usize).prop_map(Step::Write),
        3 => (0..40_usize).prop_map(Step::Join),
        2 => Just(Step::Yield),
        1 => Just(Step::StopKeeping),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whoever_reads_sees_the_pieces_in_their_order_from_the_first_on(steps in steps()) {
        let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (tape, first) = Tape::with_reader(Fingerprint::of(b"", &Pin::default()), id());
            let mut readers = JoinSet::new();
            let written: usize = steps.iter().filter(|step| matches!(step, Step::Write(_))).count();
            readers.spawn(read(first, usize::MAX));
            let mut number = 0;
            for step in &steps {
                match step {
                    Step::Write(bytes) => {
                        // Pieces tell their number, and no one is empty.
                        let mut piece = vec![0; 8 + bytes];
                        piece[..8].copy_from_slice(&usize::to_le_bytes(number));
                        number += 1;
                        tape.write(piece.into()).await;
                    }
                    Step::Join(pieces) => {
                        if let Ok((reader, _)) = Tape::join(&tape) {
                            readers.spawn(read(reader, *pieces));
                        }
                    }
                    Step::Yield => tokio::task::yield_now().await,
                    Step::StopKeeping => tape.stop_keeping(),
                }
            }
            tape.end(Ok(()), None, None);
            while let Some(read) = readers.join_next().await {
                let (numbers, most) = read.unwrap();
                let expected: Vec<usize> = (0..written.min(most)).collect();
                assert_eq!(numbers, expected);
            }
        });
    }
}

/// The numbers of the first pieces that a reader sees.
async fn read(mut reader: Reader, most: usize) -> (Vec<usize>, usize) {
    let mut numbers = Vec::new();
    while numbers.len() < most
        && let Some(piece) = reader.next().await
    {
        let piece = piece.unwrap();
        numbers.push(usize::from_le_bytes(piece[..8].try_into().unwrap()));
    }
    (numbers, most)
}
