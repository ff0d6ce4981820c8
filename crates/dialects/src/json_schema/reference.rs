//! References within a schema (JSON Pointer, RFC 6901).

use std::{borrow::Cow, collections::HashSet};

use tollgate_chat::json::Json;

/// The schema that `reference` stands for. `None` for one into another document, by an anchor, or to
/// nothing.
pub(super) fn resolve<'r, 'a>(root: &'r Json<'a>, reference: &str) -> Option<&'r Json<'a>> {
    let pointer = reference.strip_prefix('#')?;
    if pointer.is_empty() {
        return Some(root);
    }
    pointer
        .strip_prefix('/')?
        .split('/')
        .try_fold(root, |node, token| {
            let token = unescape(token);
            match node {
                Json::Array(items) => items.get(token.parse::<usize>().ok()?),
                _ => node.get(&token),
            }
        })
}

/// Whether a reference means another document, or a part by its name: something that is not seen here. One
/// by a path that leads to nothing means nothing anywhere.
pub(super) fn is_outside(reference: &str) -> bool {
    !(reference == "#" || reference.starts_with("#/"))
}

/// A reference that may stay: to the root, or to one of its definitions. With `definitions` under its
/// newer name.
pub(super) fn kept(reference: &str) -> Option<Cow<'_, str>> {
    if reference == "#" {
        return Some(Cow::Borrowed(reference));
    }
    let plain = |name: &str| !name.is_empty() && !name.contains('/');
    if reference.strip_prefix("#/$defs/").is_some_and(plain) {
        return Some(Cow::Borrowed(reference));
    }
    let name = reference
        .strip_prefix("#/definitions/")
        .filter(|name| plain(name))?;
    Some(Cow::Owned(format!("#/$defs/{name}")))
}

/// Longest chain of references that is followed.
const CHAIN_LIMIT: usize = 16;

/// Whether every reference leads somewhere, and following them comes to an end.
pub(super) fn all_end(root: &Json<'_>) -> bool {
    ends(root, root, &mut Vec::new(), &mut HashSet::new())
}

fn ends<'r>(
    node: &'r Json<'_>,
    root: &'r Json<'_>,
    chain: &mut Vec<&'r str>,
    done: &mut HashSet<&'r str>,
) -> bool {
    match node {
        Json::Array(items) => items.iter().all(|item| ends(item, root, chain, done)),
        Json::Object(members) => members.iter().all(|(name, value)| match value {
            Json::String(reference) if name == "$ref" => {
                if chain.contains(&&**reference) || chain.len() >= CHAIN_LIMIT {
                    return false;
                }
                if !done.insert(reference) {
                    return true;
                }
                let Some(target) = resolve(root, reference) else {
                    return false;
                };
                chain.push(reference);
                let all_end = ends(target, root, chain, done);
                chain.pop();
                all_end
            }
            _ => ends(value, root, chain, done),
        }),
        _ => true,
    }
}

/// `~1` and `~0` are `/` and `~`; as part of a URI, `%25` is `%`.
fn unescape(token: &str) -> Cow<'_, str> {
    if !token.contains(['~', '%']) {
        return Cow::Borrowed(token);
    }
    Cow::Owned(percent_decoded(token).replace("~1", "/").replace("~0", "~"))
}

fn percent_decoded(token: &str) -> String {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
