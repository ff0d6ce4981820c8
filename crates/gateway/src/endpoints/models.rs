//! `/v1/models`: what can be called with this key.

use std::borrow::Cow;

use http::{HeaderMap, StatusCode};
use tollgate_catalog::{channel::ChannelName, listing, model::Model};
use tollgate_ledger::AllowedChannels;

use super::json;
use crate::{
    authenticate::authenticate,
    body::Response,
    channel::Channels,
    error::GateError,
    gate::Gate,
    sandbox::SANDBOX,
    story::Story,
    validate::{find_model, permit},
};

/// All models that some channel serves, and with the sandbox on the whole catalogue; of these, what the
/// key may call.
pub async fn list(gate: &Gate, headers: &HeaderMap, story: &Story) -> Result<Response, GateError> {
    let key = authenticate(gate, headers, story.client).await?;
    story.asked_by(&key);
    let settings = &key.key.settings;
    let channels = gate.channels.load();
    let models = gate
        .catalog
        .models()
        .iter()
        .filter(|model| is_served(gate, model))
        .chain(channels.unlisted_models())
        .filter(|model| settings.models.permits(&model.id))
        .filter(|model| is_reached(&channels, &settings.channels, model))
        .map(AsRef::as_ref);
    let body = serde_json::to_string(&listing::list(models)).expect("a listing always serialises");
    Ok(json(StatusCode::OK, body))
}

/// One model, if it can be called; `id` as it stands in the path.
pub async fn one(gate: &Gate, headers: &HeaderMap, story: &Story, id: &str) -> Result<Response, GateError> {
    let key = authenticate(gate, headers, story.client).await?;
    story.asked_by(&key);
    let id = &*decoded(id);
    let model = find_model(gate, id)?;
    permit(&key.key, &model)?;
    if !is_served(gate, &model) {
        return Err(GateError::UnknownModel {
            model: id.to_owned(),
            nearest: Vec::new(),
        });
    }
    if !is_reached(&gate.channels.load(), &key.key.settings.channels, &model) {
        return Err(GateError::ChannelNotAllowed {
            model: model.id.to_string(),
        });
    }
    let body = serde_json::to_string(&listing::item(&model)).expect("a listing always serialises");
    Ok(json(StatusCode::OK, body))
}

/// Whether the key may use a channel of the model. One without channels is the sandbox's.
pub(super) fn is_reached(channels: &Channels, allowed: &AllowedChannels, model: &Model) -> bool {
    let servers = channels.servers(&model.id);
    let mut names = servers.iter().map(|server| &server.channel.settings.name);
    match servers.is_empty() {
        true => allowed.permit(&ChannelName::new(SANDBOX)),
        false => names.any(|name| allowed.permit(name)),
    }
}

fn is_served(gate: &Gate, model: &Model) -> bool {
    gate.sandbox_is_on() || !gate.channels.load().servers(&model.id).is_empty()
}

/// A part of a path without its `%` escapes (RFC 3986, 2.1); as it stands where they are none, or no UTF-8.
fn decoded(part: &str) -> Cow<'_, str> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest
            .get(..2)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let Some(byte) = byte else {
            return Cow::Borrowed(part);
        };
        bytes.push(byte);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(part), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_in_a_path_are_read_and_what_is_none_stays() {
        for (part, id) in [
            ("gpt-4o", "gpt-4o"),
            ("org%2Fmy", "org/my"),
            ("org/my", "org/my"),
            ("m%202", "m 2"),
            ("%C3%a9", "é"),
            ("100%", "100%"),
            ("%+1", "%+1"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(decoded(part), id);
        }
    }
}
