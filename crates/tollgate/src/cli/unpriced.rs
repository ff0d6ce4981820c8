//! Models that some channel may serve and that have no price there: those with credit or a budget cannot use them.

use tollgate_catalog::{channel::ChannelSettings, model::ModelId};

use crate::config::Config;

/// What a channel serves without a price.
pub struct Unpriced<'c> {
    pub channel: &'c ChannelSettings,
    models: Vec<&'c ModelId>,
}

/// By channel; those that say `allow_unpriced` want it so.
pub fn of(config: &Config) -> Vec<Unpriced<'_>> {
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
                .filter(|(_, serving)| serving.price.is_none())
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
    fn line(&self) -> String {
        let prices = self
            .models
            .iter()
            .map(|model| format!("\"{model}\" = {{ input = \"?\", output = \"?\" }}"));
        format!("prices = {{ {} }}", prices.collect::<Vec<_>>().join(", "))
    }
}

/// What to tell of them, line by line; nothing where there are none.
pub fn in_lines(unpriced: &[Unpriced<'_>]) -> Vec<String> {
    let count: usize = unpriced.iter().map(|unpriced| unpriced.models.len()).sum();
    if count == 0 {
        return Vec::new();
    }
    let head = format!(
        "without price  {count}: not for keys and accounts whose money is counted. Add to [[channels]], in dollars per \
         million tokens:"
    );
    let lines = unpriced
        .iter()
        .map(|unpriced| format!("  {}: {}", unpriced.channel.name, unpriced.line()));
    [head].into_iter().chain(lines).collect()
}
