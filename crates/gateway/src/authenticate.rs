//! From a bearer key to the record of an API key.

use std::sync::Arc;

use http::{HeaderMap, header};
use jiff::Timestamp;
use tollgate_ledger::{KeyText, Unusable};
use tollgate_store::WarmKey;

use crate::{error::GateError, gate::Gate};

/// Finds the key that the request brings. Fails where there is none, where it is none of ours, and
/// where it is revoked or expired; and with [`GateError::Database`] when nobody can tell.
pub async fn authenticate(gate: &Gate, headers: &HeaderMap) -> Result<Arc<WarmKey>, GateError> {
    let text = bearer(headers)?;
    let text: KeyText = text.parse().map_err(|_| GateError::UnknownKey)?;
    let hash = text.hash();
    let key = match gate.keys.get(&hash) {
        Some(key) => key,
        None => gate.keys.find(&hash).await?.ok_or(GateError::UnknownKey)?,
    };
    match key.key.usable(Timestamp::now()) {
        Ok(()) => Ok(key),
        Err(Unusable::Revoked) => Err(GateError::RevokedKey),
        Err(Unusable::Expired) => Err(GateError::ExpiredKey),
    }
}

/// The token of `Authorization: Bearer …`, the scheme in any case.
fn bearer(headers: &HeaderMap) -> Result<&str, GateError> {
    let value = headers.get(header::AUTHORIZATION).ok_or(GateError::MissingKey)?;
    let value = value.to_str().map_err(|_| GateError::MalformedKey)?.trim();
    let (scheme, token) = value.split_once(' ').ok_or(GateError::MalformedKey)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(char::is_whitespace) {
        return Err(GateError::MalformedKey);
    }
    Ok(token)
}
