use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn the_clock_that_says_more_is_believed() {
    let then = Moment::now();
    let after = |steady, wall: Timestamp| Moment {
        steady: then.steady + steady,
        wall,
    };

    let suspended = after(Duration::from_secs(1), then.wall + HOUR);
    let set_back = after(HOUR, then.wall - HOUR);

    assert_eq!(then.until(suspended), HOUR);
    assert_eq!(then.until(set_back), HOUR);
    assert_eq!(then.until(then), Duration::ZERO);
}

#[test]
fn time_that_one_clock_did_not_count_is_seen() {
    let mut moment = Moment::now();
    assert!(moment.stood_still() < HOUR);

    moment.wall -= HOUR * 2;
    assert!(moment.stood_still() > HOUR);
    moment.wall += HOUR * 4;
    assert_eq!(moment.stood_still(), Duration::ZERO, "it was set back");
}
