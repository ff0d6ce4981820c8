//! The names of the columns, read off the type itself so that no list of them can go stale.

use std::{cell::Cell, fmt};

use serde::{Deserialize, Deserializer, de, forward_to_deserialize_any};

use super::Quirks;

/// Every field name of [`Quirks`].
pub(super) fn names() -> &'static [&'static str] {
    let names = Cell::new(&[] as &[&str]);
    let asked = Quirks::deserialize(AskedForNames(&names));
    debug_assert!(asked.is_err(), "it has no values to give");
    names.get()
}

/// Notes which fields a struct asks for, and has none of them.
struct AskedForNames<'a>(&'a Cell<&'static [&'static str]>);

#[derive(Debug)]
struct NoValues;

impl<'de> Deserializer<'de> for AskedForNames<'_> {
    type Error = NoValues;

    fn deserialize_struct<V: de::Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, NoValues> {
        self.0.set(fields);
        Err(NoValues)
    }

    fn deserialize_any<V: de::Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValues> {
        Err(NoValues)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

impl fmt::Display for NoValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only the names were asked for")
    }
}

impl std::error::Error for NoValues {}

impl de::Error for NoValues {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}
