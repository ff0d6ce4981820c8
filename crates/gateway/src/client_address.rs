//! Whose request it is, behind proxies that the operator trusts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use tollgate_ledger::network::is_in;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The client's address: the peer's, unless the peer is a trusted proxy. Then the rightmost address
/// of `X-Forwarded-For` that is no trusted proxy: everything left of it can be made up. Where a trusted proxy names
/// somebody by no address, it is 0.0.0.0, which is in no network that means anybody: to take the proxy's own would let
/// everybody in behind it.
pub fn client_address(headers: &HeaderMap, peer: SocketAddr, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| is_in(network, *address));
    let peer = peer.ip().to_canonical();
    if !is_trusted(&peer) {
        return peer;
    }
    let hops: Vec<&[u8]> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        // What a client put left of it may be no text at all, and takes nothing from what stands behind it.
        let Some(address) = str::from_utf8(hop).ok().and_then(|hop| address(hop.trim())) else {
            return UNKNOWN;
        };
        client = address.to_canonical();
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// Some proxies write the client's port too.
fn address(hop: &str) -> Option<IpAddr> {
    hop.parse()
        .or_else(|_| hop.parse::<SocketAddr>().map(|with_port| with_port.ip()))
        .or_else(|_| hop.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()
}

#[cfg(test)]
mod tests;
