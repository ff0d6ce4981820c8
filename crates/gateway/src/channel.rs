//! Channels in use: settings and connections, found by model.

mod kept;

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tollgate_catalog::{
    Catalog,
    channel::{ChannelName, ChannelSettings, Timeouts},
    contract::ValidRequest,
    model::{Model, ModelId},
    openapi::openapi,
    provider::Provider,
    serving::Serving,
};
use tollgate_dialects::{Dialect, serving_for};

use crate::{
    attempt::{entrance::Entrances, reasoning::ProviderAccount, send::ProviderClient},
    health::{Fitness, Health, HealthSettings, ModelHealth, Places},
    metrics::Counts,
};

/// A channel and its connections.
#[derive(Debug)]
pub struct Channel {
    pub settings: ChannelSettings,
    /// Connections, by the time within which they have to stand; the first one is the channel's own.
    clients: Vec<(Duration, ProviderClient)>,
    pub entrances: Entrances,
    /// To whom the provider gives what belongs to an account.
    pub account: ProviderAccount,
    pub health: Arc<Health>,
}

impl Channel {
    /// The connections for models that have to be reached within `connect`.
    pub fn client(&self, connect: Duration) -> &ProviderClient {
        let exact = self.clients.iter().find(|(limit, _)| *limit == connect);
        &exact.unwrap_or(&self.clients[0]).1
    }
}

/// What serves: a model on a channel. These are the names that logs, metrics and stories use, so they come from
/// the configuration and the catalogue, and never from a client.
#[derive(Debug)]
pub struct Served {
    pub channel: ChannelName,
    /// `None`: the embedded model.
    pub provider: Option<Arc<Provider>>,
    pub model: ModelId,
    pub counts: Counts,
}

impl Served {
    pub fn new(channel: ChannelName, provider: Option<Arc<Provider>>, model: ModelId) -> Self {
        Self {
            channel,
            provider,
            model,
            counts: Counts::default(),
        }
    }
}

/// A channel that serves a certain model.
#[derive(Debug, Clone)]
pub struct Server {
    pub served: Arc<Served>,
    pub channel: Arc<Channel>,
    pub serving: Arc<Serving>,
    pub timeouts: Timeouts,
    /// Of this model on this channel.
    pub health: Arc<ModelHealth>,
}

impl Server {
    /// The same channel, serving such a request as its provider wants it: for some requests the catalogue
    /// names another dialect, with quirks of its own.
    pub fn for_request(&self, request: &ValidRequest) -> Self {
        let serving = match serving_for(request, &self.serving) {
            Cow::Borrowed(_) => Arc::clone(&self.serving),
            Cow::Owned(serving) => Arc::new(serving),
        };
        Self {
            served: Arc::clone(&self.served),
            channel: Arc::clone(&self.channel),
            serving,
            timeouts: self.timeouts,
            health: Arc::clone(&self.health),
        }
    }

    /// Whether a request may go here now.
    pub fn fitness(&self) -> Fitness {
        self.channel.health.fitness(&self.health)
    }

    /// Whether its provider bills what it would have said when a call is cancelled.
    pub fn bills_on(&self) -> bool {
        !self.channel.settings.provider.abort_stops_billing
    }

    /// What requests go out in. The embedded model is never behind a channel; it would count as chat.
    pub fn dialect(&self) -> Dialect {
        Dialect::named(self.serving.dialect).unwrap_or(Dialect::OpenaiChat)
    }
}

/// The channels that an operator has configured.
#[derive(Debug, Clone, Default)]
pub struct Configured {
    pub in_use: Vec<ChannelSettings>,
    /// Whether there are others, which are switched off or cannot be used. The embedded model is not in their place.
    pub has_others: bool,
}

impl Configured {
    /// Whether there is none, in use or not.
    pub fn is_empty(&self) -> bool {
        self.in_use.is_empty() && !self.has_others
    }
}

/// All channels in use, as one snapshot.
#[derive(Debug, Default)]
pub struct Channels {
    by_name: HashMap<ChannelName, Arc<Channel>>,
    /// Those of the channels in use, and of others as long as calls of theirs are under way.
    places: HashMap<ChannelName, Weak<Places>>,
    /// The servers of each model, by priority.
    by_model: HashMap<ModelId, Vec<Server>>,
    /// Models that the catalogue does not know and an operator named.
    unlisted: HashMap<ModelId, Arc<Model>>,
    /// Whether any provider bills on when a call is cancelled.
    pub(crate) any_bills_on: bool,
    /// Whether there are others, which are switched off or cannot be used.
    has_others: bool,
    /// `/openapi.json` for anybody: the models of the catalogue.
    pub(crate) openapi: Bytes,
}

