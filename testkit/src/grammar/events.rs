//! Takes a response's bytes apart, in the one form the gate may send: one `data: ` line and a blank
//! line, or comment lines and a blank line, with LF only.

use super::Violation;

pub(super) enum Frame<'a> {
    Data(&'a str),
    Comment,
}

/// The frames of a stream, in order; what is no frame is a violation and left out.
pub(super) fn frames<'a>(text: &'a str, violations: &mut Vec<Violation>) -> Vec<Frame<'a>> {
    let mut frames = Vec::new();
    let mut rest = text;
    let mut event = 0;
    while let Some((block, after)) = rest.split_once("\n\n") {
        rest = after;
        match frame(block) {
            Some(Frame::Data(data)) => {
                frames.push(Frame::Data(data));
                event += 1;
            }
            Some(Frame::Comment) => frames.push(Frame::Comment),
            None => violations.push(Violation::BadFrame {
                event,
                text: block.to_owned(),
            }),
        }
    }
    if !rest.is_empty() {
        violations.push(Violation::UnfinishedEvent {
            text: rest.to_owned(),
        });
    }
    frames
}

fn frame(block: &str) -> Option<Frame<'_>> {
    if block.contains('\r') {
        return None;
    }
    if let Some(data) = block.strip_prefix("data: ") {
        return (!data.contains('\n')).then_some(Frame::Data(data));
    }
    block
        .lines()
        .all(|line| line.starts_with(':'))
        .then_some(Frame::Comment)
        .filter(|_| !block.is_empty())
}
