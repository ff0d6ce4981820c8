//! What a file is that came without a type, as bare base64: by its first bytes and its name.

use crate::data_uri;

/// Said where a file's type is not known: a provider would read it as something that it is not.
pub const OF_NO_TYPE: &str = "what kind of file this is cannot be seen from its bytes; send it as a data URI with its \
                              type, such as data:application/pdf;base64,…";

pub(super) const PDF: &str = "application/pdf";
const TEXT: &str = "text/plain";
/// How base64 of `%PDF-` begins; the last character holds the beginning of what follows.
const PDF_BEGINS: &str = "JVBERi";
/// As much as is looked at, in characters of base64.
const LOOKED_AT: usize = 4096;

/// The media type of a file's base64; `None` where neither bytes nor name tell it.
pub(super) fn of(base64: &str, filename: Option<&str>) -> Option<&'static str> {
    let is_named_pdf = filename
        .and_then(|name| name.rsplit_once('.'))
        .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("pdf"));
    if base64.trim_start().starts_with(PDF_BEGINS) || is_named_pdf {
        return Some(PDF);
    }
    is_text(base64).then_some(TEXT)
}

/// Whether it begins as text in UTF-8.
fn is_text(base64: &str) -> bool {
    let begins: String = base64
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(LOOKED_AT)
        .collect();
    let is_cut = begins.len() == LOOKED_AT;
    let Some(bytes) = data_uri::decode(&begins) else {
        return false;
    };
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        // The last character may be cut off.
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_strange = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    !text.is_empty() && !text.contains(is_strange)
}
