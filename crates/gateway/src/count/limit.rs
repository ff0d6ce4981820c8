//! The most tokens that an answer can have.

use tollgate_catalog::{contract::ValidRequest, serving::Serving};
use tollgate_dialects::thinking::{BeyondLimit, beyond_limit};

/// What an answer, or a thought, may have where neither the request nor the catalogue bounds it.
const UNBOUNDED: u64 = 1_000_000;

/// The most that one choice can have at this server, thoughts included. It is what is held of a budget with
/// `--reserve full`, and the gate never counts more.
pub fn most_output(request: &ValidRequest, serving: &Serving) -> u64 {
    let model = &request.model;
    let limit = request.max_tokens.or(model.max_output);
    let thoughts = match beyond_limit(request, &serving.quirks) {
        BeyondLimit::AtMost(tokens) => tokens,
        // What nobody else bounds, the context does.
        BeyondLimit::Any => serving.context.or(model.context).unwrap_or(UNBOUNDED),
    };
    limit.unwrap_or(UNBOUNDED).saturating_add(thoughts)
}
