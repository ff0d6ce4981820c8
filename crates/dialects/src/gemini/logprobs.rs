//! Log probabilities in OpenAI's form.

use std::fmt::Write;

use tollgate_chat::object::{Object, items};

use crate::conversation::text;

/// The items of `logprobs.content` for `logprobsResult`, as a JSON array; `None` where there are none.
/// The API leaves out what is zero, so a probability that is not there is 0.
pub(super) fn read(json: &str) -> Option<String> {
    let result = Object::parse(json).ok()?;
    let chosen = items(result.present("chosenCandidates")?).ok()?;
    let alternatives = items(result.present("topCandidates").unwrap_or("[]")).unwrap_or_default();
    let mut out = String::from("[");
    for (index, token) in chosen.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('{');
        write_token(token, &mut out);
        out.push_str(",\"top_logprobs\":[");
        let top = alternatives.get(index).and_then(|top| Object::parse(top).ok());
        let top = top
            .as_ref()
            .and_then(|top| items(top.present("candidates")?).ok());
        for (index, token) in top.into_iter().flatten().enumerate() {
            out.push_str(if index > 0 { ",{" } else { "{" });
            write_token(token, &mut out);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push(']');
    (out != "[]").then_some(out)
}

fn write_token(json: &str, out: &mut String) {
    let token = Object::parse(json).ok();
    let text = token.as_ref().and_then(|token| text(token, "token"));
    let text = text.unwrap_or_default();
    let probability = token
        .as_ref()
        .and_then(|token| token.read::<f64>("logProbability"));
    let _ = write!(
        out,
        "\"token\":{},\"logprob\":{:?},\"bytes\":[",
        tollgate_chat::json::quote(&text),
        probability.unwrap_or(0.0),
    );
    for (index, byte) in text.bytes().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(out, "{comma}{byte}");
    }
    out.push(']');
}
