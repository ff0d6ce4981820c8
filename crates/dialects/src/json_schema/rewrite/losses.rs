//! What cannot be said within a subset.

use std::borrow::Cow;

use tollgate_chat::json::Json;

use super::{Rewriter, size};
use crate::json_schema::{Losses, SIZE_LIMIT, Unclean, keywords::is_annotation, tree::Members, write};

impl<'a> Rewriter<'_, 'a> {
    pub(super) fn lose(&mut self, keyword: &str) {
        // A name may be the client's own invention of any length.
        const NAME_LIMIT: usize = 40;

        if !is_annotation(keyword) {
            let end = keyword.floor_char_boundary(NAME_LIMIT);
            self.lost.insert(keyword[..end].to_owned());
        }
    }

    /// A limit that is lost, with its value for the model to read.
    pub(super) fn lose_limit(&mut self, keyword: &str, value: &Json<'a>) -> Result<(), Unclean> {
        self.lose(keyword);
        self.describe(keyword, value)
    }

    pub(super) fn describe(&mut self, keyword: &str, value: &Json<'a>) -> Result<(), Unclean> {
        let limits =
            self.subset.losses == Losses::Described && (!is_annotation(keyword) || keyword == "format");
        if limits {
            self.spend(size(value))?;
            let value = write::to_text(value, SIZE_LIMIT).ok_or(Unclean::TooLarge)?;
            self.limits.push(format!("{keyword} {value}"));
        }
        Ok(())
    }

    /// What cannot be said and is more than a limit.
    pub(super) fn bend(&mut self, keyword: &str) -> Result<(), Unclean> {
        if self.subset.losses == Losses::Described && !is_annotation(keyword) {
            return Err(Unclean::Unsayable);
        }
        self.lose(keyword);
        Ok(())
    }
}

/// Puts limits behind what the description says.
pub(super) fn say_limits(limits: &[String], out: &mut Members<'_>) {
    if limits.is_empty() {
        return;
    }
    let limits = format!("Limits: {}.", limits.join(", "));
    match out.iter_mut().find(|(name, _)| name == "description") {
        Some((_, Json::String(said))) if !said.is_empty() => *said = format!("{said} {limits}").into(),
        Some((_, said)) => *said = Json::String(limits.into()),
        None => out.push((Cow::Borrowed("description"), Json::String(limits.into()))),
    }
}
