//! Data URIs (RFC 2397), base64 only: `data:image/png;base64,…`.

use std::borrow::Cow;

/// Takes media type (parameters left out) and base64 apart. Gives the address back where it is none.
pub fn split(address: Cow<'_, str>) -> Result<(Cow<'_, str>, Cow<'_, str>), Cow<'_, str>> {
    match address {
        Cow::Borrowed(text) => match parts(text) {
            Some((media_type, base64)) => Ok((Cow::Borrowed(media_type), Cow::Borrowed(base64))),
            None => Err(Cow::Borrowed(text)),
        },
        Cow::Owned(text) => match parts(&text) {
            Some((media_type, base64)) => {
                Ok((Cow::Owned(media_type.to_owned()), Cow::Owned(base64.to_owned())))
            }
            None => Err(Cow::Owned(text)),
        },
    }
}

/// Writes a data URI.
pub fn join(media_type: &str, base64: &str) -> String {
    format!("data:{media_type};base64,{base64}")
}

/// Decodes base64, standard or for URLs, with or without padding; white space is left out.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
    {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // Six bits alone are no byte.
    (bits < 6).then_some(bytes)
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let scheme = text
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))?;
    let (head, base64) = text[scheme.len()..].split_once(',')?;
    let mut words = head.split(';');
    let media_type = words.next().unwrap_or_default().trim();
    let is_base64 = words.any(|word| word.trim().eq_ignore_ascii_case("base64"));
    is_base64.then_some((media_type, base64))
}

#[cfg(test)]
mod tests;
