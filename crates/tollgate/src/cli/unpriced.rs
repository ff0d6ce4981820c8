//! Models that some channel may serve and that have no price there now: those with credit or a budget cannot use them.

use jiff::Timestamp;
use tollgate_catalog::{channel::ChannelSettings, model::ModelId, serving::Serving};

use crate::{channel_book::LookedAt, config::Config};

/// What a channel serves without a price.
pub struct Unpriced<'c> {
    pub channel: &'c ChannelSettings,
    models: Vec<&'c ModelId>,
}

/// By channel; those that say `allow_unpriced` want it so. A price whose days are past or to come is none.
pub fn of(config: &Config, now: Timestamp) -> Vec<Unpriced<'_>> {
    let is_priced = |serving: &Serving| serving.price.as_ref().is_some_and(|price| price.holds(now));
    let channels = config
        .channels
        .enabled
        .iter()
        .filter(|channel| !channel.allow_unpriced);
    channels
        .map(|channel| Unpriced {
            channel,
            models: channel
                .models
                .iter()
                .filter(|(_, serving)| !is_priced(serving))
                .map(|(model, _)| model)
                .collect(),
        })
        .filter(|unpriced| !unpriced.models.is_empty())
        .collect()
}

impl Unpriced<'_> {
    pub fn has(&self, model: &str) -> bool {
        self.models.iter().any(|id| id.as_str() == model)
    }

    /// The line that its table of the configuration lacks. It does not load until every `?` is a number: an amount
    /// that nobody has looked up is worse than none.
    fn line_of_table(&self) -> String {
        let prices = self
            .models
            .iter()
            .map(|model| format!("\"{model}\" = {{ input = \"?\", output = \"?\" }}"));
        format!("prices = {{ {} }}", prices.collect::<Vec<_>>().join(", "))
    }

    /// What a channel that was made by the admin API lacks there, a body for each model. It is refused until every `?`
    /// is a number.
    fn bodies(&self) -> impl Iterator<Item = String> {
        self.models.iter().map(|model| {
            format!(
                r#"{{"model": "{model}", "channel": "{}", "rates": {{"input": "?", "output": "?"}}}}"#,
                self.channel.name
            )
        })
    }
}

/// What to tell of them, line by line; nothing where there are none.
pub fn in_lines(looked: &LookedAt) -> Vec<String> {
    let unpriced = of(&looked.config, Timestamp::now());
    let (of_database, of_file): (Vec<_>, Vec<_>) = unpriced
        .iter()
        .partition(|unpriced| looked.is_of_database(&unpriced.channel.name));
    let of_file = of_file
        .into_iter()
        .map(|unpriced| format!("  {}: {}", unpriced.channel.name, unpriced.line_of_table()));
    let of_database = of_database
        .into_iter()
        .flat_map(|unpriced| unpriced.bodies().map(|body| format!("  {body}")));
    let count: usize = unpriced.iter().map(|unpriced| unpriced.models.len()).sum();
    let head = format!("without price  {count}: not for keys and accounts whose money is counted. ");
    let to_file = head.clone() + "Add to [[channels]], in dollars per million tokens:";
    let to_database = "Send to POST /admin/v1/price-overrides, in dollars per million tokens:";
    let mut lines = headed(to_file, of_file);
    let head = if lines.is_empty() { head } else { String::new() };
    lines.extend(headed(head + to_database, of_database));
    lines
}

/// The lines behind a head; without lines, nothing.
fn headed(head: String, lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines = lines.peekable();
    match lines.peek() {
        None => Vec::new(),
        Some(_) => [head].into_iter().chain(lines).collect(),
    }
}
