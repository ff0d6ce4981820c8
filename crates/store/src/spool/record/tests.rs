#![allow(clippy::unwrap_used)]

use proptest::{option, prelude::*};

use super::*;

/// A record that differs for each `number` in its ID alone, and is charged 1,500 nano-dollars.
pub(crate) fn record(number: u32) -> UsageRecord<'static> {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    UsageRecord {
        request: RequestId::from_bytes(id),
        account: AccountId::new(1),
        key: KeyId::new(1),
        made: None,
        model: "gpt-4o".into(),
        served_model: "gpt-4o-2024-08-06".into(),
        provider: "openai".into(),
        channel: "openai-1".into(),
        service_tier: Some("default".into()),
        started: "2026-11-18T12:00:00.000001Z".parse().unwrap(),
        duration: Duration::from_micros(1_234_567),
        first_output: Some(Duration::from_micros(234_567)),
        stream: true,
        outcome: UsageRecord::OK.into(),
        usage: Usage {
            prompt: 1_200,
            completion: 300,
            cached: 1_024,
            reasoning: 64,
            ..Usage::default()
        },
        estimated: false,
        price_version: Some("2026-11-01".into()),
        held: Money::from_nanos(2_000),
        charge: Some(Money::from_nanos(1_500)),
        cost: Some(Money::from_nanos(1_000)),
        lost_cost: Money::ZERO,
    }
}

/// Tokens of every class there is, each of another number. Whoever adds a class names it here, and sees that it is kept.
pub(crate) fn of_every_class() -> Usage {
    Usage {
        prompt: 100_000,
        completion: 10_000,
        cached: 20_000,
        cache_write: 7_000,
        cache_write_1h: 3_000,
        prompt_audio: 11_000,
        cached_audio: 5_000,
        prompt_image: 1_300,
        prompt_video: 1_700,
        reasoning: 1_900,
        completion_audio: 230,
        completion_image: 1_290,
        accepted_prediction: 29,
        rejected_prediction: 31,
    }
}

/// Any record whose texts are as long as they are kept at most.
pub(crate) fn any_record() -> impl Strategy<Value = UsageRecord<'static>> {
    let text = || "[a-zA-Z0-9./:é-]{0,40}".prop_map(Cow::<'static, str>::from);
    let money = || any::<i64>().prop_map(Money::from_nanos);
    let time = || any::<u64>().prop_map(Duration::from_micros);
    let moment = || {
        (-377_000_000_000_000_000..253_000_000_000_000_000_i64)
            .prop_map(|micros| Timestamp::from_microsecond(micros).unwrap())
    };
    let texts = (
        text(),
        text(),
        text(),
        text(),
        option::of(text()),
        text(),
        option::of(text()),
    );
    let moneys = (money(), option::of(money()), option::of(money()), money());
    let times = (-377_000_000_000..253_000_000_000_i64, time(), option::of(time()));
    let flags: (_, _) = (any::<bool>(), any::<bool>());
    let numbers = (
        any::<[u8; 16]>(),
        any::<i64>(),
        any::<i64>(),
        any::<[u64; COUNTS]>(),
        option::of((moment(), moment())),
    );
    (texts, moneys, times, flags, numbers).prop_map(|(texts, moneys, times, flags, numbers)| UsageRecord {
        request: RequestId::from_bytes(numbers.0),
        account: AccountId::new(numbers.1),
        key: KeyId::new(numbers.2),
        made: numbers.4.map(|(account, key)| Made { account, key }),
        model: texts.0,
        served_model: texts.1,
        provider: texts.2,
        channel: texts.3,
        service_tier: texts.4,
        started: Timestamp::from_second(times.0).unwrap(),
        duration: times.1,
        first_output: times.2,
        stream: flags.0,
        outcome: texts.5,
        usage: usage_of(&numbers.3),
        estimated: flags.1,
        price_version: texts.6,
        held: moneys.0,
        charge: moneys.1,
        cost: moneys.2,
        lost_cost: moneys.3,
    })
}

