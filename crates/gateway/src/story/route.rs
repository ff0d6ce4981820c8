//! The channels of a story that were thought of, and why some of them were passed over.

use std::{sync::Arc, time::Duration};

use tollgate_catalog::model::ModelId;

use super::{Pages, Story};
use crate::{channel::Served, health::RestsBy, route::Lacks};

/// What is counted where a channel has no place for an attempt.
const FULL: &str = "channel_full";

/// A channel, or a whole model, that was thought of.
#[derive(Debug)]
pub(super) struct Considered {
    pub(super) whom: Whom,
    /// `None`: it stands in the route.
    pub(super) passed_over: Option<Why>,
    /// It should have been left alone, and there was no other.
    pub(super) forced: bool,
}

#[derive(Debug)]
pub(super) enum Whom {
    Channel(Arc<Served>),
    /// A model to fall back on.
    Model(ModelId),
}

/// Why a channel was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The request's headers leave it out.
    Pinned,
    /// It cannot serve such a request.
    Lacks(Lacks),
    BreakerOpen {
        left: Duration,
    },
    /// Another request probes whether it is well again.
    Probed,
    /// Its credential was refused, or its quota is used up.
    ChannelRests {
        left: Duration,
    },
    /// The provider's rate limit for this model was reached, or it does not know the model.
    ModelRests {
        left: Duration,
    },
    /// As many attempts are under way as it may have.
    Full,
    /// No channel of a model to fall back on may be tried.
    NotServed,
    /// The contract of a model to fall back on does not allow the request.
    NotAllowed,
    /// What the request costs there is not known, and the key's money is counted.
    NoPrice,
    /// The API key may not use the channel, or not call the model to fall back on.
    NotForKey,
}

impl Why {
    /// Because it rests for so long.
    pub fn of_rest(by: RestsBy, left: Duration) -> Self {
        match by {
            RestsBy::Breaker => Self::BreakerOpen { left },
            RestsBy::Probe => Self::Probed,
            RestsBy::Channel => Self::ChannelRests { left },
            RestsBy::Model => Self::ModelRests { left },
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Lacks(what) => what.as_str(),
            Self::BreakerOpen { .. } => "breaker_open",
            Self::Probed => "probed",
            Self::ChannelRests { .. } => "channel_rests",
            Self::ModelRests { .. } => "model_rests",
            Self::Full => "full",
            Self::NotServed => "not_served",
            Self::NotAllowed => "not_allowed",
            Self::NoPrice => "no_price",
            Self::NotForKey => "not_for_key",
        }
    }

    pub(super) fn left(self) -> Option<Duration> {
        match self {
            Self::BreakerOpen { left } | Self::ChannelRests { left } | Self::ModelRests { left } => {
                Some(left)
            }
            Self::Pinned
            | Self::Probed
            | Self::Lacks(_)
            | Self::Full
            | Self::NotServed
            | Self::NotAllowed
            | Self::NoPrice
            | Self::NotForKey => None,
        }
    }
}

impl Story {
    /// These channels are in the route, in this order.
    pub fn may_go_to<'s>(&self, route: impl Iterator<Item = &'s Arc<Served>>) {
        for served in route {
            // One that lacks something is in it all the same where nobody else is.
            if let Some(known) = self.pages().known(served) {
                known.passed_over = None;
                continue;
            }
            self.consider(Whom::Channel(Arc::clone(served)), None);
        }
    }

    /// This channel was passed over, and is tried after all, since there is no other.
    pub fn tries_all_the_same(&self, served: &Arc<Served>) {
        if let Some(known) = self.pages().known(served) {
            known.forced = true;
        }
    }

    /// This channel is not tried.
    pub fn passes_over(&self, served: &Arc<Served>, why: Why) {
        if why == Why::Full {
            served.count_outcome(FULL);
        }
        // It may stand in the route, and have no place now.
        if let Some(known) = self.pages().known(served) {
            known.passed_over = Some(why);
            return;
        }
        self.consider(Whom::Channel(Arc::clone(served)), Some(why));
    }

    /// This model to fall back on is not asked.
    pub fn passes_over_model(&self, model: &ModelId, why: Why) {
        self.consider(Whom::Model(model.clone()), Some(why));
    }

    fn consider(&self, whom: Whom, passed_over: Option<Why>) {
        let mut pages = self.pages();
        let taken = pages.considered.len();
        if pages.has_place(taken) {
            pages.considered.push(Considered {
                whom,
                passed_over,
                forced: false,
            });
        }
    }
}

impl Pages {
    /// What was written down of this channel.
    fn known(&mut self, served: &Arc<Served>) -> Option<&mut Considered> {
        self.considered
            .iter_mut()
            .find(|considered| matches!(&considered.whom, Whom::Channel(known) if Arc::ptr_eq(known, served)))
    }
}
