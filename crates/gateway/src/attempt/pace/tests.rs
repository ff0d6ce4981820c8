#![allow(clippy::unwrap_used)]

use std::num::NonZeroU32;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn pace() -> Pace {
    Pace::new(SpeedFloor {
        tokens_per_second: NonZeroU32::new(10).unwrap(),
        window: 2 * SECOND,
    })
}

fn says(pace: &mut Pace, text: &str) {
    pace.came(b"data: {\"and\":\"what is around it\"}\n\n");
    let text = text.to_owned();
    pace.said(&[Event::new(EventKind::Text { choice: 0, text })]);
}

#[test]
fn a_stream_below_the_floor_is_too_slow_at_the_end_of_the_window() {
    let mut pace = pace();
    for _ in 0..19 {
        says(&mut pace, "word");
        pace.waited(SECOND / 10).unwrap();
    }
    assert_eq!(pace.left(), SECOND / 10);
    assert!(matches!(pace.waited(SECOND / 5), Err(Failure::TooSlow { .. })));
}

#[test]
fn a_stream_at_the_floor_goes_on() {
    let mut pace = pace();
    for _ in 0..200 {
        says(&mut pace, "word");
        pace.waited(SECOND / 10).unwrap();
    }
}

#[test]
fn many_tokens_in_one_event_count_as_many() {
    let mut pace = pace();
    for _ in 0..5 {
        says(&mut pace, &"word".repeat(20));
        pace.waited(2 * SECOND).unwrap();
    }
}

#[test]
fn who_thinks_in_silence_or_has_finished_is_not_measured() {
    let mut pace = pace();
    pace.came(b": ping\n\n");
    pace.waited(600 * SECOND).unwrap();

    says(&mut pace, "word");
    let finish = tollgate_chat::event::Finish {
        choice: 0,
        reason: tollgate_chat::event::FinishReason::Stop,
        matched_stop: None,
        provider_reason: None,
    };
    pace.said(&[Event::new(EventKind::Finish(finish))]);
    pace.waited(600 * SECOND).unwrap();
}

#[test]
fn an_event_that_never_ends_is_too_slow_and_a_large_one_is_not() {
    let mut dribble = pace();
    dribble.came(b"d");
    assert!(dribble.waited(2 * SECOND).is_err());

    let mut large = pace();
    for _ in 0..10 {
        large.came(&[b'x'; 4096]);
        large.waited(2 * SECOND).unwrap();
    }
}

#[test]
fn time_in_which_nobody_waits_is_known_to_all_that_are_read_together() {
    const MOMENT: Duration = Duration::from_millis(20);
    let pass = || std::thread::sleep(MOMENT);
    let attention = Arc::new(Attention::default());
    pass();
    assert_eq!(attention.missed(), Duration::ZERO, "nobody has begun to wait");

    drop(attention.begins());
    pass();
    let attending = attention.begins();
    let missed = attention.missed();
    assert!(missed >= MOMENT, "{missed:?}");
    pass();
    assert_eq!(attention.missed(), missed, "somebody waits");

    drop(attending);
    pass();
    assert!(attention.missed() >= missed + MOMENT);
}