impl Channels {
    /// Builds the snapshot. What a channel keeps of one of its name `before`, [`kept`] says; its places always.
    pub(crate) fn new(
        catalog: &Catalog,
        configured: Configured,
        health: &HealthSettings,
        before: Option<&Self>,
    ) -> Self {
        let mut channels = Self {
            has_others: configured.has_others,
            places: before.map(Self::places_in_use).unwrap_or_default(),
            ..Self::default()
        };
        for settings in configured.in_use {
            let earlier = before.and_then(|before| before.by_name.get(&settings.name));
            let clients = earlier
                .filter(|channel| kept::connections(&channel.settings, &settings))
                .map(|channel| channel.clients.clone())
                .unwrap_or_else(|| clients_of(&settings));
            let places = channels.places_of(&settings);
            let health = match earlier.filter(|channel| kept::health(&channel.settings, &settings)) {
                Some(channel) => channel
                    .health
                    .with_models(kept::models(&channel.settings, &settings), places),
                None => Health::new(health.clone(), settings.models.keys(), places),
            };
            let channel = Arc::new(Channel {
                clients,
                entrances: Entrances::of(&settings),
                account: ProviderAccount::of(&settings),
                health: Arc::new(health),
                settings,
            });
            for (id, serving) in &channel.settings.models {
                if Dialect::named(serving.dialect).is_none() {
                    continue;
                }
                channels.by_model.entry(id.clone()).or_default().push(Server {
                    served: Arc::new(Served::new(
                        channel.settings.name.clone(),
                        Some(Arc::clone(&channel.settings.provider)),
                        id.clone(),
                    )),
                    channel: Arc::clone(&channel),
                    serving: Arc::clone(serving),
                    timeouts: channel.settings.timeouts_of(id),
                    health: channel.health.of_model(id),
                });
                if catalog.model(id.as_str()).is_none() {
                    channels.unlisted.entry(id.clone()).or_insert_with(|| {
                        Arc::new(catalog.unlisted_model(id.as_str(), &channel.settings.provider))
                    });
                }
            }
            channels.any_bills_on |= !channel.settings.provider.abort_stops_billing;
            channels.by_name.insert(channel.settings.name.clone(), channel);
        }
        for servers in channels.by_model.values_mut() {
            servers.sort_by_key(|server| server.channel.settings.priority);
        }
        channels.openapi = openapi(catalog, &[]).to_string().into();
        channels
    }

    /// The places of all calls that are under way or may be.
    fn places_in_use(&self) -> HashMap<ChannelName, Weak<Places>> {
        let mut places = self.places.clone();
        places.retain(|_, places| places.strong_count() > 0);
        places
    }

    /// The places of a channel with these settings.
    fn places_of(&mut self, settings: &ChannelSettings) -> Arc<Places> {
        let known = self.places.get(&settings.name).and_then(Weak::upgrade);
        let places = known.unwrap_or_default();
        places.limit_to(settings.concurrency);
        self.places.insert(settings.name.clone(), Arc::downgrade(&places));
        places
    }

    /// Whether none is in use.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether there is none, in use or not.
    pub(crate) fn is_none_configured(&self) -> bool {
        self.is_empty() && !self.has_others
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<&Arc<Channel>> {
        let mut all: Vec<_> = self.by_name.values().collect();
        all.sort_by_key(|channel| &channel.settings.name);
        all
    }

    /// The channels that serve a model, by priority; empty where none does.
    pub(crate) fn servers(&self, model: &ModelId) -> &[Server] {
        self.by_model.get(model).map_or(&[], Vec::as_slice)
    }

    /// Every model that some channel serves, with its channels.
    pub(crate) fn models(&self) -> impl Iterator<Item = (&ModelId, &[Server])> {
        self.by_model.iter().map(|(id, servers)| (id, servers.as_slice()))
    }

    /// A channel's models.
    pub(crate) fn servers_of(&self, channel: &ChannelName) -> impl Iterator<Item = (&ModelId, &Server)> {
        self.by_model.iter().flat_map(move |(id, servers)| {
            let of_channel = move |server: &&Server| server.channel.settings.name == *channel;
            servers.iter().filter(of_channel).map(move |server| (id, server))
        })
    }

    /// A model outside the catalogue that some channel serves.
    pub(crate) fn unlisted_model(&self, id: &str) -> Option<&Arc<Model>> {
        self.unlisted.get(id)
    }

    pub(crate) fn unlisted_models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.unlisted.values()
    }
}

/// The times within which connections of a channel have to stand, its own first.
fn connect_timeouts(settings: &ChannelSettings) -> Vec<Duration> {
    let of_models = settings.model_timeouts.values().map(|timeouts| timeouts.connect);
    let mut all = vec![settings.timeouts.connect];
    for limit in of_models {
        if !all.contains(&limit) {
            all.push(limit);
        }
    }
    all
}

fn clients_of(settings: &ChannelSettings) -> Vec<(Duration, ProviderClient)> {
    let client = |limit| {
        let proxy = settings.proxy.as_ref();
        (limit, ProviderClient::new(&settings.base_url, limit, proxy))
    };
    connect_timeouts(settings).into_iter().map(client).collect()
}
