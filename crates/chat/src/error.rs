//! The one shape of every error that a client sees.

use serde::Serialize;

/// The body `{"error": {…}}`. `param` and `code` are null where there is nothing to name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    pub message: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub param: Option<String>,
    pub code: Option<String>,
}

impl ErrorBody {
    /// The JSON of the whole body.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Envelope<'a> {
            error: &'a ErrorBody,
        }
        serde_json::to_string(&Envelope { error: self }).expect("strings always serialise")
    }
}
