//! Errors of Responses: as the answer with a status, as an event, and inside a response that failed.
//!
//! The words are those of chat completions (`openai_chat::fault`); here is what only Responses says.

use tollgate_chat::object::Object;

use crate::{
    fault::{Fault, FaultKind},
    openai_chat,
};

/// Says what an answer with another status than 200 means.
pub fn of_status(status: u16, body: &[u8]) -> Fault {
    told_apart(openai_chat::fault::of_status(status, body))
}

/// The fault that an event of type `error` tells of.
pub(super) fn of_event(event: &Object<'_>) -> Fault {
    let unnamed = || Fault::new(FaultKind::Server, "an error without a message");
    let mut fault = openai_chat::fault::in_answer(event).unwrap_or_else(unnamed);
    // Its members may stand beside `type`, without an object around them.
    fault.param = fault.param.or_else(|| event.read("param"));
    told_apart(fault)
}

/// The fault in the member `error` of a response, or of an event of another type; `None` where there is
/// none.
pub(super) fn in_answer(object: &Object<'_>) -> Option<Fault> {
    object.present("error")?;
    openai_chat::fault::in_answer(object).map(told_apart)
}

fn told_apart(mut fault: Fault) -> Fault {
    if fault.kind == FaultKind::BadRequest && is_about_thoughts(&fault) {
        fault.kind = FaultKind::StateRefused;
        return fault;
    }
    let kind = fault
        .code
        .as_deref()
        .and_then(|code| meaning(code, &fault.message));
    fault.kind = kind.unwrap_or(fault.kind);
    fault
}

/// Whether items of earlier turns are refused: encrypted content that cannot be read, a thought without the
/// item that it led to or an item without its thought, one that comes twice or is not stored (wire notes,
/// section 2).
fn is_about_thoughts(fault: &Fault) -> bool {
    let code = fault.code.as_deref();
    let message = fault.message.to_ascii_lowercase();
    let says = |beginning: &str, rest: &str| message.starts_with(beginning) && message.contains(rest);
    code == Some("invalid_encrypted_content")
        || says("the encrypted content", "could not be verified")
        || says(
            "item ",
            "of type 'reasoning' was provided without its required following item",
        )
        || says("item ", "was provided without its required 'reasoning' item")
        || says("item with id 'rs_", "not found")
        || says("duplicate item found with id", "")
}

/// What a code of `response.error` means (OpenAI's API description, `ResponseErrorCode`).
fn meaning(code: &str, message: &str) -> Option<FaultKind> {
    Some(match code {
        // Said of a prompt that breaks the rules of use, and of one that cannot be read.
        "invalid_prompt" if is_about_policy(message) => FaultKind::ContentFilter,
        "bio_policy" | "cyber_policy" | "image_content_policy_violation" => FaultKind::ContentFilter,
        "invalid_prompt"
        | "empty_image_file"
        | "failed_to_download_image"
        | "image_file_not_found"
        | "image_file_too_large"
        | "image_parse_error"
        | "image_too_large"
        | "image_too_small"
        | "invalid_base64_image"
        | "invalid_image"
        | "invalid_image_format"
        | "invalid_image_mode"
        | "invalid_image_url"
        | "unsupported_image_media_type" => FaultKind::BadRequest,
        // The operator's project is bound to another region.
        "data_residency_mismatch" => FaultKind::Credential,
        "server_error" | "vector_store_timeout" => FaultKind::Server,
        _ => return None,
    })
}

fn is_about_policy(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["policy", "policies", "flagged", "safety"]
        .iter()
        .any(|word| message.contains(word))
}
