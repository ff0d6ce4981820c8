use proptest::prelude::*;
use serde_json::value::RawValue;

use super::{items, members, tree};
use crate::{json::Json, object::Member};

/// What serde_json makes of a text.
fn by_serde(text: &str) -> Option<Json<'_>> {
    serde_json::from_str(text).ok()
}

fn agrees(text: &str) {
    let expected = by_serde(text);
    if let Some(found) = tree(text, false) {
        assert_eq!(tree(text, true), Some(found.clone()), "{text:?}");
        assert_eq!(Some(found), expected, "{text:?}");
    }
    if let Some(found) = items(text, false) {
        assert_eq!(items(text, true), Some(found.clone()), "{text:?}");
        let raw: Vec<&RawValue> = serde_json::from_str(text).expect("serde_json takes it too");
        assert_eq!(found, raw.into_iter().map(RawValue::get).collect::<Vec<_>>());
    }
    if let Some(found) = members(text, false) {
        let known = members(text, true).expect("a known text is taken too");
        let slices = |members: &[Member<'_>]| -> Vec<String> {
            members
                .iter()
                .map(|member| format!("{}: {}", member.name, member.value))
                .collect()
        };
        assert_eq!(slices(&known), slices(&found), "{text:?}");
        let Some(Json::Object(expected)) = by_serde(text) else {
            panic!("serde_json does not take {text:?}");
        };
        assert_eq!(found.len(), expected.len());
        for (member, (name, value)) in found.iter().zip(expected) {
            assert_eq!(member.name, name);
            assert_eq!(by_serde(member.value), Some(value), "{text:?}");
        }
    }
}

/// Texts that JSON is made of, well-formed and not.
fn token() -> impl Strategy<Value = String> {
    let known = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"a\"",
        "\"\"",
        "\\",
        "\\n",
        "\\u00e9",
        "\\ud800",
        "\\x",
        "true",
        "false",
        "null",
        "nul",
        "0",
        "-",
        "-0",
        "01",
        "1.5",
        "1.",
        ".5",
        "1e3",
        "1E+",
        "12345678901234567890",
        "1e999",
        " ",
        "\n",
        "\t",
        "\u{1}",
        "é",
        "\u{1f600}",
        "\"long string without an end of any kind ",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,40}",
    ]
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,60}".prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((".{0,6}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_never_takes_what_serde_json_refuses_and_never_reads_it_otherwise(
        tokens in proptest::collection::vec(token(), 0..12),
    ) {
        agrees(&tokens.concat());
    }

    #[test]
    fn every_value_is_taken_however_it_is_spaced(value in value(), pretty: bool) {
        let text = match pretty {
            true => serde_json::to_string_pretty(&value),
            false => serde_json::to_string(&value),
        }.expect("a value serialises");
        prop_assert!(tree(&text, false).is_some(), "{text}");
        prop_assert_eq!(items(&text, false).is_some(), value.is_array());
        prop_assert_eq!(members(&text, false).is_some(), value.is_object());
        agrees(&text);
    }
}

#[test]
fn a_long_string_is_crossed_whatever_stands_in_it_and_where() {
    let plain = "x".repeat(30_000);
    for at in [0, 1, 6, 7, 8, 9, 31, 32, 33, 8_191, 8_192, 8_193, 8_216, 29_999] {
        for (inside, taken) in [("\\\"", true), ("é", true), ("\u{1f}", false), ("\\q", false)] {
            let text = format!("[\"{}{inside}{}\"]", &plain[..at], &plain[at..]);
            assert_eq!(items(&text, false).is_some(), taken, "{inside:?} at {at}");
            agrees(&text);
        }
    }
    assert!(items(&format!("[\"{plain}"), false).is_none());
}

#[test]
fn nesting_is_bounded_like_that_of_serde_json() {
    for depth in [126, 127, 128, 129] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(tree(&text, false).is_some(), by_serde(&text).is_some(), "{depth}");
        agrees(&text);
    }
}
