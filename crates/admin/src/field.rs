//! Fields as JSON has them: values written as text, and the difference between nothing and null.

use std::{fmt, marker::PhantomData, str::FromStr};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A value that is written as text, such as an amount of money.
#[derive(Debug, Clone)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsText<T>(PhantomData<T>);

        impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for AsText<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(AsText(PhantomData))
    }
}

/// Fields with their names. Without this a list would do for them, in their order.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

/// What is expected where an [`Object`] is.
pub(crate) const OBJECT: &str = "an object with its fields in `{}`";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(OBJECT)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// Null takes away what was there; nothing (by `default`) leaves it.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// For what is always something: null is wrong, nothing (by `default`) leaves it.
pub(crate) fn set<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A moment, in whole seconds, so that it is read back as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Second(pub(crate) Timestamp);

impl FromStr for Second {
    type Err = NotSecond;

    fn from_str(text: &str) -> Result<Self, NotSecond> {
        let moment: Timestamp = text.parse().map_err(|_| NotSecond)?;
        match moment.subsec_nanosecond() {
            0 => Ok(Self(moment)),
            _ => Err(NotSecond),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a moment is written in whole seconds, as 2026-12-31T00:00:00Z")]
pub(crate) struct NotSecond;

/// As RFC 3339 writes it, in whole seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
