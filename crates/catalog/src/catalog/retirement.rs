//! Models that a provider has stopped serving or soon will, for `check` and `models list`.

use jiff::{Unit, civil::Date};

use super::Catalog;
use crate::model::ModelId;

/// A model's end at one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement<'a> {
    pub model: &'a ModelId,
    pub provider: &'a str,
    pub date: Date,
    /// Days from today to it; 0 or less: it is gone.
    pub days_left: i32,
}

impl Catalog {
    /// What has been retired by `today`, or will be within so many days; the earliest first.
    pub fn retirements(&self, today: Date, within_days: u16) -> Vec<Retirement<'_>> {
        let mut retirements: Vec<_> = self
            .models()
            .iter()
            .flat_map(|model| model.servings.iter().map(move |serving| (model, serving)))
            .filter_map(|(model, serving)| {
                let date = serving.retires?;
                let span = today.until((Unit::Day, date)).ok()?;
                (span.get_days() <= i32::from(within_days)).then_some(Retirement {
                    model: &model.id,
                    provider: &serving.provider,
                    date,
                    days_left: span.get_days(),
                })
            })
            .collect();
        retirements.sort_by_key(|retirement| (retirement.date, retirement.model));
        retirements
    }
}
