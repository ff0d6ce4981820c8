//! Which addresses may be fetched from.
//!
//! A client that names a URL must not reach, through the gate, what it could not reach by itself: the
//! operator's own network, the machine, and the metadata services of clouds. So only addresses of the
//! public internet are taken, and what else the operator allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use tollgate_ledger::network::is_in;

/// Networks that are not the public internet, or lead into what is not (IANA's special-purpose address
/// registry). The metadata services of Amazon, Google and Oracle (169.254.0.0/16, 192.0.0.192) and Alibaba
/// (100.100.100.200) lie inside them.
const NOT_PUBLIC_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    // Shared between a carrier's customers.
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    // Relays to 6to4.
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Azure's metadata and host service, in the middle of public space.
    ([168, 63, 129, 16], 32),
    // Multicast.
    ([224, 0, 0, 0], 4),
    // Reserved, and broadcast.
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];

/// Global unicast is 2000::/3; these parts of it are not public, or hide an IPv4 address behind a tunnel.
const NOT_PUBLIC_V6: [([u16; 2], u32); 4] = [
    // Protocol assignments: Teredo, benchmarking, ORCHID.
    ([0x2001, 0], 23),
    // Documentation.
    ([0x2001, 0x0db8], 32),
    // 6to4.
    ([0x2002, 0], 16),
    // Documentation.
    ([0x3fff, 0], 20),
];

/// The rule of one gate.
#[derive(Debug, Clone, Default)]
pub struct Reachable {
    /// Networks of the operator's own that may be fetched from.
    allowed: Vec<IpNet>,
}

impl Reachable {
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.is_allowed(address)
    }

    /// Whether the operator named a network with this address in it.
    pub fn is_allowed(&self, address: IpAddr) -> bool {
        let address = real(address);
        self.allowed.iter().any(|network| is_in(network, address))
    }
}

/// The address that packets really go to: an IPv4 address is often written as an IPv6 one.
fn real(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => inner(v6).map_or(address, IpAddr::V4),
    }
}

/// The IPv4 address in a mapped one (::ffff:0:0/96), or in one that a NAT64 translates (64:ff9b::/96, RFC
/// 6052), as every public name resolves to in a network that has nothing but IPv6.
fn inner(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    if let Some(v4) = v6.to_ipv4_mapped() {
        return Some(v4);
    }
    let is_nat64 = v6.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [.., a, b, c, d] = v6.octets();
    is_nat64.then_some(Ipv4Addr::new(a, b, c, d))
}

fn is_public(address: IpAddr) -> bool {
    match real(address) {
        IpAddr::V4(v4) => {
            let bits = v4.to_bits();
            !NOT_PUBLIC_V4.iter().any(|(network, length)| {
                let network = Ipv4Addr::from(*network).to_bits();
                (bits ^ network).leading_zeros() >= *length
            })
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            let bits = u32::from(first) << 16 | u32::from(second);
            let inside = |[first, second]: [u16; 2], length: u32| {
                (bits ^ (u32::from(first) << 16 | u32::from(second))).leading_zeros() >= length
            };
            inside([0x2000, 0], 3)
                && !NOT_PUBLIC_V6
                    .iter()
                    .any(|(network, length)| inside(*network, *length))
        }
    }
}

#[cfg(test)]
mod tests;
