use proptest::prelude::*;

use tollgate_catalog::channel::ChannelName;

use super::*;

fn key() -> ApiKey {
    ApiKey {
        id: KeyId::new(1),
        name: "app".to_owned(),
        prefix: KeyPrefix::from_stored("sk-abcdef".to_owned()),
        created: at(0),
        revoked: None,
        settings: KeySettings::of_account("default"),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time in reach")
}

#[test]
fn a_key_without_an_end_is_usable_at_any_time() {
    assert_eq!(key().usable(Timestamp::MAX), Ok(()));
}

#[test]
fn a_key_is_of_no_use_from_the_second_it_expires() {
    let mut key = key();
    key.settings.expires = Some(at(100));

    assert_eq!(key.usable(at(99)), Ok(()));
    assert_eq!(key.usable(at(100)), Err(Unusable::Expired));
}

#[test]
fn what_somebody_decided_is_told_before_what_came_about_by_itself() {
    let mut key = key();
    key.settings.expires = Some(at(100));
    key.settings.enabled = false;
    assert_eq!(key.usable(at(200)), Err(Unusable::Disabled));

    key.revoked = Some(at(50));
    assert_eq!(key.usable(at(200)), Err(Unusable::Revoked));
}

#[test]
fn a_key_calls_every_model_until_some_are_named() {
    let [a, b] = ["gpt-4o", "claude-sonnet-4-6"].map(ModelId::new);
    assert!(AllowedModels::default().permits(&a));

    let only: AllowedModels = "gpt-4o".parse().expect("one ID");

    assert!(only.permits(&a));
    assert!(!only.permits(&b));
    assert!(!only.permits(&ModelId::new("GPT-4o")), "IDs are compared exactly");
}

#[test]
fn what_is_no_list_of_models_is_refused() {
    for text in ["", ",", "a,", ",a", "a,,b", "a, b", " a", "a\tb", "a\n"] {
        assert_eq!(text.parse::<AllowedModels>(), Err(NotModels), "{text:?}");
    }
}

#[test]
fn a_keys_requests_go_to_every_channel_until_some_are_named() {
    let [a, b, c] = ["a", "b", "c"].map(ChannelName::new);
    let names = |text: &str| Some(text.parse::<ChannelNames>().expect("names"));
    let permitted = |only, not| {
        let allowed = AllowedChannels { only, not };
        [&a, &b, &c].map(|channel| allowed.permit(channel))
    };

    assert_eq!(permitted(None, None), [true; 3]);
    assert_eq!(permitted(names("a,b"), None), [true, true, false]);
    assert_eq!(permitted(None, names("b")), [true, false, true]);
    assert_eq!(permitted(names("a,b"), names("b")), [true, false, false]);
}

#[test]
fn what_is_no_list_of_channels_is_refused() {
    for text in ["", ",", "a,", "a,,b", "a, b", "a b", "a/b", "ä"] {
        assert_eq!(text.parse::<ChannelNames>(), Err(NotChannels), "{text:?}");
    }
}

#[test]
fn channels_are_read_as_they_are_written() {
    let names: ChannelNames = "openai-main,a_b.c".parse().expect("names");
    assert_eq!(names.to_string().parse(), Ok(names));
}

#[test]
fn a_key_works_from_any_address_until_networks_are_named() {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    assert!(AllowedNetworks::default().permit(address("203.0.113.9")));

    let inside: AllowedNetworks = "10.0.0.0/8,192.0.2.7,2001:db8::/32".parse().expect("networks");

    for allowed in ["10.255.0.1", "192.0.2.7", "2001:db8::1"] {
        assert!(inside.permit(address(allowed)), "{allowed}");
    }
    for refused in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::1"] {
        assert!(!inside.permit(address(refused)), "{refused}");
    }
}

#[test]
fn what_is_no_list_of_networks_is_refused() {
    for text in [
        "",
        "10.0.0.0/33",
        "10.0.0",
        "localhost",
        "10.0.0.1, 10.0.0.2",
        "10.0.0.1,",
    ] {
        assert_eq!(text.parse::<AllowedNetworks>(), Err(NotNetworks), "{text:?}");
    }
}

#[test]
fn the_kinds_of_reserve_are_read_as_they_are_written() {
    for reserve in [Reserve::Expected, Reserve::Full] {
        assert_eq!(reserve.as_str().parse(), Ok(reserve));
    }
    assert_eq!("Full".parse::<Reserve>(), Err(NotReserve));
}

proptest! {
    #[test]
    fn models_are_read_as_they_are_written(ids in prop::collection::vec("[a-zA-Z0-9._:/@-]{1,12}", 1..6)) {
        let models = AllowedModels::only(ids.into_iter().map(ModelId::new));

        prop_assert_eq!(models.to_string().parse(), Ok(models));
    }

    #[test]
    fn networks_are_read_as_they_are_written(
        v4 in prop::collection::vec((any::<[u8; 4]>(), 0_u8..=32), 1..4),
        v6 in prop::collection::vec((any::<[u8; 16]>(), 0_u8..=128), 0..4),
    ) {
        let v4 = v4.into_iter().map(|(bytes, length)| IpNet::new(bytes.into(), length));
        let v6 = v6.into_iter().map(|(bytes, length)| IpNet::new(bytes.into(), length));
        let networks = AllowedNetworks::new(v4.chain(v6).map(|network| network.expect("a length in reach")));

        prop_assert_eq!(networks.to_string().parse(), Ok(networks));
    }
}
