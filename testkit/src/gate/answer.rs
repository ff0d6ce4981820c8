//! A whole HTTP answer of the gate, and the judgement of it.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use crate::grammar::{Asked, ErrorObject, Summary, check_answer};
use crate::schema;

/// A whole HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {:?}", self.status, self.body))
    }

    /// A header's value, if it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The text of the first choice.
    pub fn text(&self) -> String {
        self.summary().text().to_owned()
    }

    /// What the answer says, as a client understands it.
    pub fn summary(&self) -> Summary {
        check_answer(&self.json(), &Asked::default()).summary
    }

    /// What the answer says, or the error instead of one.
    pub fn summary_or_error(&self) -> Summary {
        match self.error() {
            Some(error) => Summary {
                error: Some(error),
                ..Summary::default()
            },
            None => self.summary(),
        }
    }

    /// The error object, where the body is one.
    pub fn error(&self) -> Option<ErrorObject> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        body.get("error").map(ErrorObject::read)
    }

    /// The error's code.
    pub fn error_code(&self) -> Option<String> {
        self.error()?.code
    }

    /// The error's type.
    pub fn error_type(&self) -> Option<String> {
        Some(self.error()?.kind)
    }

    /// The parameter that the error names.
    pub fn error_param(&self) -> Option<String> {
        self.error()?.param
    }

    /// The error's message.
    pub fn error_message(&self) -> Option<String> {
        Some(self.error()?.message)
    }

    pub(super) fn judge_chat(&self, request: &Value) {
        if self.status >= 400 {
            return self.judge_error();
        }
        assert!(
            request["stream"] != true,
            "a streamed request wants `stream`, not `post`"
        );
        self.judge_json();
        let answer = self.json();
        let mut broken: Vec<String> = check_answer(&answer, &Asked::by(request))
            .violations
            .iter()
            .map(ToString::to_string)
            .collect();
        broken.extend(schema::check_answer(&answer).iter().map(ToString::to_string));
        assert!(
            broken.is_empty(),
            "the answer breaks rules: {broken:#?}\n{answer:#}"
        );
    }

    pub(super) fn judge_error(&self) {
        if self.status < 400 {
            return;
        }
        self.judge_json();
        let error = self.json();
        let broken = schema::check_error(&error);
        assert!(
            broken.is_empty(),
            "the error breaks rules: {broken:#?}\n{error:#}"
        );
    }

    fn judge_json(&self) {
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/json"),
            "{} with content type {content_type:?}: {:?}",
            self.status,
            self.body
        );
    }
}
