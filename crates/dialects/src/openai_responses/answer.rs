//! A whole answer.

use bytes::Bytes;
use tollgate_chat::{event::EventKind, object::Object};

use super::output::Output;
use crate::fault::{Fault, malformed};

/// The events of a whole answer with status 200. Fails where it is no response, or one that failed or
/// has not ended. `json`: whether the content is to be JSON alone.
pub fn events(body: &Bytes, json: bool) -> Result<Vec<EventKind>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the body is not UTF-8"))?;
    let response =
        Object::parse(text).map_err(|error| malformed(format!("the body is not a JSON object: {error}")))?;
    let mut events = Vec::new();
    Output::new(json).end(&response, "", &mut events)?;
    if response.present("output").is_none() {
        return Err(malformed("the body is no response"));
    }
    Ok(events)
}
