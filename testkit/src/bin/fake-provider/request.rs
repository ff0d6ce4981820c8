//! Reads a request and forgets it, but for what decides the answer.

#[cfg(test)]
mod tests;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// How much is kept of either end of a body: the fields around the messages, not the messages.
const EDGE: usize = 4096;

/// What a body asks for.
pub(crate) struct Wants {
    pub(crate) stream: bool,
    pub(crate) usage: bool,
}

/// The two ends of a body.
#[derive(Default)]
struct Edges {
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// Reads a body to its end. An image of a megabyte is not looked at: the fields that matter stand
/// before or after the messages.
pub(crate) async fn read(mut body: Incoming) -> Result<Wants, hyper::Error> {
    let mut edges = Edges::default();
    while let Some(frame) = body.frame().await {
        if let Ok(bytes) = frame?.into_data() {
            edges.push(&bytes);
        }
    }
    Ok(edges.wants())
}

impl Edges {
    fn push(&mut self, bytes: &[u8]) {
        let room = EDGE - self.head.len();
        let (first, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(first);
        if rest.len() >= EDGE {
            self.tail.clear();
            self.tail.extend_from_slice(&rest[rest.len() - EDGE..]);
        } else {
            self.tail.extend_from_slice(rest);
            let surplus = self.tail.len().saturating_sub(EDGE);
            self.tail.drain(..surplus);
        }
    }

    fn wants(mut self) -> Wants {
        self.head.append(&mut self.tail);
        Wants {
            stream: says_true(&self.head, b"\"stream\""),
            usage: says_true(&self.head, b"\"include_usage\""),
        }
    }
}

fn says_true(text: &[u8], name: &[u8]) -> bool {
    let Some(place) = text.windows(name.len()).position(|window| window == name) else {
        return false;
    };
    let mut value = text[place + name.len()..]
        .iter()
        .skip_while(|&&byte| byte == b':' || byte.is_ascii_whitespace());
    b"true".iter().all(|expected| value.next() == Some(expected))
}
