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
        if self.subset.losses == Losses::Described && !is_annotation(keyword) {
            let said = self.in_words(keyword, value)?;
            self.limits.push(said);
        }
        Ok(())
    }

    /// What limits nothing, for the model to read.
    pub(super) fn remark(&mut self, keyword: &str, value: &Json<'a>) -> Result<(), Unclean> {
        let said = self.in_words(keyword, value)?;
        self.remarks.push(said);
        Ok(())
    }

    fn in_words(&mut self, keyword: &str, value: &Json<'a>) -> Result<String, Unclean> {
        self.spend(size(value))?;
        let value = write::to_text(value, SIZE_LIMIT).ok_or(Unclean::TooLarge)?;
        Ok(format!("{keyword} {value}"))
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

/// Puts keywords and their values, under a heading, behind what the description says.
pub(super) fn say(heading: &str, keywords: &[String], out: &mut Members<'_>) {
    if keywords.is_empty() {
        return;
    }
    let more = format!("{heading}: {}.", keywords.join(", "));
    match out.iter_mut().find(|(name, _)| name == "description") {
        Some((_, Json::String(said))) if !said.is_empty() => *said = format!("{said} {more}").into(),
        Some((_, said)) => *said = Json::String(more.into()),
        None => out.push((Cow::Borrowed("description"), Json::String(more.into()))),
    }
}
