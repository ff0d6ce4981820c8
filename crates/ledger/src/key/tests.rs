use super::*;

#[test]
fn a_made_key_has_the_documented_form_and_is_recognised() {
    let text = KeyText::from_random(&[0xa5; KeyText::RANDOM_BYTES]);

    assert_eq!(text.reveal().len(), 51);
    assert_eq!(text.reveal().parse(), Ok(text.clone()));
}

#[test]
fn a_difference_in_any_random_byte_that_counts_gives_another_key() {
    let plain = KeyText::from_random(&[0; KeyText::RANDOM_BYTES]);

    for place in KeyText::RANDOM_BYTES - 35..KeyText::RANDOM_BYTES {
        let mut random = [0; KeyText::RANDOM_BYTES];
        random[place] = 1;
        assert_ne!(KeyText::from_random(&random), plain, "byte {place} had no effect");
    }
}

#[test]
fn every_letter_and_digit_comes_up_about_equally_often() {
    let mut counts = [0_u32; 128];
    // A fixed linear congruential sequence stands in for the random source.
    let mut state = 1_u64;
    for _ in 0..2_000 {
        let random = std::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        });
        for byte in KeyText::from_random(&random).reveal()[MARK.len()..].bytes() {
            counts[usize::from(byte)] += 1;
        }
    }

    // 96,000 draws of 62: 1,548 each, with a standard deviation of 39.
    for byte in ALPHABET {
        let count = counts[usize::from(*byte)];
        assert!(
            (1_548 - 200..=1_548 + 200).contains(&count),
            "{} came up {count} times",
            char::from(*byte)
        );
    }
}

#[test]
fn a_text_of_another_gate_is_taken_as_it_is_unless_it_could_be_guessed() {
    for good in [
        "sk-1234567890abcdefgh".to_owned(),
        "hk_live/4f+9==.~-0123456789".to_owned(),
        "d3b07384-d113-4956-a5cc-9ab5d8a1a1c1".to_owned(),
        "x".repeat(MOST_CHARS),
    ] {
        let text: KeyText = good.parse().expect("it is a key");
        assert_eq!(text.reveal(), good);
        assert_eq!(KeyHash::of_presented(&good), Some(text.hash()));
        let shown = text.prefix().as_str().len();
        assert!(
            shown <= 9 && shown * 4 <= good.len(),
            "{shown} of {} are shown",
            good.len()
        );
    }
    for wrong in [
        String::new(),
        "sk-1234".to_owned(),
        "sk-1234567890 abcdefghij".to_owned(),
        "sk-1234567890abcdéfghijk".to_owned(),
        "sk-1234567890abcdefghij\n".to_owned(),
        "x".repeat(MOST_CHARS + 1),
    ] {
        assert_eq!(
            wrong.parse::<KeyText>(),
            Err(NotAKey),
            "{wrong:?} was taken for a key"
        );
    }
    assert_eq!(KeyHash::of_presented(&"x".repeat(MOST_CHARS + 1)), None);
}

#[test]
fn a_hash_is_read_from_its_64_digits() {
    let text = KeyText::from_random(&[7; KeyText::RANDOM_BYTES]);
    let digits: String = text
        .hash()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    assert_eq!(KeyHash::from_hex(&digits), Some(text.hash()));
    assert_eq!(KeyHash::from_hex(&digits.to_uppercase()), Some(text.hash()));
    assert_eq!(
        KeyPrefix::of_hash(&text.hash()).as_str(),
        format!("sha256:{}", &digits[..8])
    );
    for wrong in [
        &digits[1..],
        &format!("{digits}0"),
        &format!("{}g", &digits[1..]),
        &"é".repeat(32),
        "",
    ] {
        assert_eq!(KeyHash::from_hex(wrong), None, "{wrong:?}");
    }
}

#[test]
fn the_hash_is_the_sha_256_of_the_whole_text() {
    let text: KeyText = format!("sk-{}", "a".repeat(48))
        .parse()
        .expect("it has the form of a key");

    let hex: String = text
        .hash()
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();

    // printf 'sk-%s' "$(printf 'a%.0s' $(seq 48))" | sha256sum
    assert_eq!(
        hex,
        "e1aa1d5b99d61d3bbcb90f1c8ba25247157f353e9b98cb231ac60e695d9ce694"
    );
}

#[test]
fn neither_debug_nor_prefix_tells_more_than_six_random_characters() {
    let text = KeyText::from_random(&[3; KeyText::RANDOM_BYTES]);

    let shown = &text.reveal()[..9];
    assert_eq!(text.prefix().as_str(), shown);
    assert_eq!(format!("{text:?}"), format!("KeyText({shown}…)"));
}
