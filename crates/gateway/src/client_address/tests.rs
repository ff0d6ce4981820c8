#![allow(clippy::unwrap_used)]

use http::HeaderValue;

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
fn a_port_beside_the_address_is_left_out() {
    let trusted = ["10.0.0.0/8"];
    for (hop, client) in [
        ("8.8.8.8:55", "8.8.8.8"),
        ("8.8.8.8:55, 10.0.0.2:9", "8.8.8.8"),
        ("[2001:db8::1]:55", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
    ] {
        assert_eq!(address("10.0.0.1", &[hop], &trusted), client, "{hop}");
    }
}

#[test]
fn somebody_whom_a_trusted_proxy_names_by_no_address_is_not_that_proxy() {
    let trusted = ["10.0.0.0/8"];
    for hops in ["unknown", "1.2.3.4, nonsense, 10.0.0.2", "_hidden"] {
        assert_eq!(address("10.0.0.1", &[hops], &trusted), "0.0.0.0", "{hops}");
    }
    assert_eq!(address("10.0.0.1", &[], &trusted), "10.0.0.1");
}

#[test]
fn what_is_no_text_hides_nobody_who_stands_behind_it() {
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    let peer = "10.0.0.1:9".parse().unwrap();
    let address = |lines: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        client_address(&headers, peer, &trusted).to_string()
    };

    assert_eq!(address(&[b"\xe9, 8.8.8.8"]), "8.8.8.8");
    assert_eq!(address(&[b"10.9.9.9", b"\x80,8.8.8.8"]), "8.8.8.8");
    assert_eq!(address(&[b"8.8.8.8, \xe9"]), "0.0.0.0");
    assert_eq!(address(&[b"\xff"]), "0.0.0.0");
}
