//! Fields as JSON has them: values written as text, and the difference between nothing and null.

use std::{fmt, marker::PhantomData, str::FromStr};

use jiff::{Timestamp, civil::DateTime};
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
        let moment: Timestamp = text.parse().map_err(|_| match is_of_calendar(text) {
            true => NotSecond::BeyondReach,
            false => NotSecond::OtherForm,
        })?;
        match moment.subsec_nanosecond() {
            0 => Ok(Self(moment)),
            _ => Err(NotSecond::OtherForm),
        }
    }
}

/// Whether the calendar has such a moment in UTC; moments end a day before the year 9999 does, so that each of them can be
/// told in every time zone.
fn is_of_calendar(text: &str) -> bool {
    text.strip_suffix(['Z', 'z'])
        .is_some_and(|text| text.parse::<DateTime>().is_ok())
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSecond {
    #[error("a moment is written in whole seconds, as 2026-12-31T00:00:00Z")]
    OtherForm,
    #[error("the last moment that can be told is 9999-12-30T22:00:00Z")]
    BeyondReach,
}

/// As RFC 3339 writes it, in whole seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_moment_that_is_none_is_told_why() {
        for (text, told) in [
            (
                "9999-12-31T00:00:00Z",
                "the last moment that can be told is 9999-12-30T22:00:00Z",
            ),
            (
                "2026-12-31T00:00:00.5Z",
                "a moment is written in whole seconds, as 2026-12-31T00:00:00Z",
            ),
            (
                "2026-13-31T00:00:00Z",
                "a moment is written in whole seconds, as 2026-12-31T00:00:00Z",
            ),
        ] {
            assert_eq!(text.parse::<Second>().unwrap_err().to_string(), told, "{text}");
        }
        let last: Second = "9999-12-30T22:00:00Z".parse().unwrap();
        assert_eq!(seconds(last.0), "9999-12-30T22:00:00Z");
    }
}
