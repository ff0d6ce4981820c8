//! Channels in use: settings and connections, found by model.

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, Uri};
use tollgate_catalog::{
    Catalog,
    channel::{ChannelName, ChannelSettings},
    model::{Model, ModelId},
    serving::Serving,
};
use tollgate_dialects::Dialect;

use crate::attempt::send::{self, ProviderClient};

/// A channel and its connections.
#[derive(Debug)]
pub struct Channel {
    pub settings: ChannelSettings,
    pub client: ProviderClient,
    /// What each request carries beside its body: credential, content type, the operator's own.
    pub headers: HeaderMap,
}

/// A channel that serves a certain model.
#[derive(Debug, Clone)]
pub struct Server {
    pub channel: Arc<Channel>,
    pub serving: Arc<Serving>,
    pub dialect: Dialect,
    /// Where requests go.
    pub endpoint: Uri,
}

/// All channels, as one snapshot.
#[derive(Debug, Default)]
pub struct Channels {
    by_name: HashMap<ChannelName, Arc<Channel>>,
    /// The servers of each model, by priority.
    by_model: HashMap<ModelId, Vec<Server>>,
    /// Models that the catalogue does not know and an operator named.
    unlisted: HashMap<ModelId, Arc<Model>>,
}

impl Channels {
    /// Builds the snapshot; a channel with the same settings as one `before` keeps its connections.
    pub(crate) fn new(catalog: &Catalog, settings: Vec<ChannelSettings>, before: Option<&Self>) -> Self {
        let mut channels = Self::default();
        for settings in settings {
            let client = before
                .and_then(|before| before.by_name.get(&settings.name))
                .filter(|channel| same_connections(&channel.settings, &settings))
                .map(|channel| channel.client.clone())
                .unwrap_or_else(|| ProviderClient::new(settings.connect_timeout));
            let headers = send::headers(&settings);
            let channel = Arc::new(Channel {
                client,
                headers,
                settings,
            });
            for (id, serving) in &channel.settings.models {
                let Some(dialect) = Dialect::named(serving.dialect) else {
                    continue;
                };
                let base = channel.settings.base_url.as_str().trim_end_matches('/');
                let Ok(endpoint) = Uri::try_from(format!("{base}{}", dialect.path())) else {
                    continue;
                };
                channels.by_model.entry(id.clone()).or_default().push(Server {
                    channel: Arc::clone(&channel),
                    serving: Arc::clone(serving),
                    dialect,
                    endpoint,
                });
                if catalog.model(id.as_str()).is_none() {
                    channels.unlisted.entry(id.clone()).or_insert_with(|| {
                        Arc::new(catalog.unlisted_model(id.as_str(), &channel.settings.provider))
                    });
                }
            }
            channels.by_name.insert(channel.settings.name.clone(), channel);
        }
        for servers in channels.by_model.values_mut() {
            servers.sort_by_key(|server| server.channel.settings.priority);
        }
        channels
    }

    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The channels that serve a model, by priority; empty where none does.
    pub(crate) fn servers(&self, model: &ModelId) -> &[Server] {
        self.by_model.get(model).map_or(&[], Vec::as_slice)
    }

    /// A model outside the catalogue that some channel serves.
    pub(crate) fn unlisted_model(&self, id: &str) -> Option<&Arc<Model>> {
        self.unlisted.get(id)
    }

    pub(crate) fn unlisted_models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.unlisted.values()
    }
}

fn same_connections(a: &ChannelSettings, b: &ChannelSettings) -> bool {
    a.base_url == b.base_url && a.connect_timeout == b.connect_timeout
}
