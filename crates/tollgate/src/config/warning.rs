//! What an operator should know of a configuration that is right.

use std::{fmt, net::SocketAddr};

use jiff::{ToSpan, Unit, civil::Date};
use tollgate_catalog::{channel::ChannelName, model::ModelId};
use tollgate_store::DatabaseUrl;

use super::Config;

/// Days before a model's end from which it is warned of.
pub const RETIREMENT_NOTICE_DAYS: u16 = 60;

/// Days before the end of a model's last price from which it is warned of.
const PRICE_NOTICE_DAYS: i32 = 14;

/// Something that hinders nothing now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A channel names a model that the catalogue does not list: it gets the general contract.
    NotInCatalog {
        channel: ChannelName,
        model: ModelId,
        nearest: Option<String>,
    },
    /// A channel names a model that the catalogue lists at others, not at its provider.
    NotAtProvider {
        channel: ChannelName,
        model: ModelId,
        provider: String,
    },
    /// The admin listener can be reached from other machines.
    AdminExposed { address: SocketAddr },
    /// A Redis is named, and no database that other gates could use.
    RedisUnused,
    /// Nobody serves a model that a field of `[routing]` names.
    NotServed { field: &'static str, model: ModelId },
    /// A model of a channel has no price after this day; those whose money is counted cannot use it then.
    PriceEnds {
        channel: ChannelName,
        model: ModelId,
        last: Date,
    },
    /// A model of a channel ends soon, or has ended.
    Retires {
        channel: ChannelName,
        model: ModelId,
        date: Date,
        days_left: i32,
    },
}

impl Config {
    /// Everything to be warned of on this day.
    pub fn warnings(&self, today: Date) -> Vec<Warning> {
        let mut retiring: Vec<(Date, Warning)> = self
            .channels
            .enabled
            .iter()
            .flat_map(|channel| channel.models.iter().map(move |served| (channel, served)))
            .filter_map(|(channel, (model, serving))| {
                let date = serving.retires?;
                let days_left = days_until(today, date);
                let warning = Warning::Retires {
                    channel: channel.name.clone(),
                    model: model.clone(),
                    date,
                    days_left,
                };
                (days_left <= i32::from(RETIREMENT_NOTICE_DAYS)).then_some((date, warning))
            })
            .collect();
        retiring.sort_by_key(|(date, _)| *date);
        let retiring = retiring.into_iter().map(|(_, warning)| warning);
        retiring
            .chain(self.channels.warnings.iter().cloned())
            .chain(self.admin_exposed())
            .chain(self.redis_unused())
            .chain(self.not_served())
            .chain(self.prices_that_end(today))
            .collect()
    }

    fn prices_that_end(&self, today: Date) -> impl Iterator<Item = Warning> {
        let channels = self.channels.enabled.iter();
        let channels = channels.filter(|channel| !channel.allow_unpriced);
        let served =
            channels.flat_map(|channel| channel.models.iter().map(move |served| (&channel.name, served)));
        served.filter_map(move |(channel, (model, serving))| {
            let price = serving.price.as_ref()?;
            let days = (0..=PRICE_NOTICE_DAYS).map(|days| today.saturating_add(days.days()));
            // Before the first day without one; where today is that, it has none now, which is told elsewhere.
            let last = days.take_while(|day| price.holds_within(*day)).last()?;
            (days_until(today, last) < PRICE_NOTICE_DAYS).then(|| Warning::PriceEnds {
                channel: channel.clone(),
                model: model.clone(),
                last,
            })
        })
    }

    fn admin_exposed(&self) -> Option<Warning> {
        let address = self.server.admin_listen;
        (!address.ip().is_loopback()).then_some(Warning::AdminExposed { address })
    }

    fn redis_unused(&self) -> Option<Warning> {
        let is_file = matches!(self.database, DatabaseUrl::Sqlite(_));
        (is_file && self.redis.is_some()).then_some(Warning::RedisUnused)
    }

    fn not_served(&self) -> impl Iterator<Item = Warning> {
        let channels = &self.channels.enabled;
        let is_served = |model: &ModelId| channels.iter().any(|channel| channel.models.contains_key(model));
        let fallbacks = &self.routing.fallbacks;
        let fallbacks = fallbacks.keys().chain(fallbacks.values().flatten());
        let strategies = self.routing.strategies.keys();
        let mut named: Vec<(&'static str, &ModelId)> = fallbacks
            .map(|model| ("fallbacks", model))
            .chain(strategies.map(|model| ("strategies", model)))
            .collect();
        named.sort();
        named.dedup();
        named
            .into_iter()
            .filter(move |(_, model)| !is_served(model))
            .map(|(field, model)| Warning::NotServed {
                field,
                model: model.clone(),
            })
    }
}

/// Days from `today` to `date`; negative: it is past.
pub fn days_until(today: Date, date: Date) -> i32 {
    today
        .until((Unit::Day, date))
        .expect("days between two dates always fit")
        .get_days()
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInCatalog {
                channel,
                model,
                nearest,
            } => {
                write!(
                    f,
                    "channel {channel}: {model} is not in the catalogue and gets the general contract"
                )?;
                match nearest {
                    Some(nearest) => write!(f, " (the nearest that is: {nearest})"),
                    None => Ok(()),
                }
            }
            Self::NotAtProvider {
                channel,
                model,
                provider,
            } => write!(
                f,
                "channel {channel}: the catalogue does not know {model} at {provider}; it is asked for under that name"
            ),
            Self::AdminExposed { address } => write!(
                f,
                "server.admin_listen: {address} can be reached from other machines, and asks for no key"
            ),
            Self::RedisUnused => f.write_str(
                "redis.url: not used, since the database is a file, which is one gate's; gates share PostgreSQL and Redis",
            ),
            Self::PriceEnds { channel, model, last } => write!(
                f,
                "channel {channel}: {model} has no price after {last}; from then on it is not for keys and accounts whose money \
                 is counted"
            ),
            Self::NotServed { field, model } => {
                write!(f, "routing.{field}: no channel serves {model}")
            }
            Self::Retires {
                channel,
                model,
                date,
                days_left: days,
            } => match days {
                ..0 => write!(f, "channel {channel}: {model} RETIRED on {date}"),
                0 => write!(f, "channel {channel}: {model} RETIRES TODAY, {date}"),
                1 => write!(f, "channel {channel}: {model} RETIRES TOMORROW, {date}"),
                _ => write!(f, "channel {channel}: {model} RETIRES in {days} days, on {date}"),
            },
        }
    }
}
