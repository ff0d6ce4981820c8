//! What the catalogue says of a parameter by its name alone, for every dialect.
//!
//! Not here: parameters with a rule of their own, and in which order a dialect asks.

use tollgate_catalog::quirks::Quirks;

use crate::request::Unsupported;

/// Whether this model's provider does not take the parameter, so that a request with it fails.
pub fn refuses(quirks: &Quirks, name: &str, thinks: bool) -> bool {
    lists(&quirks.refuse, name) || (thinks && lists(&quirks.refuse_while_thinking, name))
}

/// Whether a parameter that is only a hint is left out.
pub fn omits(quirks: &Quirks, name: &str, thinks: bool) -> bool {
    lists(&quirks.omit, name) || (thinks && lists(&quirks.omit_while_thinking, name))
}

/// What the client is told of a parameter that is refused.
pub fn not_taken(name: &str) -> Unsupported {
    Unsupported::new(
        name,
        format!("this model's provider does not take `{name}`; leave it out"),
    )
}

/// Whether a value says the same as leaving the parameter out.
pub fn has_no_effect(name: &str, value: &str) -> bool {
    match value {
        "false" | "[]" | "{}" | "\"\"" | "0" | "0.0" => name != "seed",
        "1" => name == "n",
        // What is to be called is said by `functions`; these leave it at that.
        "\"none\"" | "\"auto\"" => name == "function_call",
        _ => {
            name == "modalities"
                && serde_json::from_str(value).is_ok_and(|kinds: Vec<String>| kinds == ["text"])
        }
    }
}

fn lists(names: &[String], name: &str) -> bool {
    names.iter().any(|listed| listed == name)
}
