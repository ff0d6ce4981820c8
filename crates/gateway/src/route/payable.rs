//! Which channels can be paid for.
//!
//! Nobody can be charged for what has no price, so channels without one leave the route of those whose money is
//! counted, unless the operator says that they may be used for nothing (`allow_unpriced`).

use jiff::Timestamp;
use tollgate_catalog::{contract::ValidRequest, price::Price};
use tollgate_chat::object::items;
use tollgate_dialects::Dialect;

use super::Candidate;
use crate::{
    channel::Server,
    story::{Story, Why},
};

/// Leaves the channels of which it can be said what the request costs there if it is let in `now`.
pub fn keep(candidates: &mut Vec<Candidate>, request: &ValidRequest, story: &Story, now: Timestamp) {
    candidates.retain(|candidate| {
        let is_payable = is_payable(&candidate.server, request, now);
        if !is_payable {
            story.passes_over(&candidate.server.served, Why::NoPrice);
        }
        is_payable
    });
}

/// Whether it can be said what the request costs there if it is let in `now`, or need not be.
pub fn is_payable(server: &Server, request: &ValidRequest, now: Timestamp) -> bool {
    server.channel.settings.allow_unpriced
        || server
            .serving
            .price
            .as_ref()
            .is_some_and(|price| price.holds(now) && unpriced_field(server, price, request, now).is_none())
}

/// A member of the request for which the provider asks money that the price does not tell at `now`.
pub fn unpriced_field(
    server: &Server,
    price: &Price,
    request: &ValidRequest,
    now: Timestamp,
) -> Option<String> {
    let said = |name: &str| {
        let value = request.request.get(name)?;
        (!matches!(value, "false" | "[]")).then_some(value)
    };
    let surcharged = server.channel.settings.provider.surcharged.iter();
    if let Some(name) = surcharged.map(|name| &**name).find(|name| said(name).is_some()) {
        return Some(name.to_owned());
    }
    // Where it can be asked for sound at all: the other dialects refuse it for what it is.
    let may_speak = || server.for_request(request).dialect() == Dialect::OpenaiChat;
    if asks_for_audio(request) && !price.tells_audio_output(now) && may_speak() {
        return Some("modalities".to_owned());
    }
    let tier = said("service_tier")?.trim_matches('"');
    let is_priced = matches!(
        tier,
        "auto" | "default" | "standard" | "standard_only" | "on_demand"
    ) || price
        .rows()
        .iter()
        .any(|row| row.when.service_tier.as_deref() == Some(tier));
    (!is_priced).then(|| "service_tier".to_owned())
}

/// Whether the answer is to be spoken too.
fn asks_for_audio(request: &ValidRequest) -> bool {
    let kinds = request
        .request
        .get("modalities")
        .and_then(|json| items(json).ok());
    let is_audio = |kind: &&str| serde_json::from_str::<String>(kind).is_ok_and(|kind| kind == "audio");
    kinds.unwrap_or_default().iter().any(is_audio)
}
