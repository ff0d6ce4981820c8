//! A page on the web that an answer cites, as far as a client can be told of it.

use tollgate_chat::{event::Citation, object::Object};

use crate::conversation::text;

/// Longest address in bytes; a longer one is none that a browser takes.
const ADDRESS_LIMIT: usize = 8_192;
/// Most bytes of a title.
const TITLE_LIMIT: usize = 1_024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub url: String,
    title: String,
}

impl Page {
    /// The page that `source` speaks of; its address stands in one of the members `names`. `None` where it has
    /// no address on the web.
    pub fn of(source: &Object<'_>, names: &[&str]) -> Option<Self> {
        let mut addresses = names.iter().filter_map(|name| text(source, name));
        let url = addresses.find(|url| is_web(url) && url.len() <= ADDRESS_LIMIT)?;
        let title = text(source, "title").unwrap_or_default();
        Some(Self {
            url: url.into_owned(),
            title: title[..title.floor_char_boundary(TITLE_LIMIT)].to_owned(),
        })
    }

    /// The citation of a part of the text, in characters.
    pub fn cited(&self, start: u64, end: u64) -> Citation {
        Citation {
            url: self.url.clone(),
            title: self.title.clone(),
            start,
            end,
        }
    }
}

fn is_web(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}
