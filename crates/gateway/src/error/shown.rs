//! A provider's own words as far as a client may read them.
//!
//! They help a client to mend its request, so they are shown; but a provider may repeat the operator's
//! key, account or host in them. What looks like one of these is blotted out, at the price of a word
//! too many now and then.

pub const BLOT: &str = "[…]";

/// How keys and IDs of accounts, organisations, projects, users, endpoints and requests begin.
const MARKS: [&str; 13] = [
    "sk-", "org-", "proj_", "proj-", "acct_", "acct-", "ep-", "AIza", "xai-", "user-", "req_", "req-", "hf_",
];
/// Fewer characters after a mark are no ID.
const ID_LENGTH: usize = 4;
/// A name after `org-` may have no digit; a shorter one is a word such as `org-wide`.
const ORGANISATION_LENGTH: usize = 8;
/// Digits in a row that may be the number of an account.
const ACCOUNT_DIGITS: usize = 8;
/// Bytes that a parameter's path may have.
const PARAM_LIMIT: usize = 128;
/// Bytes that a code may have.
const CODE_LIMIT: usize = 64;
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
    let mut blotter = Blotter {
        shown: String::with_capacity(message.len()),
        lead: Lead::None,
    };
    let mut after_bearer = false;
    for piece in message.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if after_bearer {
            blotter.shown.push_str(BLOT);
        } else if let Some(scheme_end) = word.find("://") {
            let before = word[..scheme_end].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
            let url = word[before.len()..].trim_end_matches(['.', ',', ';', ':', ')', ']', '"', '\'', '`']);
            blotter.words(before);
            blotter.shown.push_str(BLOT);
            blotter.between(&word[before.len() + url.len()..]);
        } else {
            blotter.words(word);
        }
        blotter.between(&piece[word.len()..]);
        after_bearer = word.eq_ignore_ascii_case("bearer");
    }
    blotter.shown
}

/// A parameter's name where it can be one.
pub fn shown_param(param: &str) -> Option<&str> {
    shown_word(param, PARAM_LIMIT, b"_.[]-")
}

/// A provider's code where it can be one.
pub fn shown_code(code: &str) -> Option<&str> {
    shown_word(code, CODE_LIMIT, b"_.-")
}

fn shown_word<'t>(text: &'t str, limit: usize, marks: &[u8]) -> Option<&'t str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || marks.contains(&byte);
    let is_word = !text.is_empty() && text.len() <= limit && text.bytes().all(allowed);
    (is_word && shown(text, "") == text).then_some(text)
}

/// Copies a message and blots out the private names in it.
struct Blotter {
    shown: String,
    lead: Lead,
}

/// What the words so far say of the next name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    None,
    /// After `request`.
    Request,
    /// After `request id`; `told`: and a colon or the like.
    RequestId {
        told: bool,
    },
    /// After `projects` or `organizations`, and then after the slash.
    Collection,
    Member,
}

impl Blotter {
    /// Copies `word` with a blot for each key, ID and host in it.
    fn words(&mut self, word: &str) {
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let mut rest = word;
        while !rest.is_empty() {
            let name_end = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
            // A full stop after a name is the sentence's.
            let name = rest[..name_end].trim_end_matches('.');
            if !name.is_empty() {
                self.name(name);
            }
            let next_name = rest[name_end..]
                .find(is_name_char)
                .map_or(rest.len(), |at| name_end + at);
            self.between(&rest[name.len()..next_name]);
            rest = &rest[next_name..];
        }
    }

    fn name(&mut self, name: &str) {
        let led_to = match self.lead {
            Lead::RequestId { told } => told || name.contains(|c: char| c.is_ascii_digit()),
            Lead::Member => true,
            Lead::None | Lead::Request | Lead::Collection => false,
        };
        let is_private = led_to || is_private(name);
        self.shown.push_str(if is_private { BLOT } else { name });
        self.lead = match &*name.to_ascii_lowercase() {
            "id" if self.lead == Lead::Request => Lead::RequestId { told: false },
            "request_id" | "request-id" | "requestid" | "x-request-id" => Lead::RequestId { told: false },
            "request" => Lead::Request,
            "projects" | "organizations" => Lead::Collection,
            _ => Lead::None,
        };
    }

    /// Copies what is between two names.
    fn between(&mut self, marks: &str) {
        self.shown.push_str(marks);
        let is_gap = |c: char| c.is_whitespace() || "\"'`([".contains(c);
        self.lead = match self.lead {
            lead if marks.is_empty() => lead,
            Lead::Request if marks.chars().all(char::is_whitespace) => Lead::Request,
            Lead::RequestId { told } if marks.chars().all(|c| is_gap(c) || ":=#".contains(c)) => {
                let told = told || marks.contains([':', '=', '#']);
                Lead::RequestId { told }
            }
            Lead::Collection if marks == "/" => Lead::Member,
            _ => Lead::None,
        };
    }
}

fn is_private(name: &str) -> bool {
    is_id(name) || is_host(name) || has_account_number(name) || has_uuid(name)
}

/// An ID has a digit or a capital letter after its mark, which `user-provided` has not.
fn is_id(name: &str) -> bool {
    let is_organisation = name
        .strip_prefix("org-")
        .is_some_and(|id| id.len() >= ORGANISATION_LENGTH);
    is_organisation
        || MARKS.iter().any(|mark| {
            name.strip_prefix(mark).is_some_and(|id| {
                id.len() >= ID_LENGTH && id.contains(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase())
            })
        })
}

/// Whether there are many digits in a row, which are neither the date in a model's name nor a number of MiB.
fn has_account_number(name: &str) -> bool {
    let runs = name.split(|c: char| !c.is_ascii_digit());
    runs.filter(|run| run.len() >= ACCOUNT_DIGITS)
        .any(|run| !(is_date(run) || run == name && is_size(run)))
}

fn is_date(digits: &str) -> bool {
    let number = |digits: &str| digits.parse::<u32>().unwrap_or(0);
    digits.len() == 8
        && digits.starts_with("20")
        && (1..=12).contains(&number(&digits[4..6]))
        && (1..=31).contains(&number(&digits[6..]))
}

fn is_size(digits: &str) -> bool {
    digits.parse::<u64>().is_ok_and(|bytes| bytes % (1 << 20) == 0)
}

/// Whether there is a UUID in the name, with or without its hyphens.
fn has_uuid(name: &str) -> bool {
    let without_hyphens = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
    let with_hyphens = |part: &[u8]| {
        part.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    name.as_bytes().windows(32).any(without_hyphens) || name.as_bytes().windows(36).any(with_hyphens)
}

fn is_host(name: &str) -> bool {
    let labels: Vec<&str> = name.split('.').collect();
    let is_address = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    let ends_as_domain = || labels.last().is_some_and(|last| TOP_DOMAINS.contains(last));
    is_address || name.eq_ignore_ascii_case("localhost") || (labels.len() > 1 && ends_as_domain())
}

#[cfg(test)]
mod tests;
