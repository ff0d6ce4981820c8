//! Log probabilities, in chat's form.

use tollgate_chat::{
    json::quote,
    object::{Object, items},
};

use crate::conversation::text;

/// The items of chat's `logprobs.content` for those of a text: every token has its `bytes`, null where
/// they are not told. `None` where there are none.
pub fn items_of(json: &str) -> Option<String> {
    let tokens: Vec<String> = items(json).ok()?.into_iter().filter_map(token).collect();
    (!tokens.is_empty()).then(|| format!("[{}]", tokens.join(",")))
}

fn token(json: &str) -> Option<String> {
    let token = Object::parse(json).ok()?;
    let top = items(token.present("top_logprobs").unwrap_or("[]")).unwrap_or_default();
    let top: Vec<String> = top
        .into_iter()
        .filter_map(|json| Some(format!("{{{}}}", scores(&Object::parse(json).ok()?)?)))
        .collect();
    Some(format!(
        "{{{},\"top_logprobs\":[{}]}}",
        scores(&token)?,
        top.join(",")
    ))
}

fn scores(token: &Object<'_>) -> Option<String> {
    Some(format!(
        "\"token\":{},\"logprob\":{},\"bytes\":{}",
        quote(&text(token, "token")?),
        token.present("logprob")?,
        token.get("bytes").unwrap_or("null"),
    ))
}
