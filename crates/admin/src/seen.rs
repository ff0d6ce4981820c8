//! What whoever asks has seen already: they change a thing only as they know it, and are told of it only where it is new.
//!
//! A thing's tag (`ETag`) has two halves. `If-Match` heeds the first, which is of all that can be set: that a balance has
//! moved or a channel rests meanwhile keeps nobody from changing a limit. `If-None-Match` heeds both.

use std::{
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use axum::{extract::FromRequestParts, response::Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{self, HeaderName},
    request::Parts,
};
use serde::Serialize;
use utoipa::IntoParams;

use crate::{
    error::AdminError,
    server::{Shared, json},
};

/// What has to be so for a thing to be told.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "headers are read by their names")]
pub(crate) struct IfNoneMatch {
    /// An `ETag`: the answer is 304 without a body while the thing is as it was then.
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: Option<String>,
}

/// What has to be so for a thing to be changed.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "headers are read by their names")]
pub(crate) struct IfMatch {
    /// An `ETag`: nothing is changed, and the answer is 412, where what can be set is not as it was then.
    #[param(rename = "If-Match", required = false)]
    if_match: Option<String>,
}

/// The tags that came with a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// `None`: the thing may be whatever it is.
    to_change: Option<Tags>,
    /// Those of which nothing has to be told.
    known: Option<Tags>,
}

#[derive(Debug, Clone)]
enum Tags {
    /// `*`: whichever there is.
    Any,
    These(Vec<String>),
}

impl Tags {
    /// `None`: there is no such header.
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let mut tags = None;
        for value in headers.get_all(name) {
            let text = value.to_str().unwrap_or_default();
            if text.trim() == "*" {
                return Some(Self::Any);
            }
            let these = text.split(',').map(|tag| tag.trim().to_owned());
            tags.get_or_insert_with(Vec::new).extend(these);
        }
        tags.map(Self::These)
    }

    fn have(&self, fits: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| fits(tag)),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Seen {
    type Rejection = AdminError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, AdminError> {
        Ok(Self::by(&parts.headers))
    }
}

impl Seen {
    fn by(headers: &HeaderMap) -> Self {
        Self {
            to_change: Tags::of(headers, header::IF_MATCH),
            known: Tags::of(headers, header::IF_NONE_MATCH),
        }
    }

    /// Fails where what can be set of a thing is not what was seen of it. To be asked in the transaction that changes it.
    pub(crate) fn still(&self, settings: &impl Debug) -> Result<(), AdminError> {
        let now = half(&format!("{settings:?}"));
        let is_same = |tag: &str| {
            let seen = tag
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .and_then(|tag| tag.split_once('-'));
            seen.is_some_and(|(seen, _)| seen == now)
        };
        match &self.to_change {
            Some(tags) if !tags.have(is_same) => Err(AdminError::ChangedMeanwhile),
            _ => Ok(()),
        }
    }

    /// Tells of a thing, unless it is known as it is.
    pub(crate) fn tell<T: Serialize>(&self, settings: &impl Debug, shown: &T) -> Response {
        let response = tagged(StatusCode::OK, settings, shown);
        let tag = response
            .headers()
            .get(header::ETAG)
            .and_then(|tag| tag.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let is_known = |known: &str| known.trim_start_matches("W/") == tag;
        if !self.known.as_ref().is_some_and(|known| known.have(is_known)) {
            return response;
        }
        let (mut head, _) = response.into_parts();
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(header::CONTENT_TYPE);
        Response::from_parts(head, axum::body::Body::empty())
    }
}

/// An answer that tells of a thing, with its tag. `settings`: all that can be set of it.
pub(crate) fn tagged<T: Serialize>(status: StatusCode, settings: &impl Debug, shown: &T) -> Response {
    let body = serde_json::to_string(shown).expect("our own types always have a JSON form");
    let tag = format!("\"{}-{}\"", half(&format!("{settings:?}")), half(&body));
    let mut response = json(status, body);
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits are ASCII");
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// The same for the same text, at every gate of one version. Nobody gains by finding another text with it.
fn half(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn seen(name: HeaderName, value: &str) -> Seen {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::try_from(value).unwrap());
        Seen::by(&headers)
    }

    fn tag(settings: &str, shown: &str) -> String {
        let response = tagged(StatusCode::OK, &settings, &shown);
        response.headers()[header::ETAG].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_thing_is_changed_only_while_what_can_be_set_is_what_was_seen() {
        let tag = tag("limit 5", "balance 1");
        for (presented, may) in [
            (tag.clone(), true),
            (format!("\"other\", {tag}"), true),
            ("*".to_owned(), true),
            (format!("W/{tag}"), false),
            ("\"other\"".to_owned(), false),
            (String::new(), false),
        ] {
            let seen = seen(header::IF_MATCH, &presented);
            assert_eq!(seen.still(&"limit 5").is_ok(), may, "{presented}");
            assert_eq!(seen.still(&"limit 6").is_ok(), presented == "*", "{presented}");
        }
        assert!(Seen::default().still(&"limit 6").is_ok());
    }

    #[test]
    fn what_is_known_as_it_is_is_not_told_again() {
        let tag = tag("limit 5", "balance 1");
        for (presented, shown, status) in [
            (tag.clone(), "balance 1", StatusCode::NOT_MODIFIED),
            (format!("W/{tag}"), "balance 1", StatusCode::NOT_MODIFIED),
            ("*".to_owned(), "balance 1", StatusCode::NOT_MODIFIED),
            (tag.clone(), "balance 2", StatusCode::OK),
            ("\"other\"".to_owned(), "balance 1", StatusCode::OK),
        ] {
            let answer = seen(header::IF_NONE_MATCH, &presented).tell(&"limit 5", &shown);
            assert_eq!(answer.status(), status, "{presented} {shown}");
            assert!(answer.headers().contains_key(header::ETAG));
        }
    }
}
