//! From a bearer key to the record of an API key.

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, header};
use jiff::Timestamp;
use tollgate_ledger::{KeyHash, Unusable};
use tollgate_store::WarmKey;

use crate::{error::GateError, gate::Gate};

/// Finds the key that the request brings, as it is at this moment. Fails where there is none, where it is none of ours, where it
/// may not be used now or from this address; and with [`GateError::Database`] when nobody can tell.
pub async fn authenticate(
    gate: &Gate,
    headers: &HeaderMap,
    client: IpAddr,
) -> Result<Arc<WarmKey>, GateError> {
    let text = bearer(headers)?;
    let hash = KeyHash::of_presented(text).ok_or(GateError::UnknownKey)?;
    let key = match gate.keys.get(&hash) {
        Some(key) => key,
        None => gate.keys.find(&hash).await?.ok_or(GateError::UnknownKey)?,
    };
    may_be_used(&key, client)?;
    Ok(key)
}

/// The key again as it is now, for a request that had to be waited for since: it may have been revoked, and its limits
/// may have been changed. Asks no more than the first time, and nothing where no key has changed.
pub async fn authenticate_again(
    gate: &Gate,
    headers: &HeaderMap,
    client: IpAddr,
    key: Arc<WarmKey>,
) -> Result<Arc<WarmKey>, GateError> {
    if !gate.keys.is_fresh(&key) {
        return authenticate(gate, headers, client).await;
    }
    may_be_used(&key, client)?;
    Ok(key)
}

/// Fails where the key may not be used now or from this address.
fn may_be_used(key: &WarmKey, client: IpAddr) -> Result<(), GateError> {
    key.usable(Timestamp::now()).map_err(|reason| match reason {
        Unusable::Revoked => GateError::RevokedKey,
        Unusable::Replaced => GateError::ReplacedKey,
        Unusable::Disabled => GateError::DisabledKey,
        Unusable::Expired => GateError::ExpiredKey,
    })?;
    match key.key.settings.networks.permit(client) {
        true => Ok(()),
        false => Err(GateError::AddressNotAllowed { client }),
    }
}

/// The token of `Authorization: Bearer …`, the scheme in any case.
fn bearer(headers: &HeaderMap) -> Result<&str, GateError> {
    let value = headers.get(header::AUTHORIZATION).ok_or(GateError::MissingKey)?;
    let value = value.to_str().map_err(|_| GateError::MalformedKey)?.trim();
    let (scheme, token) = value.split_once(' ').ok_or(GateError::MalformedKey)?;
    let token = token.trim();
    // Such a header holds no other white space.
    let in_pieces = token.bytes().any(|byte| matches!(byte, b' ' | b'\t'));
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || in_pieces {
        return Err(GateError::MalformedKey);
    }
    Ok(token)
}
