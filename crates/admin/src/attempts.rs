//! How often a sign-in may fail: for one name, and from one address.
//!
//! Only a password that was compared and did not fit is a failure. Those under way may become one, so that no more of them go
//! on at once than may still fail; that ends with them, in a moment.
//!
//! Counted in memory, each gate for itself, and forgotten a quarter of an hour after the first attempt. A name has more
//! of them than an address, so that one stranger cannot lock an operator out alone.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
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
    of_names: Cache<String, Arc<Tally>>,
    from_addresses: Cache<IpAddr, Arc<Tally>>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            of_names: remembering(),
            from_addresses: remembering(),
        }
    }
}

fn remembering<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<Tally>> {
    Cache::builder()
        .max_capacity(REMEMBERED)
        .time_to_live(FORGOTTEN_AFTER)
        .build()
}

/// What is known of one name or address.
struct Tally {
    /// Failures that it may have.
    most: u32,
    began: Instant,
    failed: AtomicU32,
    under_way: AtomicU32,
}

/// Why there is no attempt now; the longest wait is the greatest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    /// As many are under way as may still fail.
    UnderWay,
    /// As many have failed as may, for so long.
    Failed(Duration),
}

impl Tally {
    fn of(most: u32) -> Arc<Self> {
        Arc::new(Self {
            most,
            began: Instant::now(),
            failed: AtomicU32::new(0),
            under_way: AtomicU32::new(0),
        })
    }

    /// Counts an attempt as under way. It is not to go on where there is a bound.
    fn begin(&self) -> Option<Bound> {
        // In this order, and the other way round where one ends: it may be counted twice for a moment, and is never missed.
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst);
        let failed = self.failed.load(Ordering::SeqCst);
        if failed >= self.most {
            return Some(Bound::Failed(
                FORGOTTEN_AFTER.saturating_sub(self.began.elapsed()),
            ));
        }
        (failed.saturating_add(under_way) >= self.most).then_some(Bound::UnderWay)
    }
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

/// An attempt under way. Dropped, it is over, and counts no more unless it was said to have failed.
pub(crate) struct Attempt {
    tallies: [Arc<Tally>; 2],
}

impl Attempts {
    /// Begins an attempt, which is under way from now on, so that many at once do not get past the bound together.
    pub(crate) fn begin(&self, name: &str, client: IpAddr) -> Result<Attempt, AdminError> {
        let of_name = self.of_names.get_with(name.to_owned(), || Tally::of(FOR_A_NAME));
        let from_address = self
            .from_addresses
            .get_with(network(client), || Tally::of(FROM_AN_ADDRESS));
        let attempt = Attempt {
            tallies: [of_name, from_address],
        };
        // Both are counted, whichever is reached.
        match attempt
            .tallies
            .each_ref()
            .map(|tally| tally.begin())
            .into_iter()
            .max()
        {
            None | Some(None) => Ok(attempt),
            Some(Some(Bound::UnderWay)) => Err(AdminError::AttemptsUnderWay),
            Some(Some(Bound::Failed(wait))) => Err(AdminError::TooManyAttempts { wait }),
        }
    }
}

impl Attempt {
    /// The password was compared, and is not the one.
    pub(crate) fn failed(self) {
        for tally in &self.tallies {
            tally.failed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        for tally in &self.tallies {
            tally.under_way.fetch_sub(1, Ordering::SeqCst);
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
            attempts.begin(&format!("name{number}"), one).unwrap().failed();
        }

        assert!(attempts.begin("anna", one).is_err());
        assert!(attempts.begin("anna", two).is_ok());
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let attempts = Attempts::default();
        for number in 0..FROM_AN_ADDRESS {
            let client = format!("2001:db8::{number:x}").parse().unwrap();
            attempts.begin(&format!("name{number}"), client).unwrap().failed();
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
            attempts.begin("anna", client).unwrap().failed();
        }

        assert!(attempts.begin("anna", IpAddr::from([192, 0, 3, 1])).is_err());
    }

    #[test]
    fn what_did_not_fail_does_not_count() {
        let attempts = Attempts::default();
        let client = IpAddr::from([192, 0, 2, 1]);
        for _ in 0..FOR_A_NAME * 2 {
            drop(attempts.begin("anna", client).unwrap());
        }

        assert!(attempts.begin("anna", client).is_ok());
    }

    #[test]
    fn no_more_are_under_way_than_may_still_fail_and_the_wait_for_them_is_short() {
        let attempts = Attempts::default();
        let client = IpAddr::from([192, 0, 2, 1]);
        let begin = || attempts.begin("anna", client);
        begin().unwrap().failed();
        let mut under_way: Vec<Attempt> = (1..FROM_AN_ADDRESS).map(|_| begin().unwrap()).collect();

        for _ in 0..FROM_AN_ADDRESS {
            assert!(matches!(begin(), Err(AdminError::AttemptsUnderWay)));
        }
        drop(under_way.pop());
        under_way.push(begin().unwrap());
        for attempt in under_way {
            attempt.failed();
        }

        let Err(AdminError::TooManyAttempts { wait }) = begin() else {
            panic!("as many have failed as may");
        };
        assert!(wait <= FORGOTTEN_AFTER && wait > FORGOTTEN_AFTER / 2, "{wait:?}");
    }
}
