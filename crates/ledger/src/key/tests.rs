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
fn what_is_not_exactly_a_key_is_not_recognised() {
    let good = KeyText::from_random(&[9; KeyText::RANDOM_BYTES]);
    let random = &good.reveal()[MARK.len()..];

    for wrong in [
        String::new(),
        "sk-".to_owned(),
        random.to_owned(),
        format!("SK-{random}"),
        format!("sk-{random}A"),
        format!("sk-{}", &random[1..]),
        format!("sk-{} ", &random[1..]),
        format!("sk-{}é", &random[2..]),
        format!(" sk-{random}"),
    ] {
        assert_eq!(
            wrong.parse::<KeyText>(),
            Err(NotAKey),
            "{wrong:?} was taken for a key"
        );
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
