//! How a limit that is reached is told.

use tollgate_ledger::{
    Period,
    limits::{Fund, Limit, NoMoney, Owner, Refusal},
    purse::Short,
};

/// What the client reads: whose limit it is, and how high.
pub fn limit_reached(refusal: &Refusal) -> String {
    let owner = owner_in_words(refusal.owner);
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

/// What the client reads where a budget or credit does not reach for its request.
pub fn too_little_money(refusal: &NoMoney) -> String {
    let owner = owner_in_words(refusal.owner);
    let fund = match refusal.fund {
        Fund::Budget(Period::Total) => "budget",
        Fund::Budget(Period::Day) => "budget of this day",
        Fund::Budget(Period::Month) => "budget of this month",
        Fund::Credit => "credit",
    };
    match refusal.short {
        Short::Spent if refusal.is_used_up => {
            format!("nothing is left of the {fund} of {owner}; ask the operator for more")
        }
        Short::Spent => format!(
            "too little is left of the {fund} of {owner} for this request; a lower `max_tokens` may fit, else ask the operator for more"
        ),
        Short::Held | Short::Unleased => format!(
            "what is left of the {fund} of {owner} is held by requests under way; try again when some of them have ended"
        ),
    }
}

/// What the client reads where nobody can tell what its request costs.
pub fn no_price(model: &str, field: Option<&str>) -> String {
    match field {
        None => format!(
            "the price of the model `{model}` is not known here, so this API key's budget or credit cannot pay for it; ask the operator to set one"
        ),
        Some(field) => format!(
            "the price of the model `{model}` with this `{field}` is not known here, so this API key's budget or credit cannot pay for it; leave `{field}` out, or ask the operator to set a price"
        ),
    }
}

/// What the client reads where nobody can tell how long its prompt is.
pub fn unbounded(by_url: bool) -> &'static str {
    match by_url {
        true => {
            "this API key holds the most that a request can cost, which nobody knows of media named by URL; send them inline"
        }
        false => {
            "this API key holds the most that a request can cost, which nobody knows of media for this model; leave them out, or ask the operator for the model's context"
        }
    }
}

fn owner_in_words(owner: Owner) -> &'static str {
    match owner {
        Owner::Key => "this API key",
        Owner::Account => "this API key's account",
    }
}
