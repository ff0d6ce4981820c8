//! What a finished request says for the books: who used what, and what it is charged.
//!
//! Made once, when the request is settled, and written to the spool before the client has the end of its answer.
//! A request that failed costs its client nothing, also after a part of the answer: what it used is the operator's
//! cost. Whoever leaves pays for what was produced until then.
//! Not here: the arithmetic (`ledger`), and how records get into the database (`store`).

mod calls;
mod rates;

use std::{borrow::Cow, sync::Arc, time::Duration};

use jiff::Timestamp;
use tollgate_catalog::{
    money::Money,
    price::{Price, Spent},
};
use tollgate_chat::{service_tier::ServiceTier, usage::Usage};
use tollgate_ledger::{Charge, Multiplier, UsageRecord};
use tollgate_store::WarmKey;

use crate::{
    admit::LetIn,
    count::tally::Tally,
    sandbox::SANDBOX,
    story::{Attempt, CallMade, End, Pages, Story},
};

/// What a request came to, in money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// Before the request was sent.
    pub held: Money,
    /// `None`: the price is not known.
    pub charge: Option<Money>,
    /// What the provider asks of the operator. `None`: the price is not known.
    pub cost: Option<Money>,
    /// What attempts may cost the operator beside that, whose output nobody was given: what the provider has counted of
    /// them, else what they had read and said, as the gate estimates it. Only where the price is known.
    pub lost_cost: Money,
    /// The rates, as the catalogue or the channel has them, with the tokens of each where there are several. `None`: there
    /// was nothing to pay, or no price.
    pub rates: Option<Arc<str>>,
    /// Whether the gate counted the tokens, since the provider did not.
    pub estimated: bool,
    /// The tier of service that answered; `None`: the standard one.
    pub service_tier: Option<ServiceTier>,
    /// Whether it has no price, so that the standard one was taken.
    pub at_standard_price: bool,
}

impl Bill {
    /// What was charged beyond what was held; nothing where nothing had to be held.
    pub fn overrun(&self) -> Money {
        match (self.held, self.charge) {
            (Money::ZERO, _) | (_, None) => Money::ZERO,
            (held, Some(charge)) => Money::from_nanos(charge.nanos().saturating_sub(held.nanos()).max(0)),
        }
    }

    /// The bill of a request that was let in at `at` and ended like this. `pages`: the story of the request, for who answered it;
    /// `tally`: what is known of its tokens.
    pub fn of(end: &End, pages: &Pages, key: &WarmKey, held: Money, at: Timestamp, tally: &Tally) -> Self {
        let nothing = Self {
            held,
            charge: Some(Money::ZERO),
            cost: Some(Money::ZERO),
            lost_cost: lost_cost(end, pages, at, tally),
            rates: None,
            estimated: end.usage_is_estimated,
            service_tier: end.service_tier.clone(),
            at_standard_price: false,
        };
        let paid = pages.paid();
        let (Some(usage), Some(serving)) = (end.usage, paid.and_then(|attempt| attempt.serving.as_ref()))
        else {
            return nothing;
        };
        let Some(price) = &serving.price else {
            return Self {
                charge: None,
                cost: None,
                ..nothing
            };
        };
        let tier = end.service_tier.as_ref();
        let made = paid.map_or(&[][..], |attempt| &attempt.calls);
        let told = made.iter().filter(|call| call.is_told);
        let mut spent = calls::of(&usage, tier, told, tally.readings());
        let mut at_standard_price = false;
        for call in &mut spent {
            at_standard_price |= takes_a_price(call, price, at);
        }
        let charged = Charge::of(price, &spent, at, key.multiplier).ok();
        let is_paid = matches!(end.outcome, UsageRecord::OK | UsageRecord::CLIENT_GONE);
        let charged = charged.map(|charge| match is_paid {
            true => charge,
            false => charge.waived(),
        });
        Self {
            charge: charged.map(|charge| charge.charge),
            cost: charged.map(|charge| charge.cost),
            rates: rates::told(price, &usage, &spent, at).map(|rates| paid_at(rates, key.multiplier)),
            at_standard_price,
            ..nothing
        }
    }

