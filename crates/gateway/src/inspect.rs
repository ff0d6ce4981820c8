//! What operators may see of a running gate; nothing of it is on the way of a request.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tollgate_catalog::{
    Catalog,
    channel::{ChannelName, ChannelSettings},
    model::Model,
    serving::Serving,
};

use crate::{channel::Channel, gate::Gate, story::told::ToldStory};

/// How a channel is at this moment, without its credential.
#[derive(Debug, Serialize)]
pub struct ChannelState {
    pub name: String,
    pub provider: String,
    pub base_url: String,
    pub priority: u32,
    pub weight: u32,
    /// `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// How long the whole channel rests; 0: it does not.
    pub rests_for_ms: u64,
    /// Attempts under way.
    pub in_flight: u32,
    pub concurrency: Option<u32>,
    pub models: Vec<ModelState>,
}

/// How a model on a channel is.
#[derive(Debug, Serialize)]
pub struct ModelState {
    pub id: String,
    pub rests_for_ms: u64,
    /// Until the first output or the whole answer, of late; null: none came yet.
    pub latency_ms: Option<u64>,
}

impl Gate {
    /// The models and providers that it knows.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Whether the catalogue or a channel in use has this model.
    pub fn has_model(&self, id: &str) -> bool {
        self.catalog.model(id).is_some() || self.channels.load().unlisted_model(id).is_some()
    }

    /// The catalogue's models and those that only a channel in use names, by ID.
    pub fn models(&self) -> Vec<Arc<Model>> {
        let channels = self.channels.load();
        let listed = self.catalog.models().iter();
        let mut models: Vec<_> = listed.chain(channels.unlisted_models()).cloned().collect();
        models.sort_by(|a, b| a.id.cmp(&b.id));
        models
    }

    /// The channels in use that serve a model, in the order of their priority.
    pub fn servers_of(&self, model: &Model) -> Vec<(ChannelName, Arc<Serving>)> {
        let channels = self.channels.load();
        let servers = channels.servers(&model.id).iter();
        servers
            .map(|server| (server.served.channel.clone(), Arc::clone(&server.serving)))
            .collect()
    }

    /// The channels in use and how they are, by name.
    pub fn channel_states(&self) -> Vec<ChannelState> {
        let channels = self.channels.load();
        let all = channels.all();
        all.into_iter().map(|channel| ChannelState::of(channel)).collect()
    }

    /// What is set at the channels in use, by name.
    pub fn channel_settings(&self) -> Vec<ChannelSettings> {
        let channels = self.channels.load();
        let all = channels.all();
        all.into_iter().map(|channel| channel.settings.clone()).collect()
    }

    /// The story of the request with this ID of ours, where it is kept.
    pub fn told_story(&self, id: &str) -> Option<ToldStory> {
        self.stories.find(id).map(|story| story.told())
    }
}

impl ChannelState {
    fn of(channel: &Channel) -> Self {
        let (settings, health) = (&channel.settings, &channel.health);
        Self {
            name: settings.name.to_string(),
            provider: settings.provider.name.to_string(),
            base_url: settings.base_url.to_string(),
            priority: settings.priority,
            weight: settings.weight,
            breaker: health.breaker().as_str(),
            rests_for_ms: millis(health.rests_for()),
            in_flight: health.in_flight(),
            concurrency: settings.concurrency.map(Into::into),
            models: health
                .models()
                .map(|(id, rest, latency)| ModelState {
                    id: id.to_string(),
                    rests_for_ms: millis(rest),
                    latency_ms: latency.map(millis),
                })
                .collect(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