fn usage_of(counts: &[u64; COUNTS]) -> Usage {
    let bytes: Vec<u8> = counts.iter().flat_map(|count| count.to_le_bytes()).collect();
    Fields(&bytes).usage(VERSION).unwrap()
}

proptest! {
    #[test]
    fn any_record_is_read_as_it_was_written(record in any_record()) {
        let frame = frame(&record);

        prop_assert!(frame.len() <= MAX_FRAME);
        prop_assert_eq!(read_frame(&frame, 0), Found::Record(record, frame.len()));
    }

    #[test]
    fn a_frame_cut_anywhere_is_not_taken_for_a_record(record in any_record(), cut in 1_usize..400) {
        let frame = frame(&record);
        let cut = &frame[..cut.min(frame.len() - 1)];
        // The length of a body of 256 bytes begins with a zero, as room does that nothing was written to.
        let expected = match cut.iter().all(|byte| *byte == 0) {
            true => Found::Nothing,
            false => Found::Broken,
        };

        prop_assert_eq!(read_frame(cut, 0), expected);
    }

    #[test]
    fn a_frame_with_any_byte_changed_is_not_taken_for_a_record(
        record in any_record(),
        place: prop::sample::Index,
        change in 1_u8..,
    ) {
        let mut frame = frame(&record);
        let place = place.index(frame.len());
        frame[place] ^= change;

        prop_assert_eq!(read_frame(&frame, 0), Found::Broken);
    }

    #[test]
    fn no_bytes_make_the_reader_fail(bytes: Vec<u8>, at in 0_usize..300) {
        let _ = read_frame(&bytes, at);
        let _ = read_body(&bytes);
    }
}

#[test]
fn a_record_with_texts_of_any_length_has_room() {
    let long: Cow<'static, str> = "é".repeat(600).into();
    let record = UsageRecord {
        model: long.clone(),
        served_model: long.clone(),
        provider: long.clone(),
        channel: long.clone(),
        service_tier: Some(long.clone()),
        outcome: long.clone(),
        price_version: Some(long),
        ..record(1)
    };

    let frame = frame(&record);

    assert_eq!(frame.len(), MAX_FRAME);
    let Found::Record(read, _) = read_frame(&frame, 0) else {
        panic!("not whole");
    };
    assert_eq!(read.model, "é".repeat(64));
}

#[test]
fn tokens_of_every_class_are_read_as_they_were_written() {
    let record = UsageRecord {
        usage: of_every_class(),
        ..record(1)
    };

    let frame = frame(&record);

    assert_eq!(read_frame(&frame, 0), Found::Record(record, frame.len()));
}

#[test]
fn the_rates_of_several_calls_are_kept_whole() {
    let rates =
        "in=2.5 cached=0.25 write5m=3.125 write1h=5 audio=10 out=15 reasoning=15 image=60 and ".repeat(6);
    let record = UsageRecord {
        price_version: Some(rates.into()),
        ..record(1)
    };

    let frame = frame(&record);

    assert!(frame.len() <= MAX_FRAME);
    assert_eq!(read_frame(&frame, 0), Found::Record(record, frame.len()));
}

#[test]
fn a_text_is_not_cut_within_a_character() {
    let record = UsageRecord {
        model: format!("{}é", "a".repeat(127)).into(),
        ..record(1)
    };

    let frame = frame(&record);
    let Found::Record(read, _) = read_frame(&frame, 0) else {
        panic!("not whole");
    };

    assert_eq!(read.model, "a".repeat(127));
}

#[test]
fn what_a_newer_version_wrote_is_known_as_such() {
    let mut frame = frame(&record(1));
    frame[HEAD] = VERSION + 1;
    let length = u32::try_from(frame.len() - HEAD).unwrap();
    let sum = checksum(length, &frame[HEAD..]);
    frame[4..HEAD].copy_from_slice(&sum.to_le_bytes());

    assert_eq!(read_frame(&frame, 0), Found::Newer);
}

