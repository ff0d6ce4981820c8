//! Values from the environment over those of the file: `TOLLGATE__SERVER__LISTEN=0.0.0.0:8700`.
//!
//! A channel is named by its position from 0 (`TOLLGATE__CHANNELS__0__API_KEY`; the next free
//! position adds a channel) or by its name in capitals, with `_` for every other character. What could be
//! two channels is none: the value may be a credential.

use std::{borrow::Cow, ops::Range};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    Tables,
    mistake::{Mistake, Mistakes},
    nearest::nearest,
};

pub const PREFIX: &str = "TOLLGATE__";
const SEPARATOR: &str = "__";
const CHANNELS: &str = "channels";

/// A variable that overrides a value, and its bytes' numbers among the sources.
#[derive(Debug)]
pub struct Override<'s> {
    pub name: &'s str,
    pub value: &'s str,
    pub span: Range<usize>,
}

/// Puts the values of the variables into the tables.
pub fn apply<'s>(
    root: &mut DeTable<'s>,
    overrides: &[Override<'s>],
    tables: &Tables,
    mistakes: &mut Mistakes<'_>,
) {
    for given in overrides {
        let path: Vec<String> = given.name[PREFIX.len()..]
            .split(SEPARATOR)
            .map(str::to_ascii_lowercase)
            .collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let target = match *path {
            [table, field] if tables.single_has(table, field) => table_in(root, table, given),
            [CHANNELS, channel, field] if tables.channel_has(field) => channel_in(root, channel, given),
            _ => Err(Mistake::UnknownVariable {
                nearest: nearest_variable(&path, tables),
            }),
        };
        let field = path.last().copied().unwrap_or_default();
        match target {
            Ok(Some(table)) => {
                let value = DeValue::String(Cow::Borrowed(given.value));
                // The key is replaced too: its span is where the value is written now.
                table.remove(field);
                table.insert(at(given, Cow::Owned(field.to_owned())), at(given, value));
            }
            // Not a table in the file: reported where the tables are read.
            Ok(None) => {}
            Err(mistake) => mistakes.add(given.span.start, mistake),
        }
    }
}

fn at<T>(given: &Override<'_>, value: T) -> Spanned<T> {
    Spanned::new(given.span.clone(), value)
}

/// The table of this name, made where it is missing. `None`: something else has the name.
fn table_in<'r, 's>(
    root: &'r mut DeTable<'s>,
    name: &str,
    given: &Override<'s>,
) -> Result<Option<&'r mut DeTable<'s>>, Mistake> {
    if !root.contains_key(name) {
        root.insert(
            at(given, Cow::Owned(name.to_owned())),
            at(given, DeValue::Table(DeTable::new())),
        );
    }
    Ok(root.get_mut(name).and_then(as_table))
}

/// The channel of this position or name. `None`: what stands there is no table.
fn channel_in<'r, 's>(
    root: &'r mut DeTable<'s>,
    channel: &str,
    given: &Override<'s>,
) -> Result<Option<&'r mut DeTable<'s>>, Mistake> {
    if !root.contains_key(CHANNELS) {
        root.insert(
            at(given, Cow::Borrowed(CHANNELS)),
            at(given, DeValue::Array(DeArray::new())),
        );
    }
    let Some(DeValue::Array(channels)) = root.get_mut(CHANNELS).map(Spanned::get_mut) else {
        return Ok(None);
    };
    let position = position(channels, channel)?;
    if position == Some(channels.len()) {
        channels.push(at(given, DeValue::Table(DeTable::new())));
    }
    let table = position.and_then(|position| channels.get_mut(position));
    table.map(as_table).ok_or_else(|| Mistake::UnknownChannel {
        channel: channel.to_owned(),
    })
}

/// Where the channel stands of which this is the position or the name. `None`: nowhere.
fn position(channels: &DeArray<'_>, channel: &str) -> Result<Option<usize>, Mistake> {
    let by_position = channel
        .parse()
        .ok()
        .filter(|position| *position <= channels.len());
    let named = (0..channels.len()).filter(|position| {
        let table = channels.get(*position).map(Spanned::get_ref);
        table.is_some_and(|table| has_name(table, channel))
    });
    let named: Vec<usize> = named.filter(|position| Some(*position) != by_position).collect();
    let by_name = |position: usize| {
        let name = channels.get(position).and_then(|table| name(table.get_ref()));
        format!("the channel named `{}`", name.unwrap_or_default())
    };
    let both = match (by_position, named.as_slice()) {
        (position, []) => return Ok(position),
        (None, [position]) => return Ok(Some(*position)),
        (None, [first, second, ..]) => [by_name(*first), by_name(*second)],
        (Some(position), [other, ..]) => {
            let at = match channels.get(position).map(|table| name(table.get_ref())) {
                Some(Some(name)) => format!("the channel at position {position}, `{name}`,"),
                Some(None) => format!("the channel at position {position}"),
                None => format!("a new channel at position {position}"),
            };
            [at, by_name(*other)]
        }
    };
    Err(Mistake::AmbiguousChannel {
        channel: channel.to_owned(),
        both,
    })
}

fn as_table<'r, 's>(value: &'r mut Spanned<DeValue<'s>>) -> Option<&'r mut DeTable<'s>> {
    match value.get_mut() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// Whether a channel's name, written as in a variable, is `wanted`.
fn has_name(channel: &DeValue<'_>, wanted: &str) -> bool {
    name(channel).is_some_and(|name| as_in_variables(name) == wanted)
}

fn name<'c>(channel: &'c DeValue<'_>) -> Option<&'c str> {
    channel.get("name").and_then(|name| name.get_ref().as_str())
}

fn as_in_variables(name: &str) -> String {
    name.chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect()
}

/// The variable that was meant: the nearest table, and in it the nearest field.
fn nearest_variable(path: &[&str], tables: &Tables) -> Option<String> {
    let (table, field) = (nearest(path.first()?, tables.names())?, path.last()?);
    let meant = match path {
        [_, channel, _] if table == CHANNELS => {
            [table, channel, nearest(field, tables.channel_fields())?].join(SEPARATOR)
        }
        _ => {
            let fields = tables
                .singles()
                .filter(|(known, _)| *known == table)
                .map(|(_, field)| field);
            [table, nearest(field, fields)?].join(SEPARATOR)
        }
    };
    Some(format!("{PREFIX}{}", meant.to_ascii_uppercase()))
}
