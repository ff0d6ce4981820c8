//! Names of tools and IDs of calls, in the characters that the provider takes.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
};

/// Longest name of a tool; the provider's own limit is 64 on some models and 128 on others.
const NAME_LIMIT: usize = 64;

/// Names of tools: each has one form for the provider, in the offer, in the choice and in the history.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<String>,
    providers: HashMap<String, String>,
}

impl Names {
    /// The provider's name for the client's.
    pub fn of(&mut self, client: &str) -> String {
        if let Some(known) = self.providers.get(client) {
            return known.clone();
        }
        let plain = in_characters_of_a_name(client, NAME_LIMIT);
        let name = unused(plain, &self.taken);
        self.taken.insert(name.clone());
        self.providers.insert(client.to_owned(), name.clone());
        name
    }

    /// The client's names by the provider's, where they differ.
    pub fn changed(self) -> HashMap<String, String> {
        let pairs = self.providers.into_iter();
        pairs
            .filter(|(client, provider)| client != provider)
            .map(|(client, provider)| (provider, client))
            .collect()
    }
}

/// IDs of calls. The provider wants each only once in a conversation; clients and other providers begin
/// again with every turn.
#[derive(Debug, Default)]
pub struct CallIds {
    taken: HashSet<String>,
}

impl CallIds {
    /// The provider's ID for a call that is met for the first time.
    pub fn next(&mut self, client: &str) -> String {
        let id = unused(in_characters_of_a_name(client, usize::MAX), &self.taken);
        self.taken.insert(id.clone());
        id
    }
}

fn in_characters_of_a_name(text: &str, limit: usize) -> String {
    let plain = |char: char| match char.is_ascii_alphanumeric() || char == '-' {
        true => char,
        false => '_',
    };
    let name: String = text.chars().map(plain).take(limit).collect();
    match name.is_empty() {
        true => "_".to_owned(),
        false => name,
    }
}

fn unused(plain: String, taken: &HashSet<String>) -> String {
    let mut name = plain.clone();
    let mut count = 1;
    while taken.contains(&name) {
        count += 1;
        let mut ending = String::new();
        let _ = write!(ending, "_{count}");
        // All of it is ASCII by now.
        name.clone_from(&plain);
        name.truncate(NAME_LIMIT.max(plain.len()) - ending.len());
        name.push_str(&ending);
    }
    name
}
