//! A provider's own words as far as a client may read them.
//!
//! They help a client to mend its request, so they are shown; but a provider may repeat the operator's
//! key, account or host in them. What looks like one of these is blotted out, at the price of a word
//! too many now and then.

const BLOT: &str = "[…]";

/// How keys and IDs of accounts, organisations, projects, users and endpoints begin.
const MARKS: [&str; 10] = [
    "sk-", "org-", "proj_", "proj-", "acct_", "acct-", "ep-", "AIza", "xai-", "user-",
];
/// Fewer characters after a mark are no ID.
const ID_LENGTH: usize = 4;
/// Last labels by which a host is told from a parameter's path such as `messages.content`.
const TOP_DOMAINS: [&str; 12] = [
    "com",
    "net",
    "org",
    "io",
    "ai",
    "cn",
    "dev",
    "app",
    "cloud",
    "internal",
    "local",
    "localhost",
];

/// The message with blots; `otherwise` where it is empty or a page.
pub fn shown(message: &str, otherwise: &str) -> String {
    let message = message.trim();
    if message.is_empty() || message.starts_with('<') {
        return otherwise.to_owned();
    }
    let mut shown = String::with_capacity(message.len());
    let mut after_bearer = false;
    for piece in message.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if after_bearer {
            shown.push_str(BLOT);
        } else if let Some(scheme_end) = word.find("://") {
            let before = word[..scheme_end].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            let url = word[before.len()..].trim_end_matches(['.', ',', ';', ':', ')', ']', '"', '\'', '`']);
            without_names(before, &mut shown);
            shown.push_str(BLOT);
            shown.push_str(&word[before.len() + url.len()..]);
        } else {
            without_names(word, &mut shown);
        }
        shown.push_str(&piece[word.len()..]);
        after_bearer = word.eq_ignore_ascii_case("bearer");
    }
    shown
}

/// Copies `word` with a blot for each key, ID and host in it.
fn without_names(word: &str, shown: &mut String) {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut rest = word;
    while !rest.is_empty() {
        let name_end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
        // A full stop after a name is the sentence's.
        let name = rest[..name_end].trim_end_matches('.');
        shown.push_str(if is_private(name) { BLOT } else { name });
        let next_name = rest[name_end..]
            .find(is_name_char)
            .map_or(rest.len(), |at| name_end + at);
        shown.push_str(&rest[name.len()..next_name]);
        rest = &rest[next_name..];
    }
}

fn is_private(name: &str) -> bool {
    is_id(name) || is_host(name)
}

/// An ID has a digit or a capital letter after its mark, which `user-provided` has not.
fn is_id(name: &str) -> bool {
    MARKS.iter().any(|mark| {
        name.strip_prefix(mark).is_some_and(|id| {
            id.len() >= ID_LENGTH && id.contains(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase())
        })
    })
}

fn is_host(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let is_address = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    let ends_as_domain = || labels.last().is_some_and(|last| TOP_DOMAINS.contains(last));
    is_address || (labels.len() > 1 && ends_as_domain())
}

#[cfg(test)]
mod tests;
