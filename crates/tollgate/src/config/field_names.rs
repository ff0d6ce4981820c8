//! The names of a table's fields, as its type declares them.
//!
//! Asked of the type itself, so that error messages and overrides from the environment know every
//! field without a second list.

use serde::{
    de::{DeserializeOwned, Visitor},
    forward_to_deserialize_any,
};

/// The fields of `T`, a struct that derives `Deserialize`.
pub fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut asked = Asked(&[]);
    // It always fails, having seen what it was here for.
    let _ = T::deserialize(&mut asked);
    asked.0
}

/// A deserializer without a value, that remembers which fields it was asked for.
struct Asked(&'static [&'static str]);

#[derive(Debug, thiserror::Error)]
#[error("no value")]
struct NoValue;

impl serde::de::Error for NoValue {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> serde::Deserializer<'de> for &mut Asked {
    type Error = NoValue;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, NoValue> {
        self.0 = fields;
        Err(NoValue)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
        Err(NoValue)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
