//! Reads character classes as JSON Schema means them.
//!
//! A schema's patterns are ECMA-262's, in whose classes `[`, `&`, `~` and `-` stand for themselves. The library
//! reads `[:alpha:]` as a class of its own there, and `&&`, `--` and `~~` as sums of classes.

use std::borrow::Cow;

/// The pattern with such letters escaped within classes.
pub(super) fn plain(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains('[') {
        return Cow::Borrowed(pattern);
    }
    let mut plain = String::with_capacity(pattern.len());
    let mut in_class = false;
    let mut before = None;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                plain.push(letter);
                plain.extend(letters.next());
                before = None;
                continue;
            }
            '[' if !in_class => in_class = true,
            ']' => in_class = false,
            '[' | '&' | '~' if in_class => plain.push('\\'),
            '-' if in_class && before == Some('-') => plain.push('\\'),
            _ => {}
        }
        plain.push(letter);
        before = Some(letter);
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_what_stands_in_a_class_is_escaped() {
        for (pattern, expected) in [
            ("^a-b&&c~~d$", "^a-b&&c~~d$"),
            ("[[:alpha:]]", r"[\[:alpha:]]"),
            ("[a&&b]&&", r"[a\&\&b]&&"),
            ("[+--]", r"[+-\-]"),
            (r"[\[\]a-z]\[", r"[\[\]a-z]\["),
            ("[^~~]", r"[^\~\~]"),
        ] {
            assert_eq!(plain(pattern), expected);
            assert_eq!(plain(expected), expected, "what is escaped stays so");
        }
    }
}
