//! What each call of an answer used, where several were made for it.
//!
//! A provider prices each call by itself, by the length of its own prompt, so that the price of a sum is not the sum of
//! the prices. What the calls came to together is known as the client is told of it; the count of each is written down
//! with its attempt. What nobody counted of a call is estimated in the sum alone, and shared out here.

use std::{borrow::Cow, slice};

use tollgate_chat::usage::Usage;

/// What each call used. `all`: what they came to together; `counted`: what the provider counted of those that it has
/// counted; `calls`: how many were made, where each was made.
pub fn of<'a>(all: &'a Usage, counted: &'a [Usage], calls: u64) -> Cow<'a, [Usage]> {
    let one_has_all = calls <= 1 && counted.len() <= 1;
    if one_has_all {
        return Cow::Borrowed(slice::from_ref(all));
    }
    let sum = counted.iter().copied().fold(Usage::default(), Usage::plus);
    let rest = all.less(sum);
    if rest.plus(sum) != *all {
        // The sum is not of these: the gate has counted in the provider's stead, or an estimate took a count's place.
        return Cow::Owned(all.shared_by(calls).collect());
    }
    if rest == Usage::default() {
        return Cow::Borrowed(counted);
    }
    let mut each = counted.to_vec();
    match each.first_mut() {
        // Said after the last count.
        Some(first) if rest.prompt == 0 => *first = first.plus(rest),
        _ => {
            let others = calls.saturating_sub(counted.len() as u64);
            each.extend(rest.shared_by(others));
        }
    }
    Cow::Owned(each)
}

#[cfg(test)]
mod tests;
