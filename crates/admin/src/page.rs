//! Lists in pages: how much is told at once, and where the next page begins.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::field::Text;

const USUAL: u32 = 50;
const MOST: u32 = 500;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many at most; 50 where nothing is said.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500)]
    pub(crate) limit: Option<Text<Limit>>,
    /// `next` of the page before.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub(crate) after: Option<Text<Cursor>>,
}

/// How many are told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(u32);

impl std::str::FromStr for Limit {
    type Err = NotLimit;

    fn from_str(text: &str) -> Result<Self, NotLimit> {
        let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        limit.map(Self).ok_or(NotLimit)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a page has 1 to {MOST} things")]
pub(crate) struct NotLimit;

/// The last thing of the page before. What stands in it is for the gate alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor(pub(crate) i64);

impl std::str::FromStr for Cursor {
    type Err = NotCursor;

    fn from_str(text: &str) -> Result<Self, NotCursor> {
        text.parse().map(Self).map_err(|_| NotCursor)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("is not what stood in `next` of a page")]
pub(crate) struct NotCursor;

/// How many are told, of what was asked for.
pub(crate) fn limit(asked: &Option<Text<Limit>>) -> u32 {
    asked.as_ref().map_or(USUAL, |Text(Limit(limit))| *limit)
}

pub(crate) fn after(asked: &Option<Text<Cursor>>) -> Option<i64> {
    asked.as_ref().map(|Text(Cursor(after))| *after)
}

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page<T: ToSchema> {
    pub(crate) data: Vec<T>,
    /// `after` of the next page; null: this is the last one.
    pub(crate) next: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// The first `limit` of `found`, which has one more of them where there is a next page. `number`: what a thing is
    /// sorted by.
    pub(crate) fn of<R>(
        found: Vec<R>,
        limit: u32,
        number: impl Fn(&R) -> i64,
        shown: impl FnMut(R) -> T,
    ) -> Self {
        let limit = limit as usize;
        let has_more = found.len() > limit;
        let last = found.iter().take(limit).next_back().map(number);
        Self {
            next: last.filter(|_| has_more).map(|number| number.to_string()),
            data: found.into_iter().take(limit).map(shown).collect(),
        }
    }
}
