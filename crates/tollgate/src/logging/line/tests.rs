use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::{Level, error, info, subscriber::with_default};
use tracing_subscriber::fmt::MakeWriter;

use super::{PlainLine, push_time};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .expect("no test panics while writing")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What `log` writes, without the time.
fn lines(log: impl FnOnce()) -> Vec<String> {
    let written = Written::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::INFO)
        .with_writer(written.clone())
        .event_format(PlainLine)
        .finish();
    with_default(subscriber, log);
    let bytes = written.0.lock().expect("no test panics while writing").clone();
    let text = String::from_utf8(bytes).expect("lines are UTF-8");
    let without_time = |line: &str| line.split_once('Z').map(|(_, rest)| rest.to_owned());
    text.lines()
        .map(|line| without_time(line).expect("a time"))
        .collect()
}

#[test]
fn a_line_has_level_target_message_and_fields_in_their_order() {
    let found = lines(|| {
        info!(target: "gate", model = "gpt-4o", prompt_tokens = 12_u64, ms = -3, stream = true, cost = 0.5, none = None::<u64>, "request ended");
        error!(target: "gate", "gone");
    });
    assert_eq!(
        found,
        [
            "  INFO gate: request ended model=gpt-4o prompt_tokens=12 ms=-3 stream=true cost=0.5",
            " ERROR gate: gone"
        ]
    );
}

#[test]
fn no_value_can_look_like_another_field_or_line() {
    let hostile = "no\nINFO gate: all is well outcome=\"ok\"";
    let found = lines(|| {
        info!(target: "gate", a = "two words", b = "", c = hostile, d = %hostile, e = "naïve", "said");
        info!(target: "gate", "one\nline\u{1b}[31m");
    });
    let quoted = r#""no\nINFO gate: all is well outcome=\"ok\"""#;
    assert_eq!(
        found,
        [
            format!("  INFO gate: said a=\"two words\" b=\"\" c={quoted} d={quoted} e=\"naïve\""),
            "  INFO gate: one\\nline\\u{1b}[31m".to_owned(),
        ]
    );
}

#[test]
fn the_time_is_that_of_the_line_whatever_came_before() {
    let at = |micros| super::UNIX_EPOCH + super::Duration::from_micros(micros);
    for (micros, expected) in [
        (1_795_253_400_000_001, "2026-11-21T09:30:00.000001Z"),
        (1_795_253_400_999_999, "2026-11-21T09:30:00.999999Z"),
        (1_795_253_401_050_000, "2026-11-21T09:30:01.050000Z"),
        (0, "1970-01-01T00:00:00.000000Z"),
    ] {
        let mut line = String::new();
        push_time(&mut line, at(micros));
        assert_eq!(line, expected);
    }
}
