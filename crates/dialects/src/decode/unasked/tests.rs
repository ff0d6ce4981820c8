use bytes::Bytes;
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::chunk::{AnswerShape, Head};

use super::{Kind, UnaskedStream};
use crate::{Dialect, Presentation, request::Undo};

const LIMIT: usize = 1 << 20;

fn presentation() -> Presentation {
    Presentation {
        head: Head {
            id: "chatcmpl-ours".to_owned(),
            created: 7,
            model: "asked".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: false,
        estimated_prompt_tokens: 3,
    }
}

/// Whether the answer that comes in these pieces ends by itself, and what it is taken for in the end.
fn follows(pieces: &[&[u8]], look: impl Fn(&Kind)) -> (bool, &'static str) {
    let (quirks, presentation, undo) = (Quirks::default(), presentation(), Undo::default());
    let mut answer = UnaskedStream::new(Dialect::OpenaiChat, &quirks, &presentation, &undo);
    let mut ends = false;
    for piece in pieces {
        ends = answer.ends_with(&Bytes::copy_from_slice(piece), LIMIT);
        look(&answer.kind);
    }
    let kind = match answer.kind {
        Kind::Unknown(_) => "unknown",
        Kind::Whole => "whole",
        Kind::Stream(_) => "stream",
    };
    (ends, kind)
}

#[test]
fn of_white_space_nothing_is_kept_however_much_comes_before_an_answer() {
    let white = b" \n\r\n\t\n\n\n\n\n\n\n\n\n\n\n".as_slice();
    let cases: [(&[u8], &str); 4] = [
        (b"{\"id\":", "whole"),
        (b": still there\n\n", "stream"),
        (b"<html>", "whole"),
        (b"", "unknown"),
    ];
    for (end, kind) in cases {
        let mut pieces = vec![white; 100_000];
        pieces.push(end);
        let kept = |kind: &Kind| {
            if let Kind::Unknown(first) = kind {
                assert!(first.is_empty(), "{} bytes", first.len());
            }
        };

        let (ends, taken_for) = follows(&pieces, kept);

        assert_eq!((ends, taken_for), (false, kind));
    }
}

#[test]
fn a_stream_is_one_wherever_its_first_line_is_cut() {
    let stream = b"\n\r\n  \ndata: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"choices\":[]}\n\ndata: [DONE]\n\n";
    for cut in 0..stream.len() {
        let (first, second) = stream.split_at(cut);
        for pieces in [vec![first, second], stream.chunks(cut + 1).collect::<Vec<_>>()] {
            let (_, kind) = follows(&pieces, |kind| {
                if let Kind::Unknown(first) = kind {
                    assert!(first.len() < "event:".len(), "{} bytes", first.len());
                }
            });
            assert_eq!(kind, "stream", "cut at {cut}");
        }
    }
}
