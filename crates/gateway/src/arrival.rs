//! What is known of a request before any of it is read.

use std::{net::IpAddr, time::Instant};

use crate::request_id::RequestId;

/// A request's IDs, sender and hour of arrival.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub id: RequestId,
    /// The client's address, seen through trusted proxies.
    pub client: IpAddr,
    pub at: Instant,
}
