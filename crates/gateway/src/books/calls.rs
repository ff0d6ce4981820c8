//! What each call of an answer used, where several were made for it.
//!
//! A provider prices each call by itself, by the length of its own prompt and at the tier that served it, so that the
//! price of a sum is not the sum of the prices. What the calls came to together is known as the client is told of it;
//! the count and the tier of each are written down with its attempt. What nobody counted of a call is estimated in the
//! sum alone, and shared out here.

use std::iter::repeat;

use tollgate_catalog::price::Spent;
use tollgate_chat::{service_tier::ServiceTier, usage::Usage};

use crate::story::CallMade;

/// What each call used. `all`: what they came to together, and `tier`: the one that the answer names; `told`: those that
/// it is of, as far as they are known; `calls`: how many it is of.
pub fn of<'a>(
    all: &Usage,
    tier: Option<&'a ServiceTier>,
    told: impl Iterator<Item = &'a CallMade>,
    calls: u64,
) -> Vec<Spent<'a>> {
    let (counted, uncounted): (Vec<_>, Vec<_>) = told
        .map(|call| (call.usage, call.service_tier.as_ref()))
        .partition(|(usage, _)| usage.is_some());
    let one_has_all = calls <= 1 && counted.len() <= 1;
    if one_has_all {
        return vec![spent(*all, tier)];
    }
    let counted: Vec<(Usage, Option<&ServiceTier>)> = counted
        .into_iter()
        .filter_map(|(usage, tier)| Some((usage?, tier)))
        .collect();
    let tiers = counted.iter().map(|(_, tier)| *tier);
    let of_others = uncounted.iter().map(|(_, tier)| *tier).chain(repeat(tier));
    let sum = counted
        .iter()
        .fold(Usage::default(), |sum, (usage, _)| sum.plus(*usage));
    let rest = all.less(sum);
    if rest.plus(sum) != *all {
        // The sum is not of these: the gate has counted in the provider's stead, or an estimate took a count's place.
        let shared = all.shared_by(calls).zip(tiers.chain(of_others));
        return shared.map(|(usage, tier)| spent(usage, tier)).collect();
    }
    let mut each: Vec<Spent<'a>> = counted.iter().map(|(usage, tier)| spent(*usage, *tier)).collect();
    if rest == Usage::default() {
        return each;
    }
    if rest.prompt == 0 && !each.is_empty() {
        // Said after the last count, nobody knows by which of them.
        let shared = rest.shared_by(each.len() as u64);
        for (call, share) in each.iter_mut().zip(shared) {
            call.usage = call.usage.plus(share);
        }
        return each;
    }
    let others = calls.saturating_sub(counted.len() as u64);
    let shared = rest.shared_by(others).zip(of_others);
    each.extend(shared.map(|(usage, tier)| spent(usage, tier)));
    each
}

/// What a call used at this tier.
pub fn spent(usage: Usage, tier: Option<&ServiceTier>) -> Spent<'_> {
    Spent {
        usage,
        service_tier: tier.map(ServiceTier::as_str),
    }
}

#[cfg(test)]
mod tests;
