//! Whether an address is in a network, in whichever of two forms each is written.
//!
//! An IPv4 address may be written as an IPv6 one (`::ffff:192.0.2.7`), and so may a network of such addresses. Both forms
//! mean the same; what an operator has written is kept and shown as it is.

use core::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Bits that all IPv4 addresses in the form of IPv6 begin with.
const MAPPED_BITS: u8 = 96;

/// Whether the address is in the network.
pub fn is_in(network: &IpNet, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match of_ipv4(network) {
        Some(network) => network.contains(&address),
        None => network.contains(&address),
    }
}

/// The network of IPv4 addresses that an IPv6 network is; `None` where it is as it stands.
fn of_ipv4(network: &IpNet) -> Option<IpNet> {
    let IpNet::V6(network) = network else { return None };
    let length = network.prefix_len().checked_sub(MAPPED_BITS)?;
    let address = network.addr().to_ipv4_mapped()?;
    Ipv4Net::new(address, length).ok().map(IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::is_in;

    #[test]
    fn both_forms_of_an_ipv4_network_hold_both_forms_of_its_addresses() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
            ("::ffff:192.0.2.7/128", "192.0.2.7", true),
            ("::ffff:192.0.2.7/128", "192.0.2.8", false),
            ("::ffff:0:0/96", "192.0.2.8", true),
            ("::ffff:0:0/96", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8::1", true),
            ("2001:db8::/32", "192.0.2.7", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let (network, address) = (network.parse(), address.parse());
            let (network, address) = (network.expect("a network"), address.expect("an address"));
            assert_eq!(is_in(&network, address), expected, "{address} in {network}");
        }
    }
}
