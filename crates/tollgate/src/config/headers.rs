//! Headers that an operator adds to requests, to providers or to a collector.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use toml::Spanned;

use crate::config::mistake::{Mistake, Mistakes};

/// Headers that say how a request is framed; another value would break it.
const RESERVED: [&str; 8] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "transfer-encoding",
];

/// Names in lower case, and values. `None`: some cannot be sent, or are in `reserved`.
pub fn resolve(
    written: BTreeMap<Spanned<String>, Spanned<String>>,
    reserved: &[&str],
    mistakes: &mut Mistakes<'_>,
) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    let count = written.len();
    for (name, value) in written {
        let start = name.span().start;
        let Ok(header) = HeaderName::from_bytes(name.get_ref().as_bytes()) else {
            mistakes.add(
                start,
                Mistake::HeaderName {
                    name: name.into_inner(),
                },
            );
            continue;
        };
        let name = header.as_str().to_owned();
        if RESERVED.contains(&name.as_str()) || reserved.contains(&name.as_str()) {
            mistakes.add(start, Mistake::HeaderReserved { name });
        } else if HeaderValue::from_str(value.get_ref()).is_err() {
            mistakes.add(value.span().start, Mistake::HeaderValue { name });
        } else {
            headers.push((name, value.into_inner()));
        }
    }
    (headers.len() == count).then_some(headers)
}
