//! The same events, framed as other providers and proxies frame them.
//!
//! Everything here is allowed by the WHATWG HTML standard, "event stream interpretation", or is
//! known from providers (wire notes, section 15, point 14), so it has to read as the original does.

use bytes::Bytes;

/// A stream's bytes in another frame.
#[derive(Clone, Debug)]
pub struct Framed {
    /// What was done, for a test's message.
    pub name: &'static str,
    pub bytes: Bytes,
}

/// The same stream in every frame a reader has to understand. `body` has LF line ends, as in
/// recordings with one line of `data: ` an event; other bodies are framed as far as that goes.
pub fn framings(body: &[u8]) -> Vec<Framed> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n");
    let framed = |name, text: String| Framed {
        name,
        bytes: Bytes::from(text),
    };
    vec![
        framed("CRLF line ends", text.replace('\n', "\r\n")),
        framed("CR line ends", text.replace('\n', "\r")),
        framed("no space after the colon", without_space(&text)),
        framed("comments spliced in", before_events(&text, ": keep-alive\n\n")),
        framed("comments inside events", before_events(&text, ": keep-alive\n")),
        framed(
            "an event line before the data",
            before_events(&text, "event: message\n"),
        ),
        framed("id and retry lines", before_events(&text, "id: 7\nretry: 1000\n")),
        framed(
            "a field that nobody knows",
            before_events(&text, "surprise: yes\n"),
        ),
        framed("blank lines between events", before_events(&text, "\n")),
        framed("data over two lines", over_two_lines(&text)),
        framed("a byte order mark", format!("\u{feff}{text}")),
        framed(
            "no blank line at the end",
            text.trim_end_matches('\n').to_owned() + "\n",
        ),
        framed("no line end at the end", text.trim_end_matches('\n').to_owned()),
    ]
}

fn without_space(text: &str) -> String {
    each_line(text, |line| match line.strip_prefix("data: ") {
        Some(data) => format!("data:{data}"),
        None => line.to_owned(),
    })
}

fn before_events(text: &str, lines: &str) -> String {
    each_line(text, |line| {
        if line.starts_with("data:") {
            format!("{lines}{line}")
        } else {
            line.to_owned()
        }
    })
}

/// Breaks each event's JSON after its opening brace, where white space means nothing.
fn over_two_lines(text: &str) -> String {
    each_line(text, |line| match line.strip_prefix("data: {") {
        Some(data) => format!("data: {{\ndata: {data}"),
        None => line.to_owned(),
    })
}

fn each_line(text: &str, change: impl Fn(&str) -> String) -> String {
    let lines: Vec<String> = text.split('\n').map(change).collect();
    lines.join("\n")
}
