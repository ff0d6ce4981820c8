use super::*;

#[test]
fn times_are_written_as_openai_writes_them() {
    for (millis, written) in [
        (0.0, "0ms"),
        (0.000_001, "1ms"),
        (20.0, "20ms"),
        (999.0, "999ms"),
        (1_000.0, "1s"),
        (8_640.0, "8.64s"),
        (1_001.0, "1.001s"),
        (60_000.0, "1m0s"),
        (90_500.0, "1m30.5s"),
        (3_600_000.0, "60m0s"),
    ] {
        let time = Duration::from_secs_f64(millis / 1_000.0);
        assert_eq!(as_openai_writes(time), written);
    }
}

#[test]
fn only_what_is_limited_is_told() {
    let mut headers = HeaderMap::new();
    let standing = Standing {
        limit: 60,
        remaining: 58,
        full_in: Duration::from_secs(2),
    };

    write(
        &Standings {
            requests: Some(standing),
            tokens: None,
        },
        &mut headers,
    );

    assert_eq!(headers.len(), 3);
    assert_eq!(headers["x-ratelimit-limit-requests"], "60");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "58");
    assert_eq!(headers["x-ratelimit-reset-requests"], "2s");
}
