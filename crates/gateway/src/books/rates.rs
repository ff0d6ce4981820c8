//! The rates of a bill in one line, from which its amounts can be worked out again.
//!
//! Where one price holds for all, its rates say enough: the tokens are told beside them. Calls of one answer may have
//! several prices, and what their tokens come to together is then priced by none of them. So the tokens of each price
//! stand behind its rates, by class: `in=1 out=4 (in:100 out:20) and in=2 out=8 (in:900 out:30)`.

use std::{fmt::Write as _, sync::Arc};

use jiff::Timestamp;
use tollgate_catalog::price::{Line, Price, Rates, Spent};
use tollgate_chat::usage::Usage;

/// What was charged at one price.
struct Share<'p> {
    version: &'p Arc<str>,
    rates: &'p Rates,
    lines: [Line; 9],
}

/// The rates of all that was `spent`. `all`: what it came to together, as it is told.
pub fn told(price: &Price, all: &Usage, spent: &[Spent<'_>], at: Timestamp) -> Option<Arc<str>> {
    if let [one] = spent {
        return price.version(one, at).cloned();
    }
    let mut shares: Vec<Share<'_>> = Vec::new();
    for call in spent {
        let (Some(version), Some(rates)) = (price.version(call, at), price.rates(call, at)) else {
            continue;
        };
        let lines = rates.lines(&call.usage).ok()?;
        match shares.iter_mut().find(|share| share.version == version) {
            Some(share) => share.add(&lines),
            None => shares.push(Share {
                version,
                rates,
                lines,
            }),
        }
    }
    match &shares[..] {
        [] => None,
        [one] if one.is_of(all) => Some(Arc::clone(one.version)),
        _ => {
            shares.sort_by_key(|share| share.version);
            let texts: Vec<String> = shares.iter().map(Share::with_tokens).collect();
            Some(texts.join(" and ").into())
        }
    }
}

impl Share<'_> {
    fn add(&mut self, lines: &[Line; 9]) {
        for (sum, line) in self.lines.iter_mut().zip(lines) {
            sum.tokens = sum.tokens.saturating_add(line.tokens);
        }
    }

    /// Whether it is what these tokens are charged for at its rates.
    fn is_of(&self, all: &Usage) -> bool {
        self.rates.lines(all).is_ok_and(|lines| lines == self.lines)
    }

    fn with_tokens(&self) -> String {
        let mut text = format!("{} (", self.version);
        let lines = self.lines.iter().filter(|line| line.tokens > 0);
        for (place, Line { class, tokens, .. }) in lines.enumerate() {
            let space = if place == 0 { "" } else { " " };
            let _ = write!(text, "{space}{}:{tokens}", class.figure());
        }
        text.push(')');
        text
    }
}

#[cfg(test)]
mod tests;
