#![allow(clippy::unwrap_used)]

use super::*;

fn permits(address: &str) -> bool {
    Reachable::default().permits(address.parse().unwrap())
}

#[test]
fn addresses_of_the_public_internet_may_be_fetched_from() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.15",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2400:cb00::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
        // The same IPv4 hosts, mapped and behind a NAT64.
        "::ffff:1.1.1.1",
        "64:ff9b::8.8.8.8",
    ] {
        assert!(permits(address), "{address}");
    }
}

#[test]
fn every_other_address_may_not() {
    for (what, addresses) in [
        ("this network", &["0.0.0.0", "0.1.2.3"][..]),
        (
            "private",
            &["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
        ),
        (
            "shared by a carrier's customers",
            &["100.64.0.1", "100.127.255.255"],
        ),
        ("the machine", &["127.0.0.1", "127.255.255.254", "::1", "::"]),
        ("link-local", &["169.254.1.1", "fe80::1", "febf::1"]),
        (
            "metadata services",
            &[
                "169.254.169.254",
                "169.254.170.2",
                "100.100.100.200",
                "192.0.0.192",
                "168.63.129.16",
                "fd00:ec2::254",
                "fd20:ce::254",
            ],
        ),
        ("unique local", &["fc00::1", "fdff::1"]),
        ("site-local", &["fec0::1"]),
        (
            "documentation and benchmarks",
            &[
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.9",
                "198.18.0.1",
                "198.19.255.255",
                "2001:db8::1",
                "3fff::1",
                "2001:2::1",
            ],
        ),
        (
            "multicast",
            &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
        ),
        (
            "reserved and broadcast",
            &["240.0.0.1", "255.255.255.255", "5f00::1", "100::1"],
        ),
        (
            "IPv4-mapped",
            &[
                "::ffff:127.0.0.1",
                "::ffff:10.0.0.1",
                "::ffff:169.254.169.254",
                "::ffff:a9fe:a9fe",
            ],
        ),
        ("IPv4-compatible", &["::127.0.0.1", "::8.8.8.8"]),
        (
            "NAT64",
            &[
                "64:ff9b::10.0.0.1",
                "64:ff9b::169.254.169.254",
                "64:ff9b:1::8.8.8.8",
            ],
        ),
        (
            "6to4",
            &[
                "2002:7f00:1::",
                "2002:a9fe:a9fe::1",
                "2002:808:808::1",
                "192.88.99.1",
            ],
        ),
        ("Teredo", &["2001::1", "2001:0:7f00:1::1"]),
    ] {
        for address in addresses {
            assert!(!permits(address), "{what}: {address}");
        }
    }
}

#[test]
fn what_the_operator_allows_may_be_fetched_from_and_nothing_beside_it() {
    let reachable = Reachable::new(vec![
        "10.1.0.0/16".parse().unwrap(),
        "fd00:1::/32".parse().unwrap(),
    ]);
    let permits = |address: &str| reachable.permits(address.parse().unwrap());

    for address in ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "8.8.8.8"] {
        assert!(permits(address), "{address}");
    }
    for address in ["10.2.0.1", "127.0.0.1", "fd00:2::5", "::ffff:10.2.0.1"] {
        assert!(!permits(address), "{address}");
    }
}
