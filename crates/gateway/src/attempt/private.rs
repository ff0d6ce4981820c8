//! Takes what is the operator's out of a provider's fault, where the channel is known: its credential, its
//! host, its headers' values, word for word.
//!
//! Keys have many forms, and some look like anything else, so no pattern finds them all (`error::shown` looks
//! for the rest by form). Every fault of a channel passes here before it becomes a failure, so neither a
//! client nor a log gets past it.

use secrecy::ExposeSecret;
use tollgate_catalog::channel::ChannelSettings;
use tollgate_dialects::Fault;

use crate::error::{BLOT, Failure};

/// From this length on a private word is blotted out wherever it stands; a shorter one, such as the host
/// `ai`, only where it is not a part of a longer name.
const TELLING_LENGTH: usize = 8;
/// From this length on a part of the base URL's path may name an account.
const ACCOUNT_LENGTH: usize = 16;

/// The failure that a fault of this channel is.
pub fn failed(settings: &ChannelSettings, mut fault: Fault) -> Failure {
    let words = words(settings);
    fault.message = without(&fault.message, &words);
    let is_clean = |text: &String| without(text, &words) == *text;
    fault.param = fault.param.filter(is_clean);
    fault.code = fault.code.filter(is_clean);
    Failure::Fault(fault)
}

/// What is private of a channel, in lower case, the longest first.
fn words(settings: &ChannelSettings) -> Vec<String> {
    let url = &settings.base_url;
    let mut words = Vec::new();
    let key = settings.api_key.expose_secret();
    let values = settings.headers.iter().map(|(_, value)| value.as_str());
    for secret in values.chain([key, url.username()]).chain(url.password()) {
        words.push(secret.trim());
        // A scheme stands before a credential; some credentials are made of an ID and a secret.
        let parts = secret.split(|c: char| c.is_whitespace() || matches!(c, '.' | ':'));
        words.extend(parts.filter(|part| part.len() >= TELLING_LENGTH));
    }
    words.extend(url.host_str().map(|host| host.trim_matches(['[', ']'])));
    let path = url.path().split('/');
    words.extend(path.filter(|part| part.len() >= ACCOUNT_LENGTH));
    let mut words: Vec<String> = words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    words.dedup();
    words
}

/// `text` with a blot for each of `words`, in capitals or not. The text may have been cut inside one.
fn without(text: &str, words: &[String]) -> String {
    let lower = text.to_ascii_lowercase();
    let mut told = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let before = text[..at].chars().next_back();
        if let Some(length) = words
            .iter()
            .find_map(|word| length_of(word, &lower[at..], before))
        {
            told.push_str(BLOT);
            at += length;
        } else {
            told.push(next);
            at += next.len_utf8();
        }
    }
    told
}

/// How many bytes of `rest` are `word`, or its beginning where `rest` ends.
fn length_of(word: &str, rest: &str, before: Option<char>) -> Option<usize> {
    let is_telling = word.len() >= TELLING_LENGTH;
    let Some(after) = rest.strip_prefix(word) else {
        let is_cut = rest.len() >= TELLING_LENGTH && word.starts_with(rest);
        return is_cut.then_some(rest.len());
    };
    let touches = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    (is_telling || !(touches(before) || touches(after.chars().next()))).then_some(word.len())
}

#[cfg(test)]
mod tests;
