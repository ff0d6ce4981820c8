//! One table, from TOML to its type.
//!
//! Every field is tried by itself first, so that all mistakes of a table are found at once and not
//! only the first.

use std::{collections::BTreeSet, ops::Range};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    field_names::field_names,
    mistake::{Mistake, Mistakes},
    nearest::nearest,
};

/// Fields whose values are never repeated in a message.
const SECRET: [&str; 5] = ["api_key", "headers", "url", "key", "key_before"];

/// Reads a table whose fields are all optional. What cannot be read is added to `mistakes` and
/// left out.
///
/// `texts` holds where texts came from outside (a variable, a reference): such a text may also
/// stand for a number, a truth value or a list.
pub fn table<T: DeserializeOwned + Default>(
    name: &str,
    written: &DeTable<'_>,
    texts: &BTreeSet<usize>,
    mistakes: &mut Mistakes<'_>,
) -> T {
    let known = field_names::<T>();
    let mut readable = DeTable::new();
    for (key, value) in written {
        let field = key.get_ref().as_ref();
        if !known.contains(&field) {
            let nearest = nearest(field, known.iter().copied()).map(str::to_owned);
            let mistake = Mistake::UnknownField {
                field: field.to_owned(),
                table: name.to_owned(),
                nearest,
            };
            mistakes.add(key.span().start, mistake);
            continue;
        }
        let first = match alone::<T>(key, value) {
            Ok(()) => {
                readable.insert(key.clone(), value.clone());
                continue;
            }
            Err(error) => error,
        };
        let literal = texts
            .contains(&value.span().start)
            .then(|| as_literal(value))
            .flatten();
        let error = match literal.map(|literal| (alone::<T>(key, &literal), literal)) {
            Some((Ok(()), literal)) => {
                readable.insert(key.clone(), literal);
                continue;
            }
            Some((Err(error), _)) => error,
            None => first,
        };
        let message = if SECRET.contains(&field) {
            "this is not the kind of value it takes".to_owned()
        } else {
            in_words(error.message())
        };
        let byte = error.span().unwrap_or_else(|| value.span()).start;
        mistakes.add(
            byte,
            Mistake::WrongType {
                field: field.to_owned(),
                message,
            },
        );
    }
    let whole = Spanned::new(0..0, DeValue::Table(readable));
    T::deserialize(ValueDeserializer::from(whole)).expect("every field was readable by itself")
}

/// Types of Rust in the TOML library's messages, and what an operator calls them.
const IN_WORDS: [(&str, &str); 6] = [
    ("a nonzero u16", "a whole number from 1 to 65535"),
    ("a nonzero u32", "a whole number from 1 on"),
    ("a nonzero u64", "a whole number from 1 on"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 on"),
    ("expected u64", "expected a whole number from 0 on"),
];

fn in_words(message: &str) -> String {
    let mut words = message.to_owned();
    for (rust, plain) in IN_WORDS {
        words = words.replace(rust, plain);
    }
    words
}

/// Whether the value can be read as this field of `T`.
fn alone<T: DeserializeOwned>(
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<(), toml::de::Error> {
    let mut table = DeTable::new();
    table.insert(key.clone(), value.clone());
    T::deserialize(ValueDeserializer::from(Spanned::new(
        value.span(),
        DeValue::Table(table),
    )))
    .map(drop)
}

/// The value that a text stands for, if it is written as TOML writes values.
fn as_literal<'v>(value: &'v Spanned<DeValue<'_>>) -> Option<Spanned<DeValue<'v>>> {
    let mut literal = DeValue::parse(value.get_ref().as_str()?).ok()?;
    move_to(&mut literal, &value.span());
    Some(literal)
}

/// Says of a value and all in it that it is written there.
fn move_to(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) {
    match value.get_mut() {
        DeValue::Array(items) => items.iter_mut().for_each(|item| move_to(item, span)),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, item)| move_to(item, span)),
        _ => {}
    }
    let moved = std::mem::replace(value.get_mut(), DeValue::Boolean(false));
    *value = Spanned::new(span.clone(), moved);
}
