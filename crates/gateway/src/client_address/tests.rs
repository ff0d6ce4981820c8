#![allow(clippy::unwrap_used)]

use super::*;

fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
    let headers = forwarded
        .iter()
        .map(|value| (X_FORWARDED_FOR, value.parse().unwrap()))
        .collect();
    let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
    client_address(&headers, format!("{peer}:9").parse().unwrap(), &trusted).to_string()
}

#[test]
fn without_a_trusted_proxy_the_header_means_nothing() {
    assert_eq!(address("10.0.0.1", &["1.2.3.4"], &[]), "10.0.0.1");
}

#[test]
fn the_rightmost_address_that_no_trusted_proxy_has_is_the_client() {
    let trusted = ["10.0.0.0/8"];
    assert_eq!(
        address("10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"], &trusted),
        "1.2.3.4"
    );
    assert_eq!(address("10.0.0.1", &["6.6.6.6", "1.2.3.4"], &trusted), "1.2.3.4");
}

#[test]
fn a_header_that_no_proxy_wrote_ends_the_search() {
    let trusted = ["10.0.0.0/8"];
    assert_eq!(
        address("10.0.0.1", &["1.2.3.4, nonsense, 10.0.0.2"], &trusted),
        "10.0.0.2"
    );
    assert_eq!(address("10.0.0.1", &[], &trusted), "10.0.0.1");
}