    /// What is written down of it, of a request that took so long since its arrival.
    pub fn record<'a>(
        &'a self,
        story: &'a Story,
        end: &'a End,
        pages: &'a Pages,
        key: &'a WarmKey,
        let_in: LetIn,
        took: Duration,
    ) -> Option<UsageRecord<'a>> {
        let answered = pages.paid();
        let model = pages.model.as_ref()?;
        Some(UsageRecord {
            request: story.id.as_str().parse().ok()?,
            account: key.account,
            key: key.key.id,
            made: Some(key.made),
            model: Cow::Borrowed(model.id.as_str()),
            served_model: answered.map_or("", Attempt::provider_model).into(),
            provider: answered
                .map_or("", |attempt| {
                    attempt.provider().map_or(SANDBOX, |provider| &provider.name)
                })
                .into(),
            channel: answered
                .map_or("", |attempt| attempt.served.channel.as_str())
                .into(),
            service_tier: self.service_tier.as_ref().map(|tier| tier.as_str().into()),
            started: let_in.at,
            duration: took.saturating_sub(let_in.after),
            first_output: end.first_output.map(|at| {
                at.saturating_duration_since(story.arrived)
                    .saturating_sub(let_in.after)
            }),
            stream: pages.stream,
            outcome: Cow::Borrowed(end.outcome),
            usage: end.usage.unwrap_or_default(),
            estimated: self.estimated,
            price_version: self.rates.as_deref().map(Cow::Borrowed),
            held: self.held,
            charge: self.charge,
            cost: self.cost,
            lost_cost: self.lost_cost,
        })
    }
}

/// Before the rates stands how many times them the account pays, where that is not once: a charge can then be worked out
/// again from what is kept.
fn paid_at(rates: Arc<str>, multiplier: Multiplier) -> Arc<str> {
    match multiplier == Multiplier::ONE {
        true => rates,
        false => format!("times={multiplier} {rates}").into(),
    }
}

/// Takes the standard price where the call's tier has none; says whether it was so.
fn takes_a_price(call: &mut Spent<'_>, price: &Price, at: Timestamp) -> bool {
    let has_none = !price.has_price(call, at);
    if has_none {
        call.service_tier = None;
    }
    has_none
}

/// What calls cost that went out, and whose output nobody was given: what their providers counted of them, else about
/// what they had read and said; at the tier of each.
fn lost_cost(end: &End, pages: &Pages, at: Timestamp, tally: &Tally) -> Money {
    let counted = end.usage.and(pages.paid());
    let is_counted = |attempt: &Attempt| counted.is_some_and(|counted| std::ptr::eq(counted, attempt));
    let used = |call: &CallMade| {
        let told = call.usage.filter(|usage| tally.believes(usage));
        match (&call.heard, told) {
            (Some(heard), told) if told.is_some() || heard.usage.is_none() => {
                heard.so_far(tally.about(), false).0
            }
            (_, Some(told)) => told,
            (_, None) => Usage {
                prompt: tally.about(),
                ..Usage::default()
            },
        }
    };
    let cost = |attempt: &Attempt| {
        let price = attempt.serving.as_ref()?.price.as_ref()?;
        let is_paid_for = is_counted(attempt);
        let lost = attempt
            .calls
            .iter()
            .filter(|call| call.is_billed && !(is_paid_for && call.is_told));
        let mut spent: Vec<Spent<'_>> = lost
            .map(|call| calls::spent(used(call), call.service_tier.as_ref()))
            .collect();
        for call in &mut spent {
            takes_a_price(call, price, at);
        }
        let charge = Charge::of(price, &spent, at, Multiplier::ONE).ok()?;
        Some(charge.cost.nanos())
    };
    let lost = pages.attempts.iter().filter_map(cost);
    Money::from_nanos(lost.fold(0, i64::saturating_add))
}
