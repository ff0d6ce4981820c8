//! A TOML table that is taken apart field by field, so that one wrong value hides no other.
//!
//! `serde` would stop at a table's first error; here each field is deserialised by itself, and a
//! field that nobody took is reported as unknown.

use std::{ops::Range, sync::Arc};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::{
    Source,
    problem::{Place, Placed, Problems, suggestion},
};

/// The file that is being read: turns spans into lines, and takes the problems.
pub(super) struct Reader<'s> {
    file: Arc<str>,
    /// Where each line but the first begins.
    line_starts: Vec<usize>,
    problems: &'s Problems,
}

/// A table of the file, with what is left of it.
pub(super) struct Fields<'r, 's> {
    reader: &'r Reader<'s>,
    table: DeTable<'s>,
    /// Path of the table, as problems name it; empty for the file itself.
    path: String,
    pub place: Place,
    /// What was asked for, for suggestions.
    known: Vec<&'static str>,
}

impl<'s> Reader<'s> {
    pub fn new(source: Source<'s>, problems: &'s Problems) -> Self {
        let line_starts = source.text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self {
            file: source.file.into(),
            line_starts,
            problems,
        }
    }

    /// The whole file. `None` where it is not TOML; each fault of its syntax is then reported.
    pub fn parse<'r>(&'r self, text: &'s str) -> Option<Fields<'r, 's>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Some(Fields {
                reader: self,
                table: table.into_inner(),
                path: String::new(),
                place: self.place(&(0..0)),
                known: Vec::new(),
            });
        }
        for error in errors {
            let place = self.place(&error.span().unwrap_or(0..0));
            self.problems.add(&place, "", error.message().replace('\n', "; "));
        }
        None
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place {
            file: self.file.clone(),
            line: 1 + self.line_starts.partition_point(|start| *start <= span.start),
        }
    }
}

impl<'r, 's> Fields<'r, 's> {
    /// A field's value. `None` where it is absent, or wrong and reported.
    pub fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Placed<T>> {
        let (value, place) = self.remove(key)?;
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => Some(Placed { value, place }),
            Err(error) => {
                self.report(&place, key, in_plain_words(error.message()));
                None
            }
        }
    }

    /// A field that has to be there. `None` where it is absent or wrong; either is reported.
    pub fn take_required<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Placed<T>> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.report(&self.place, key, "is missing");
            return None;
        }
        self.take(key)
    }

    /// The table under `key`.
    pub fn take_table(&mut self, key: &'static str) -> Option<Fields<'r, 's>> {
        let (value, place) = self.remove(key)?;
        let path = self.field(key);
        self.table_of(value, place, path)
    }

    /// The tables under `key`, an array; paths have their index until [`Fields::rename`].
    pub fn take_tables(&mut self, key: &'static str) -> Vec<Fields<'r, 's>> {
        let Some((value, place)) = self.remove(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.into_inner() else {
            self.report(&place, key, "has to be an array of tables");
            return Vec::new();
        };
        let path = self.field(key);
        items
            .into_iter()
            .enumerate()
            .filter_map(|(index, item)| {
                let place = self.reader.place(&item.span());
                self.table_of(item, place, format!("{path}[{index}]"))
            })
            .collect()
    }

    /// Every field that is left, by name.
    pub fn take_rest(&mut self) -> Vec<(String, Place, Spanned<DeValue<'s>>)> {
        let reader = self.reader;
        std::mem::take(&mut self.table)
            .into_iter()
            .map(|(key, value)| (key.into_inner().into_owned(), reader.place(&value.span()), value))
            .collect()
    }

    /// Every table that is left, by name.
    pub fn take_rest_tables(&mut self) -> Vec<(String, Fields<'r, 's>)> {
        self.take_rest()
            .into_iter()
            .filter_map(|(name, place, value)| {
                let path = self.field(&name);
                Some((name, self.table_of(value, place, path)?))
            })
            .collect()
    }

    /// Names the table by its ID instead of its index: `model[3]` becomes `model.gpt-4o`.
    pub fn rename(&mut self, id: &str) {
        let end = self.path.rfind('[').unwrap_or(self.path.len());
        self.path.truncate(end);
        self.path.push('.');
        self.path.push_str(id);
    }

    pub fn report(&self, place: &Place, key: &str, problem: impl Into<String>) {
        self.reader.problems.add(place, self.field(key), problem);
    }

    /// Reports the table as a whole.
    pub fn report_self(&self, problem: impl Into<String>) {
        self.reader.problems.add(&self.place, self.path.clone(), problem);
    }

    /// Reports every field that nobody took.
    pub fn finish(mut self) {
        for (key, place, _) in self.take_rest() {
            let near = suggestion(&key, self.known.iter().copied());
            self.report(&place, &key, format!("is not a known field{near}"));
        }
    }

    fn remove(&mut self, key: &'static str) -> Option<(Spanned<DeValue<'s>>, Place)> {
        self.known.push(key);
        let value = self.table.remove(key)?;
        let place = self.reader.place(&value.span());
        Some((value, place))
    }

    fn table_of(&self, value: Spanned<DeValue<'s>>, place: Place, path: String) -> Option<Fields<'r, 's>> {
        let DeValue::Table(table) = value.into_inner() else {
            self.reader.problems.add(&place, path, "has to be a table");
            return None;
        };
        Some(Fields {
            reader: self.reader,
            table,
            path,
            place,
            known: Vec::new(),
        })
    }

    fn field(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// A problem without the names that this program has for kinds of numbers.
pub(super) fn in_plain_words(problem: &str) -> String {
    const SIGNED: [&str; 2] = ["i64", "i32"];
    const UNSIGNED: [&str; 4] = ["u64", "u32", "u16", "usize"];

    let Some((before, kind)) = problem.rsplit_once("expected ") else {
        return problem.to_owned();
    };
    match kind {
        _ if SIGNED.contains(&kind) => format!("{before}expected a whole number"),
        _ if UNSIGNED.contains(&kind) => format!("{before}expected a whole number from 0 on"),
        "f64" => format!("{before}expected a number"),
        _ => problem.to_owned(),
    }
}
