use super::*;

fn read(text: &str) -> Result<RedisUrl, RedisUrlError> {
    text.parse()
}

#[test]
fn what_is_left_out_has_its_default() {
    let url = read("redis://redis.example.com").expect("a host is enough");

    assert_eq!(url.to_string(), "redis://redis.example.com:6379/0");
    assert_eq!((url.user, url.password), (None, None));
}

#[test]
fn everything_can_be_named_and_credentials_are_never_shown() {
    let url = read("rediss://tollgate:re%2Fdis%3Aw%40rd@[::1]:6380/3").expect("it is complete");

    assert_eq!(url.user.as_deref(), Some("tollgate"));
    assert_eq!(url.password.as_deref(), Some("re/dis:w@rd"));
    assert_eq!(url.to_string(), "rediss://[::1]:6380/3");
    assert_eq!(format!("{url:?}"), "rediss://[::1]:6380/3");
}

#[test]
fn what_is_no_url_is_refused_without_being_repeated() {
    for (text, error) in [
        ("127.0.0.1:6379", RedisUrlError::Form),
        ("http://127.0.0.1:6379", RedisUrlError::Form),
        ("redis://", RedisUrlError::Form),
        ("redis://:pass/word@host", RedisUrlError::Form),
        ("redis://host/0?protocol=resp3", RedisUrlError::Parameters),
        ("redis://host/first", RedisUrlError::Database),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
}
