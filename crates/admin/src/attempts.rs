//! How often a sign-in may fail: for one name, and from one address.
//!
//! Counted in memory, each gate for itself, and forgotten a quarter of an hour after the first failure. A name has more
//! of them than an address, so that one stranger cannot lock an operator out alone.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;

use crate::error::AdminError;

const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
const FOR_A_NAME: u32 = 30;
const FROM_AN_ADDRESS: u32 = 10;
/// Names and addresses that are remembered, each.
const REMEMBERED: u64 = 10_000;

/// Failures of late.
pub(crate) struct Attempts {
    of_names: Cache<String, Arc<AtomicU32>>,
    from_addresses: Cache<IpAddr, Arc<AtomicU32>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            of_names: remembering(),
            from_addresses: remembering(),
        }
    }
}

fn remembering<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<AtomicU32>> {
    Cache::builder()
        .max_capacity(REMEMBERED)
        .time_to_live(FORGOTTEN_AFTER)
        .build()
}

/// The address, or the network that one subscriber has of IPv6 (RFC 6177): there are too many addresses in it to count
/// each by itself.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}

/// An attempt under way; it counts as a failure until it is said to be none.
pub(crate) struct Attempt {
    counted: [Arc<AtomicU32>; 2],
}

impl Attempts {
    /// Begins an attempt, which counts from now on, so that many at once do not get past the bound together.
    pub(crate) fn begin(&self, name: &str, client: IpAddr) -> Result<Attempt, AdminError> {
        let of_name = self.of_names.get_with(name.to_owned(), Arc::default);
        let from_address = self.from_addresses.get_with(network(client), Arc::default);
        let attempt = Attempt {
            counted: [Arc::clone(&of_name), Arc::clone(&from_address)],
        };
        let is_beyond = |count: &AtomicU32, most| count.fetch_add(1, Ordering::Relaxed) >= most;
        // Both are counted, whichever is reached.
        let beyond = [
            is_beyond(&of_name, FOR_A_NAME),
            is_beyond(&from_address, FROM_AN_ADDRESS),
        ];
        if beyond.contains(&true) {
            // What is refused here is no failure of a password.
            attempt.succeeded();
            return Err(AdminError::TooManyAttempts {
                wait: FORGOTTEN_AFTER,
            });
        }
        Ok(attempt)
    }
}

impl Attempt {
    pub(crate) fn succeeded(self) {
        for count in self.counted {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_address_has_so_many_failures_and_others_are_not_bound_by_them() {
        let attempts = Attempts::default();
        let [one, two] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        for number in 0..FROM_AN_ADDRESS {
            assert!(attempts.begin(&format!("name{number}"), one).is_ok());
        }

        assert!(attempts.begin("anna", one).is_err());
        assert!(attempts.begin("anna", two).is_ok());
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let attempts = Attempts::default();
        for number in 0..FROM_AN_ADDRESS {
            let client = format!("2001:db8::{number:x}").parse().unwrap();
            assert!(attempts.begin(&format!("name{number}"), client).is_ok());
        }

        for (client, is_let_in) in [("2001:db8::ffff", false), ("2001:db8:1::1", true)] {
            let client = client.parse().unwrap();
            assert_eq!(attempts.begin("anna", client).is_ok(), is_let_in);
        }
    }

    #[test]
    fn a_name_has_so_many_failures_from_wherever_they_come() {
        let attempts = Attempts::default();
        for number in 0..FOR_A_NAME {
            let client = IpAddr::from([192, 0, 2, u8::try_from(number).unwrap()]);
            assert!(attempts.begin("anna", client).is_ok());
        }

        assert!(attempts.begin("anna", IpAddr::from([192, 0, 3, 1])).is_err());
    }

    #[test]
    fn what_succeeds_does_not_count() {
        let attempts = Attempts::default();
        let client = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..FOR_A_NAME * 2 {
            attempts.begin("anna", client).unwrap().succeeded();
        }

        assert!(attempts.begin("anna", client).is_ok());
    }
}