/// A frame of the first version, as it lies on disks. Never to be changed.
const FIRST_VERSION: &str = "
    01010000eb28a14b01000000000000000000000000000000077d0100000000000000010000000000000001501bc08b60
    0600d007000000000000dc05000000000000e803000000000000000000000000000087d6120000000000479403000000
    0000b0040000000000002c01000000000000000400000000000000000000000000000000000000000000000000000000
    000000000000000000000000000000000000400000000000000000000000000000000000000000000000000000000000
    00000000000000000000066770742d346f116770742d346f2d323032342d30382d3036066f70656e6169086f70656e61
    692d310764656661756c74026f6b0a323032362d31312d3031
";

/// A frame of the second version, likewise.
const SECOND_VERSION: &str = "
    0a01000019c8857c02000000000000000000000000000000077d0100000000000000010000000000000001501bc08b60
    0600d007000000000000dc05000000000000e803000000000000000000000000000087d6120000000000479403000000
    0000a0860100000000001027000000000000204e000000000000581b000000000000b80b000000000000f82a00000000
    00001405000000000000a4060000000000006c07000000000000e6000000000000000a050000000000001d0000000000
    00001f000000000000008813000000000000066770742d346f116770742d346f2d323032342d30382d3036066f70656e
    6169086f70656e61692d310764656661756c74026f6b0a00323032362d31312d3031
";

/// A frame of the second version that says when account and key were made, likewise.
const SECOND_VERSION_WITH_MOMENTS: &str = "
    1a0100005e252ff00200000000000000000000000000000007fd0100000000000000010000000000000001501bc08b60
    0600d007000000000000dc05000000000000e803000000000000000000000000000087d6120000000000479403000000
    0000a0860100000000001027000000000000204e000000000000581b000000000000b80b000000000000f82a00000000
    00001405000000000000a4060000000000006c07000000000000e6000000000000000a050000000000001d0000000000
    00001f00000000000000881300000000000002ac87e98a600600037ed1548b600600066770742d346f116770742d346f
    2d323032342d30382d3036066f70656e6169086f70656e61692d310764656661756c74026f6b0a00323032362d31312d
    3031
";

/// The bytes of such a text.
fn bytes_of(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|digit| char::from(digit).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn what_each_version_wrote_is_still_read() {
    let (first, second) = (bytes_of(FIRST_VERSION), bytes_of(SECOND_VERSION));
    let with_all = UsageRecord {
        usage: of_every_class(),
        ..record(7)
    };

    assert_eq!(read_frame(&first, 0), Found::Record(record(7), first.len()));
    assert_eq!(
        read_frame(&second, 0),
        Found::Record(with_all.clone(), second.len())
    );
    assert_eq!(frame(&with_all), second, "this gate writes the second");

    let with_moments = bytes_of(SECOND_VERSION_WITH_MOMENTS);
    let made = UsageRecord {
        made: Some(Made {
            account: "2026-11-18T11:00:00.000002Z".parse().unwrap(),
            key: "2026-11-18T11:30:00.000003Z".parse().unwrap(),
        }),
        ..with_all
    };
    assert_eq!(
        read_frame(&with_moments, 0),
        Found::Record(made.clone(), with_moments.len())
    );
    assert_eq!(frame(&made), with_moments);
}

#[test]
fn the_first_version_has_no_moments() {
    let mut frame = bytes_of(FIRST_VERSION);
    frame[HEAD + 1 + 16] |= MADE;
    let length = u32::try_from(frame.len() - HEAD).unwrap();
    let sum = checksum(length, &frame[HEAD..]);
    frame[4..HEAD].copy_from_slice(&sum.to_le_bytes());

    assert_eq!(read_frame(&frame, 0), Found::Broken);
}
