use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn each_id_has_one_text_and_is_read_back_from_it(number: u128) {
        let id = RequestId(number);

        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(RequestId::from_bytes(id.to_bytes()), id);
    }
}

#[test]
fn a_text_that_no_id_has_is_refused() {
    for text in [
        "",
        "req_",
        "01234567890123456789012345678",
        "req_0123456789012345678901234567",
        "req_012345678901234567890123456789",
        "req_0123456789012345678901234567A",
        "req_0123456789012345678901234567+",
        "req_1234567890123456789012345678901234",
    ] {
        assert_eq!(text.parse::<RequestId>(), Err(NotRequestId), "{text}");
    }
}

#[test]
fn an_id_as_the_gate_makes_it_keeps_its_digits() {
    let text = "req_019aab3c4d5f00112233440000000";

    assert_eq!(
        text.parse::<RequestId>().map(|id| id.to_string()),
        Ok(text.to_owned())
    );
}

#[test]
fn ids_and_their_texts_are_in_the_order_of_time() {
    let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or_default();
    let ids = [
        RequestId::first_at(Timestamp::MIN),
        RequestId::new(1_763_467_200_000, u64::MAX, u32::MAX),
        RequestId::first_at(at(1_763_467_200_001)),
        RequestId::new(1_763_467_200_001, 7, 1),
        RequestId::new(1_763_467_200_001, 7, 2),
        RequestId::first_at(at(1_763_467_200_002)),
        RequestId::first_at(Timestamp::MAX),
    ];

    assert!(ids.is_sorted());
    let texts = ids.map(|id| id.to_string());
    assert!(texts.is_sorted(), "{texts:?}");
    assert_eq!(texts[3], "req_19a96d60601000000000700000001");
}
