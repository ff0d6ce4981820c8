//! Lists of addresses and networks.

use std::net::IpAddr;

use ipnet::IpNet;
use toml::Spanned;

use super::mistake::{Mistake, Mistakes};

/// Addresses and networks: `10.0.0.1`, `10.0.0.0/8`. What is neither is added to `mistakes`.
pub fn networks(written: Vec<Spanned<String>>, mistakes: &mut Mistakes<'_>) -> Vec<IpNet> {
    written
        .into_iter()
        .filter_map(|text| {
            let net = text
                .get_ref()
                .parse()
                .or_else(|_| text.get_ref().parse::<IpAddr>().map(IpNet::from));
            net.map_err(|_| {
                mistakes.add(
                    text.span().start,
                    Mistake::NotANetwork {
                        written: text.get_ref().clone(),
                    },
                )
            })
            .ok()
        })
        .collect()
}
