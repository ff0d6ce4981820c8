//! References in values: `${VAR}` stands for an environment variable, `${file:PATH}` for a file's
//! content without the white space around it, `$${` for a plain `${`.
//!
//! What is put in is not looked through again.

use std::{borrow::Cow, fs, path::Path};

use super::{environment::Environment, mistake::Mistake};

/// The text with every reference replaced. Unchanged and borrowed where there is none.
pub fn resolve<'t>(text: &'t str, environment: &Environment) -> Result<Cow<'t, str>, Mistake> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(plain) = before.strip_suffix('$') {
            resolved.push_str(plain);
            resolved.push_str("${");
            rest = &reference[2..];
            continue;
        }
        resolved.push_str(before);
        let (name, after) = reference[2..].split_once('}').ok_or(Mistake::Reference)?;
        resolved.push_str(&value_of(name, environment)?);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(Cow::Owned(resolved))
}

fn value_of<'e>(name: &str, environment: &'e Environment) -> Result<Cow<'e, str>, Mistake> {
    if let Some(path) = name.strip_prefix("file:") {
        let path = Path::new(path);
        let content = fs::read_to_string(path).map_err(|cause| Mistake::ReferencedFile {
            path: path.to_owned(),
            cause,
        })?;
        return Ok(Cow::Owned(content.trim().to_owned()));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(Mistake::Reference);
    }
    environment
        .get(name)
        .map(Cow::Borrowed)
        .ok_or_else(|| Mistake::UnsetVariable {
            name: name.to_owned(),
        })
}

#[cfg(test)]
mod tests;
