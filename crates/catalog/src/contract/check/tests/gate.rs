//! The five pages, each with a model, and one line to check a body.

use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};
use tollgate_chat::request::ChatRequest;

use crate::{
    contract::{
        Contract, ValidRequest, Violations,
        check::{CheckLimits, check},
    },
    model::{Modalities, Model, ModelId},
};

pub(crate) const PAGES: [&str; 5] = [
    "general",
    "gemini",
    "qwen3.6-flash",
    "deepseek-v4-flash",
    "doubao-vision",
];

pub(crate) fn contract(page: &str) -> Contract {
    let text = match page {
        "general" => include_str!("../../../../../../catalog/contracts/general.toml"),
        "gemini" => include_str!("../../../../../../catalog/contracts/gemini.toml"),
        "qwen3.6-flash" => include_str!("../../../../../../catalog/contracts/qwen3.6-flash.toml"),
        "deepseek-v4-flash" => include_str!("../../../../../../catalog/contracts/deepseek-v4-flash.toml"),
        "doubao-vision" => include_str!("../../../../../../catalog/contracts/doubao-vision.toml"),
        other => panic!("there is no page {other}"),
    };
    Contract::from_toml(page, text).unwrap()
}

/// Pages are read once for all tests.
static READ: LazyLock<Vec<Arc<Contract>>> =
    LazyLock::new(|| PAGES.iter().map(|page| Arc::new(contract(page))).collect());

/// A model of `page` that reads everything.
pub(crate) fn model(page: &str) -> Arc<Model> {
    let contract = READ.iter().find(|contract| &*contract.name == page).unwrap();
    Arc::new(Model {
        id: ModelId::new("m"),
        owner: "owner".into(),
        token_factor: 1.0,
        tool_tokens: Default::default(),
        contract: contract.clone(),
        context: None,
        max_output: None,
        modalities: Modalities::ALL,
        servings: Vec::new(),
    })
}

/// A model of the general page that reads text only.
pub(crate) fn text_model() -> Arc<Model> {
    let mut model = Arc::unwrap_or_clone(model("general"));
    model.modalities = Modalities::default();
    Arc::new(model)
}

pub(crate) fn check_text(model: Arc<Model>, body: &str) -> Result<ValidRequest, Violations> {
    let request = ChatRequest::parse(body.as_bytes().to_vec().into()).unwrap();
    check(request, model, &CheckLimits::default())
}

/// Checks a valid request with `members` laid over it.
pub(crate) fn with(page: &str, members: Value) -> Result<ValidRequest, Violations> {
    check_text(model(page), &body(members).to_string())
}

/// A valid request with `members` laid over it.
pub(crate) fn body(members: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Checks a conversation on the general page, for a model that reads everything.
pub(crate) fn talk(messages: Value) -> Result<ValidRequest, Violations> {
    with("general", json!({ "messages": messages }))
}

#[track_caller]
pub(crate) fn assert_refused(outcome: Result<ValidRequest, Violations>, param: &str, code: &str) {
    let violations = outcome.expect_err("the request breaks its contract and was taken");
    assert_eq!(
        (violations.param(), violations.code().as_str()),
        (param, code),
        "{}",
        violations.message()
    );
}

#[track_caller]
pub(crate) fn assert_taken(outcome: Result<ValidRequest, Violations>) -> ValidRequest {
    outcome.unwrap_or_else(|violations| panic!("the request keeps its contract: {}", violations.message()))
}
