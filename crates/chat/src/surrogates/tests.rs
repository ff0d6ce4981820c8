use proptest::prelude::*;

use super::{Mender, mended};

fn in_pieces(json: &str, size: usize) -> String {
    let mut mender = Mender::default();
    let pieces = json.as_bytes().chunks(size);
    let mut out: String = pieces
        .map(|piece| mender.push(String::from_utf8(piece.to_vec()).unwrap()))
        .collect();
    out.push_str(&mender.end());
    out
}

#[test]
fn halves_become_the_replacement_character_and_nothing_else_changes() {
    for (json, expected) in [
        (r#""plain""#, r#""plain""#),
        (
            r#""\ud83d\ude00 \u00e9 \n \\ud800""#,
            r#""\ud83d\ude00 \u00e9 \n \\ud800""#,
        ),
        (r#""\ud800""#, r#""\ufffd""#),
        (r#""\uDC00x""#, r#""\ufffdx""#),
        (r#""\ud800\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
        (r#""\ud800\n""#, r#""\ufffd\n""#),
        (r#""\ud800\u0041""#, r#""\ufffd\u0041""#),
        (r#""\\\ud800""#, r#""\\\ufffd""#),
        // What is no JSON stays none.
        (r#""\ud8"#, r#""\ud8"#),
        (r#""\ud800\u12"#, r#""\ufffd\u12"#),
        (r#""\uzzzz"#, r#""\uzzzz"#),
    ] {
        assert_eq!(mended(json), expected, "{json}");
        for size in 1..8 {
            assert_eq!(in_pieces(json, size), expected, "{json} in pieces of {size}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_text_already_stays_as_it_is(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(mended(&json), &*json);
    }

    #[test]
    fn whatever_comes_becomes_text_wherever_it_is_cut(
        units in prop::collection::vec(prop_oneof![0xd7fe_u16..0xe002, 0x20_u16..0x22], 0..8),
        size in 1_usize..16,
    ) {
        let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
        let json = format!("\"{escaped}\"");
        let read: String = serde_json::from_str(&mended(&json)).unwrap();
        prop_assert_eq!(read, String::from_utf16_lossy(&units));
        prop_assert_eq!(in_pieces(&json, size), mended(&json));
    }

    #[test]
    fn any_text_at_all_goes_through(text in "[\\\\ud8c0x\u{e9}\"]{0,24}") {
        let _ = mended(&text);
    }
}
