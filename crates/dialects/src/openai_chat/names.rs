//! Functions whose names a provider keeps for itself: they go out under other names, and come back under theirs.

use std::collections::{HashMap, HashSet};

use tollgate_catalog::{contract::ValidRequest, quirks::Quirks};
use tollgate_chat::object::{Object, items};

use crate::conversation::text;

/// The other names of a request's functions; almost always there are none.
#[derive(Debug, Default)]
pub struct Names {
    /// The client's name, and the one that is sent.
    changed: Vec<(String, String)>,
}

impl Names {
    /// Names for those functions on offer that have a reserved one.
    pub fn of(request: &ValidRequest, quirks: &Quirks) -> Self {
        let reserved = &quirks.reserved_tool_names;
        if reserved.is_empty() || request.tools == 0 {
            return Self::default();
        }
        let tools = items(request.request.get("tools").unwrap_or_default()).unwrap_or_default();
        let name = |tool: &&str| {
            let tool = Object::parse(tool).ok()?;
            let function = Object::parse(tool.present("function")?).ok()?;
            text(&function, "name").map(|name| name.into_owned())
        };
        let offered: HashSet<String> = tools.iter().filter_map(name).collect();
        let changed = reserved.iter().filter(|name| offered.contains(*name));
        let other = |name: &String| {
            (1..)
                .map(|number| format!("{name}_{number}"))
                .find(|other| !offered.contains(other) && !reserved.contains(other))
        };
        Self {
            changed: changed
                .filter_map(|name| Some((name.clone(), other(name)?)))
                .collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// The name to send where it is not the client's.
    pub fn sent(&self, clients: &str) -> Option<&str> {
        let changed = self.changed.iter().find(|(name, _)| name == clients);
        changed.map(|(_, sent)| sent.as_str())
    }

    /// The client's names by those sent.
    pub fn undo(self) -> HashMap<String, String> {
        let turned = self.changed.into_iter().map(|(clients, sent)| (sent, clients));
        turned.collect()
    }
}
