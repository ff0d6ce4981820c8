//! Environment variables over the file.

use super::*;

#[test]
fn the_environment_goes_over_the_file() {
    let config = written("[server]\nlisten = \"127.0.0.1:1\"\n")
        .env("TOLLGATE__SERVER__LISTEN", "0.0.0.0:2")
        .env("TOLLGATE__SERVER__CORS_ORIGINS", r#"["https://a.example"]"#)
        .env("TOLLGATE__LIMITS__N_MAX", "4")
        .env("TOLLGATE__SANDBOX__ENABLED", "false")
        .config();

    assert_eq!(config.server.listen, "0.0.0.0:2".parse().unwrap());
    assert_eq!(
        config.server.cors_origins,
        CorsOrigins::These(vec!["https://a.example".to_owned()])
    );
    assert_eq!(config.limits.n_max, 4);
    assert_eq!(config.sandbox, Sandbox::Off);
}

#[test]
fn a_text_that_looks_like_a_number_stays_a_text_where_a_text_belongs() {
    let config = written(CHANNEL)
        .env("TOLLGATE__CHANNELS__ONE__API_KEY", "123456")
        .config();

    assert_eq!(config.channels.enabled[0].api_key.expose_secret(), "123456");
}

#[test]
fn a_channel_is_found_by_its_name_or_position_and_the_next_position_adds_one() {
    let config = written(&CHANNEL.replace("one", "my-one.eu"))
        .env("TOLLGATE__CHANNELS__MY_ONE_EU__WEIGHT", "3")
        .env("TOLLGATE__CHANNELS__0__PRIORITY", "2")
        .env("TOLLGATE__CHANNELS__1__NAME", "added")
        .env("TOLLGATE__CHANNELS__1__PROVIDER", "openai-compatible")
        .env("TOLLGATE__CHANNELS__1__BASE_URL", "http://127.0.0.1:9/v1/")
        .env("TOLLGATE__CHANNELS__1__MODELS", r#"["mine"]"#)
        .config();

    let [one, added] = &config.channels.enabled[..] else {
        panic!("two channels")
    };
    assert_eq!((one.weight, one.priority), (3, 2));
    assert_eq!(added.name.as_str(), "added");
    assert_eq!(
        added.base_url.as_str(),
        "http://127.0.0.1:9/v1",
        "no slash at the end"
    );
}

#[test]
fn a_variable_that_may_be_for_two_channels_is_for_none() {
    let two = |first: &str, second: &str| {
        let named = |name: &str| CHANNEL.replace("\"one\"", &format!("\"{name}\""));
        named(first) + &named(second)
    };
    for (first, second, variable, told) in [
        (
            "east-1",
            "east.1",
            "EAST_1",
            "`east_1` may be the channel named `east-1` or the channel named `east.1`",
        ),
        (
            "backup",
            "0",
            "0",
            "`0` may be the channel at position 0, `backup`, or the channel named `0`",
        ),
        (
            "2",
            "spare",
            "2",
            "`2` may be a new channel at position 2 or the channel named `2`",
        ),
    ] {
        let name = format!("TOLLGATE__CHANNELS__{variable}__API_KEY");
        let mistakes = written(&two(first, second)).env(&name, "of-one").mistakes();

        assert!(mistakes.contains(&name) && mistakes.contains(told), "{mistakes}");
        assert!(!mistakes.contains("of-one"), "{mistakes}");
    }
    let same = written(&two("spare", "1")).env("TOLLGATE__CHANNELS__1__WEIGHT", "3");
    assert_eq!(same.config().channels.enabled[1].weight, 3);
}

#[test]
fn a_mistake_in_a_variable_names_the_variable() {
    let mistakes = written(CHANNEL)
        .env("TOLLGATE__SERVER__LISTEN", "here")
        .env("TOLLGATE__SERVER__LISTN", "127.0.0.1:1")
        .env("TOLLGATE__CHANNELS__ONE__WAIT", "3")
        .env("TOLLGATE__CHANNELS__TWO__WEIGHT", "3")
        .env("TOLLGATE__LIMITS__N_MAX", "many")
        .env("TOLLGATE__", "")
        .mistakes();

    insta::assert_snapshot!(mistakes);
}
