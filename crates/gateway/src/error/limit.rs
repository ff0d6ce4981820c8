//! How a limit that is reached is told.

use tollgate_ledger::limits::{Limit, Owner, Refusal};

/// What the client reads: whose limit it is, and how high.
pub fn limit_reached(refusal: &Refusal) -> String {
    let owner = match refusal.owner {
        Owner::Key => "this API key",
        Owner::Account => "this API key's account",
    };
    let most = refusal.most;
    match (refusal.limit, refusal.wait) {
        (Limit::Concurrency, _) => format!("{owner} may have {most} requests under way at once, and has"),
        (Limit::RequestsPerMinute, _) => format!("{owner} may send {most} requests a minute, and has"),
        (Limit::TokensPerMinute, Some(_)) => {
            format!("{owner} may use {most} tokens a minute, and too few of them are left for this request")
        }
        (Limit::TokensPerMinute, None) => {
            format!("the prompt alone has more tokens than the {most} that {owner} may use in a minute")
        }
    }
}
