//! Paths, their answers by status, and headers.

use serde_json::{Map, Value, json};

use super::{Page, schema_ref};

pub(super) fn paths(pages: &[Page<'_>]) -> Value {
    json!({
        "/v1/chat/completions": { "post": chat_completions(pages) },
        "/v1/models": { "get": models() },
        "/v1/models/{id}": { "get": one_model() },
        "/v1/usage": { "get": usage() },
        "/openapi.json": { "get": document() },
        "/healthz": { "get": healthz() },
        "/readyz": { "get": readyz() },
    })
}

/// An error status: what it means, and an error that has it.
struct ErrorStatus {
    status: u16,
    /// Its name among the document's responses.
    name: &'static str,
    meaning: &'static str,
    kind: &'static str,
    code: &'static str,
    message: &'static str,
}

const ERRORS: [ErrorStatus; 14] = [
    ErrorStatus {
        status: 400,
        name: "BadRequest",
        meaning: "The request breaks its model's contract, or cannot be served.",
        kind: "invalid_request_error",
        code: "decimal_above_max_value",
        message: "`temperature` must be at most 2, not 3.",
    },
    ErrorStatus {
        status: 401,
        name: "Unauthorized",
        meaning: "There is no API key, or none that counts.",
        kind: "authentication_error",
        code: "invalid_api_key",
        message: "this API key was revoked; ask the operator for a new one",
    },
    ErrorStatus {
        status: 402,
        name: "PaymentRequired",
        meaning: "No credit or budget is left.",
        kind: "insufficient_quota",
        code: "insufficient_quota",
        message: "the credit of this account is used up",
    },
    ErrorStatus {
        status: 403,
        name: "Forbidden",
        meaning: "The API key may not do this.",
        kind: "permission_error",
        code: "model_not_allowed",
        message: "this API key may not use the model",
    },
    ErrorStatus {
        status: 404,
        name: "NotFound",
        meaning: "There is no such model or route.",
        kind: "invalid_request_error",
        code: "model_not_found",
        message: "the model `gpt-4x` does not exist or is not served here",
    },
    ErrorStatus {
        status: 405,
        name: "MethodNotAllowed",
        meaning: "The route has other methods.",
        kind: "invalid_request_error",
        code: "method_not_allowed",
        message: "/v1/chat/completions takes POST, not GET",
    },
    ErrorStatus {
        status: 408,
        name: "RequestTimeout",
        meaning: "The body did not come in time.",
        kind: "invalid_request_error",
        code: "request_timeout",
        message: "the body paused for too long before it was complete",
    },
    ErrorStatus {
        status: 413,
        name: "TooLarge",
        meaning: "The body is larger than the gate takes.",
        kind: "invalid_request_error",
        code: "request_too_large",
        message: "the body is larger than 64 MiB, the limit here",
    },
    ErrorStatus {
        status: 415,
        name: "UnsupportedMediaType",
        meaning: "The body is not plain JSON.",
        kind: "invalid_request_error",
        code: "unsupported_media_type",
        message: "the body must be JSON: send `Content-Type: application/json`, not `text/plain`",
    },
    ErrorStatus {
        status: 429,
        name: "TooManyRequests",
        meaning: "A limit is reached; `Retry-After` says when to come back.",
        kind: "rate_limit_error",
        code: "rate_limit_exceeded",
        message: "the providers of this model are at their rate limit; try again later",
    },
    ErrorStatus {
        status: 500,
        name: "InternalError",
        meaning: "A fault of the gate.",
        kind: "server_error",
        code: "embedded_model_failed",
        message: "the embedded model failed to answer",
    },
    ErrorStatus {
        status: 502,
        name: "BadGateway",
        meaning: "The model's provider has failed.",
        kind: "server_error",
        code: "provider_error",
        message: "the provider failed to answer",
    },
    ErrorStatus {
        status: 503,
        name: "Unavailable",
        meaning: "The gate is overloaded, or nothing serves the model now; `Retry-After` says when to come back.",
        kind: "server_error",
        code: "overloaded",
        message: "the gate is at its limit of requests under way; try again shortly",
    },
    ErrorStatus {
        status: 504,
        name: "Timeout",
        meaning: "The model's provider did not answer in time.",
        kind: "server_error",
        code: "provider_timeout",
        message: "the provider did not answer in time",
    },
];

fn chat_completions(pages: &[Page<'_>]) -> Value {
    let requests: Vec<Value> = pages
        .iter()
        .map(|page| schema_ref(&page.request_name()))
        .collect();
    let answers: Vec<Value> = pages.iter().map(|page| schema_ref(&page.answer_name())).collect();
    let examples: Map<String, Value> = pages
        .iter()
        .flat_map(|page| page.contract.examples.iter().map(move |example| (page, example)))
        .map(|(page, example)| {
            let summary = format!("{}: {}", page.contract.title, example.summary);
            let name = format!("{}.{}", page.contract.name, example.name);
            (name, json!({ "summary": summary, "value": example.request }))
        })
        .collect();
    let mut responses = errors(&[
        400, 401, 402, 403, 404, 405, 408, 413, 415, 429, 500, 502, 503, 504,
    ]);
    let mut answered = json!({
        "description": "The answer: whole, or in pieces where `stream` is true.",
        "headers": {
            "x-request-id": header_ref("RequestId"),
            "x-tollgate-request-id": header_ref("TollgateRequestId"),
            "x-tollgate-notes": header_ref("Notes"),
        },
    });
    answered["content"] = json!({
        "application/json": { "schema": { "anyOf": answers } },
        "text/event-stream": {
            "schema": {
                "type": "string",
                "description": "Server-sent events whose `data` is a `Chunk` each, and at last `[DONE]`.",
            },
            "x-event-schema": schema_ref("Chunk"),
        },
    });
    responses.insert("200".into(), answered);
    json!({
        "operationId": "createChatCompletion",
        "tags": ["chat"],
        "summary": "Answer a conversation",
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": { "oneOf": requests }, "examples": examples } },
        },
        "responses": responses,
    })
}

fn models() -> Value {
    let mut responses = errors(&[401, 403, 405, 429, 500, 503]);
    responses.insert(
        "200".into(),
        json_answer(
            "The models that can be called with this API key.",
            schema_ref("ModelList"),
        ),
    );
    json!({
        "operationId": "listModels",
        "tags": ["models"],
        "summary": "List models",
        "responses": responses,
    })
}

fn one_model() -> Value {
    let mut responses = errors(&[401, 403, 404, 405, 429, 500, 503]);
    responses.insert("200".into(), json_answer("The model.", schema_ref("Model")));
    json!({
        "operationId": "getModel",
        "tags": ["models"],
        "summary": "Look up a model",
        "parameters": [{
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The model's ID.",
            "schema": { "type": "string" },
        }],
        "responses": responses,
    })
}

fn usage() -> Value {
    let mut responses = errors(&[400, 401, 403, 405, 500, 503]);
    let text = |description: &str| json!({ "type": "string", "description": description });
    let count = json!({ "type": "integer", "minimum": 0 });
    let budget = json!({
        "type": ["object", "null"],
        "description": "Amounts in dollars; null where there is no budget.",
        "required": ["amount", "per", "spent", "held", "left"],
        "properties": {
            "amount": text("What may be spent."),
            "per": { "enum": ["total", "day", "month"] },
            "spent": text("What was charged."),
            "held": text("Held by requests under way."),
            "left": text("The amount without what was charged."),
        },
    });
    let row = json!({
        "type": "object",
        "required": ["requests", "failed_requests", "prompt_tokens", "cached_tokens", "completion_tokens",
            "reasoning_tokens", "charge"],
        "properties": {
            "day": { "type": "string", "format": "date" },
            "model": text("The model's ID."),
            "requests": count,
            "failed_requests": count,
            "prompt_tokens": count,
            "cached_tokens": count,
            "completion_tokens": count,
            "reasoning_tokens": count,
            "charge": text("In dollars."),
        },
    });
    let schema = json!({
        "type": "object",
        "required": ["object", "key", "account", "budget", "account_budget", "balance", "time_zone", "from",
            "until", "data", "truncated"],
        "properties": {
            "object": { "const": "usage" },
            "key": text("The key's name."),
            "account": text("The name of the account that owns it."),
            "budget": budget,
            "account_budget": budget,
            "balance": {
                "type": ["string", "null"],
                "description": "What is left of the account's credit, in dollars; null where nothing bounds it.",
            },
            "time_zone": text("Where the days begin at midnight."),
            "from": { "type": "string", "format": "date" },
            "until": { "type": "string", "format": "date" },
            "data": { "type": "array", "items": row, "maxItems": 10_000 },
            "truncated": { "type": "boolean", "description": "Whether there is more; fewer days tell all of it." },
        },
    });
    responses.insert("200".into(), json_answer("What was used and charged.", schema));
    let day = |name: &str, description: &str| {
        json!({
            "name": name, "in": "query", "description": description,
            "schema": { "type": "string", "format": "date" },
        })
    };
    json!({
        "operationId": "getUsage",
        "tags": ["usage"],
        "summary": "What this API key has used, and may still spend",
        "parameters": [
            day("from", "First day; 29 days ago where it is left out."),
            day("until", "Last day; today where it is left out."),
            {
                "name": "by", "in": "query",
                "description": "What to tell apart: `day`, `model`, or both with a comma between them.",
                "schema": { "type": "string", "default": "day,model" },
            },
        ],
        "responses": responses,
    })
}

fn document() -> Value {
    open_route(
        "getOpenapi",
        "This document",
        json_answer("The document.", json!({ "type": "object" })),
    )
}

fn healthz() -> Value {
    open_route(
        "getHealth",
        "Whether the gate is alive",
        json_answer("It is.", state("ok", json!({}))),
    )
}

fn readyz() -> Value {
    let ready = json_answer("It can.", state("ready", json!({})));
    let missing = json!({ "missing": { "type": "array", "items": { "type": "string" } } });
    let mut route = open_route("getReadiness", "Whether the gate can answer requests", ready);
    route["responses"]["503"] = json_answer("Not now; `missing` says why.", state("not ready", missing));
    route
}

fn state(word: &str, members: Value) -> Value {
    let mut schema = json!({ "type": "object", "required": ["status"], "properties": members });
    schema["properties"]["status"] = json!({ "const": word });
    schema
}

/// A route that needs no API key.
fn open_route(operation: &str, summary: &str, answer: Value) -> Value {
    json!({
        "operationId": operation,
        "tags": ["operation"],
        "summary": summary,
        "security": [],
        "responses": { "200": answer },
    })
}

fn json_answer(description: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

fn errors(statuses: &[u16]) -> Map<String, Value> {
    let rows = ERRORS.iter().filter(|error| statuses.contains(&error.status));
    let entries = rows.map(|error| {
        let response = json!({ "$ref": format!("#/components/responses/{}", error.name) });
        (error.status.to_string(), response)
    });
    entries.collect()
}

pub(super) fn error_responses() -> Map<String, Value> {
    let rows = ERRORS.iter().map(|error| {
        let example = json!({ "error": {
            "message": error.message, "type": error.kind, "param": null, "code": error.code,
        } });
        let mut response = json!({
            "description": error.meaning,
            "headers": {
                "x-request-id": header_ref("RequestId"),
                "x-tollgate-request-id": header_ref("TollgateRequestId"),
            },
            "content": { "application/json": { "schema": schema_ref("Error"), "example": example } },
        });
        if matches!(error.status, 429 | 503) {
            response["headers"]["Retry-After"] = header_ref("RetryAfter");
        }
        if matches!(error.status, 400 | 404 | 429 | 502..=504) {
            response["headers"]["x-tollgate-notes"] = header_ref("Notes");
        }
        (error.name.to_owned(), response)
    });
    rows.collect()
}

pub(super) fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "RequestId": text("The client's own request ID, if it sent a sane one, else the gate's."),
        "TollgateRequestId": text("The gate's request ID, by which books and logs know the request."),
        "Notes": text("What was left out, moved or emulated, such as `omitted:top_p, moved:temperature`."),
        "RetryAfter": { "description": "Seconds to wait.", "schema": { "type": "integer", "minimum": 0 } },
    })
}

fn header_ref(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}
