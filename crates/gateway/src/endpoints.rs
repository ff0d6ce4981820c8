//! Everything but chat completions: small, and answered from memory.

pub mod channels;
pub mod health;
pub mod models;
pub mod openapi;
pub mod requests;
pub mod usage;

use http::{HeaderValue, StatusCode, header};

use crate::body::{Response, whole};

/// An answer whose body is JSON.
fn json(status: StatusCode, body: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
