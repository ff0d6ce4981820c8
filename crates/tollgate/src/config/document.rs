//! The configuration file as a tree of values, with overrides and references put in.

use std::{borrow::Cow, collections::BTreeSet};

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Tables, decode,
    environment::Environment,
    mistake::{ConfigError, Mistake, Mistakes},
    nearest::nearest,
    overrides::{self, Override},
    reference,
};

/// Everything that is written, ready to be read table by table.
#[derive(Debug)]
pub struct Document<'s> {
    root: DeTable<'s>,
    /// Where texts came from outside: a variable or a reference.
    texts: BTreeSet<usize>,
}

impl<'s> Document<'s> {
    /// Fails at once where `text` is not TOML; anything else is added to `mistakes`.
    pub fn parse(
        text: &'s str,
        overrides: &[Override<'s>],
        environment: &Environment,
        tables: &Tables,
        mistakes: &mut Mistakes<'_>,
    ) -> Result<Self, ConfigError> {
        let parsed = DeTable::parse(text).map_err(|error| ConfigError {
            place: mistakes.place(error.span().map_or(0, |span| span.start)),
            mistake: Mistake::Syntax(error.message().to_owned()),
        })?;
        let mut root = parsed.into_inner();
        overrides::apply(&mut root, overrides, tables, mistakes);
        let mut texts = overrides.iter().map(|given| given.span.start).collect();
        for (_, value) in root.iter_mut() {
            resolve_references(value, environment, &mut texts, mistakes);
        }
        for (key, _) in &root {
            let table = key.get_ref().as_ref();
            if !tables.has(table) {
                let nearest = nearest(table, tables.names()).map(str::to_owned);
                let mistake = Mistake::UnknownField {
                    field: table.to_owned(),
                    table: "the file".to_owned(),
                    nearest,
                };
                mistakes.add(key.span().start, mistake);
            }
        }
        Ok(Self { root, texts })
    }

    /// Reads the table of this name; a missing one is empty.
    pub fn table<T: DeserializeOwned + Default>(&self, name: &str, mistakes: &mut Mistakes<'_>) -> T {
        match self.root.get(name) {
            None => T::default(),
            Some(value) => self
                .read(name, &format!("[{name}]"), value, mistakes)
                .unwrap_or_default(),
        }
    }

    /// Reads the tables of this name, `[[name]]`, each with the place of its head.
    pub fn tables<T: DeserializeOwned + Default>(
        &self,
        name: &str,
        mistakes: &mut Mistakes<'_>,
    ) -> Vec<Spanned<T>> {
        let Some(value) = self.root.get(name) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            mistakes.add(value.span().start, not_a(name, &format!("written as [[{name}]]")));
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| {
                let table = self.read(name, &format!("[[{name}]]"), item, mistakes)?;
                Some(Spanned::new(item.span(), table))
            })
            .collect()
    }

    fn read<T: DeserializeOwned + Default>(
        &self,
        name: &str,
        title: &str,
        value: &Spanned<DeValue<'_>>,
        mistakes: &mut Mistakes<'_>,
    ) -> Option<T> {
        let Some(table) = value.get_ref().as_table() else {
            mistakes.add(
                value.span().start,
                not_a(name, &format!("a table, written as {title}")),
            );
            return None;
        };
        Some(decode::table(title, table, &self.texts, mistakes))
    }
}

fn not_a(field: &str, what: &str) -> Mistake {
    Mistake::WrongType {
        field: field.to_owned(),
        message: format!("must be {what}"),
    }
}

/// Replaces the references in all texts of a value.
fn resolve_references(
    value: &mut Spanned<DeValue<'_>>,
    environment: &Environment,
    texts: &mut BTreeSet<usize>,
    mistakes: &mut Mistakes<'_>,
) {
    let start = value.span().start;
    match value.get_mut() {
        DeValue::String(text) => match reference::resolve(text, environment) {
            Ok(Cow::Borrowed(_)) => {}
            Ok(Cow::Owned(resolved)) => {
                *text = Cow::Owned(resolved);
                texts.insert(start);
            }
            Err(mistake) => mistakes.add(start, mistake),
        },
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                resolve_references(item, environment, texts, mistakes);
            }
        }
        DeValue::Table(table) => {
            for (_, item) in table.iter_mut() {
                resolve_references(item, environment, texts, mistakes);
            }
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
    }
}
