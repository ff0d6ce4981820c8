//! Operators who ask the admin API of a gate.

use http::Request;
use serde_json::Value;
use tollgate_testkit::gate::{Answer, Gate};

/// Somebody with a token, at a gate.
pub struct Operator<'g> {
    gate: &'g Gate,
    token: Option<String>,
}

impl<'g> Operator<'g> {
    /// Makes an operator of this name and role on the command line.
    pub async fn of(gate: &'g Gate, name: &str, role: &str) -> Self {
        let output = gate
            .command(&["operators", "create", "--name", name, "--role", role])
            .await;
        assert!(output.success(), "{output:?}");
        Self::with(gate, output.stdout.trim())
    }

    pub async fn admin(gate: &'g Gate) -> Self {
        Self::of(gate, "anna", "admin").await
    }

    pub fn with(gate: &'g Gate, token: &str) -> Self {
        Self {
            gate,
            token: Some(token.to_owned()),
        }
    }

    /// Somebody with nothing to present.
    pub fn nobody(gate: &'g Gate) -> Self {
        Self { gate, token: None }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Asks for a path under `/admin/v1`. An error is looked at.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_with(method, path, None, body).await
    }

    /// As [`Self::ask`], with a header.
    pub async fn ask_with(
        &self,
        method: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/admin/v1{path}"))
            .header("content-type", "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.gate.send_to_admin(request.body(body).unwrap()).await;
        if answer.status >= 400 {
            let error = &answer.json()["error"];
            for member in ["message", "type", "code"] {
                assert!(error[member].is_string(), "{method} {path}: {answer:?}");
            }
            assert!(error.get("param").is_some(), "{answer:?}");
        }
        assert!(answer.header("x-tollgate-request-id").is_some(), "{answer:?}");
        answer
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, Some(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask("PATCH", path, Some(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None).await
    }

    /// What is there, as JSON.
    pub async fn seen(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Does something that has to succeed.
    pub async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.ask(method, path, Some(&body)).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.json()
    }
}

/// Status and code of an error.
pub fn refusal(answer: &Answer) -> (u16, String) {
    let code = answer.json()["error"]["code"].as_str().map(str::to_owned);
    (answer.status, code.unwrap_or_default())
}

/// The field that an error names.
pub fn param(answer: &Answer) -> String {
    answer.json()["error"]["param"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
