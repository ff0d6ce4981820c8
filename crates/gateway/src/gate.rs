//! What every request needs, built once.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use http::HeaderValue;
use ipnet::IpNet;
use jiff::tz::TimeZone;
use tokio::sync::Semaphore;
use tollgate_catalog::Catalog;
use tollgate_engine::Engine;
use tollgate_store::{Redis, Spool, Store, WarmKeys, warm::Books};
use tracing::warn;

use crate::{
    abandoned::{Abandoned, AbandonedSettings},
    attempt::{
        fetch::{FetchSettings, Fetcher},
        reasoning::{ReasoningStore, ReasoningStoreSettings},
        retry_budget::RetryBudget,
    },
    buffered::Buffered,
    channel::{Channels, Configured},
    count::Counting,
    cut_off::CutOff,
    error::GateError,
    idempotency::{IdempotencySettings, Replays, ReplaysElsewhere},
    metrics::Metrics,
    route::RoutingSettings,
    story::{
        End, Story,
        kept::{KeptStories, StorySettings},
    },
    telemetry::Telemetry,
};

/// Bounds and switches, resolved.
#[derive(Debug, Clone)]
pub struct GateSettings {
    /// Largest request body, in bytes.
    pub request_body_limit: usize,
    /// Largest whole answer, and largest event of a stream, in bytes.
    pub answer_limit: usize,
    /// Most requests under way at once; more are answered with 503.
    pub max_in_flight: usize,
    /// All bodies and held answers together, in bytes.
    pub buffered_limit: usize,
    /// Most choices in one request.
    pub n_max: u32,
    /// Until a stream's first output, or a whole answer.
    pub request_deadline: Duration,
    /// Silence after which a stream gets a comment.
    pub keep_alive: Duration,
    /// How long a client may take none of what is sent to it.
    pub send_timeout: Duration,
    /// How long new requests are taken after a shutdown was asked for.
    pub leave: Duration,
    /// How long requests under way may go on after a shutdown began.
    pub drain: Duration,
    /// Origins that browsers may call from; empty: none. `*` alone: all.
    pub cors_origins: Vec<HeaderValue>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub sandbox: SandboxPolicy,
    pub fetch: FetchSettings,
    pub routing: RoutingSettings,
    pub reasoning_store: ReasoningStoreSettings,
    pub idempotency: IdempotencySettings,
    pub abandoned: AbandonedSettings,
    pub explain: StorySettings,
    /// Where the days and months of budgets begin at midnight.
    pub time_zone: TimeZone,
    /// This gate's name in the books, in which others may write too. `None`: it serves no requests.
    pub gate: Option<String>,
}

/// When the embedded model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxPolicy {
    /// Only while no channel is configured.
    Auto,
    /// For every catalogue model without a channel.
    On,
    Off,
}

/// The gate: everything that requests share.
pub struct Gate {
    pub(crate) settings: GateSettings,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: Store,
    /// `None`: nobody is answered, so there is nothing to book.
    pub(crate) spool: Option<Spool>,
    /// `None`: nothing is shared with other gates but the database.
    pub(crate) redis: Option<Redis>,
    pub(crate) keys: WarmKeys,
    pub(crate) channels: ArcSwap<Channels>,
    pub(crate) engine: Option<Arc<Engine>>,
    pub(crate) buffered: Buffered,
    pub(crate) fetcher: Fetcher,
    pub(crate) reasoning: ReasoningStore,
    pub(crate) replays: Arc<Replays>,
    /// `None`: a client's retry finds its answer at this gate alone.
    pub(crate) replays_elsewhere: Option<ReplaysElsewhere>,
    pub(crate) abandoned: Abandoned,
    pub(crate) counting: Counting,
    pub(crate) retries: RetryBudget,
    pub(crate) in_flight: Arc<Semaphore>,
    /// Whether a shutdown was asked for.
    pub(crate) is_leaving: AtomicBool,
    pub(crate) cut_off: CutOff,
    pub(crate) metrics: Metrics,
    pub(crate) stories: KeptStories,
    /// `None`: nothing is sent anywhere.
    pub(crate) telemetry: Option<Telemetry>,
}

/// Where things are kept that outlive a request.
#[derive(Debug)]
pub struct Stores {
    pub database: Store,
    /// `None`: nobody is answered, so there is nothing to book.
    pub spool: Option<Spool>,
    /// `None`: nothing is shared with other gates but the database.
    pub redis: Option<Redis>,
}

impl Gate {
    /// Puts the parts together. Must be called within a tokio runtime, after the metrics recorder
    /// was installed.
    pub fn new(
        settings: GateSettings,
        catalog: Arc<Catalog>,
        stores: Stores,
        channels: Configured,
        engine: Option<Arc<Engine>>,
        telemetry: Option<Telemetry>,
    ) -> Arc<Self> {
        let Stores {
            database: store,
            spool,
            redis,
        } = stores;
        Arc::new(Self {
            keys: WarmKeys::start(
                store.clone(),
                Books {
                    time_zone: settings.time_zone.clone(),
                    spool: spool.clone(),
                    gate: settings.gate.clone(),
                    is_shared: store.is_shared(),
                    redis: redis.clone(),
                },
            ),
            channels: ArcSwap::from_pointee(Channels::new(
                &catalog,
                channels,
                &settings.routing.health,
                None,
            )),
            buffered: Buffered::new(settings.buffered_limit),
            fetcher: Fetcher::new(settings.fetch.clone()),
            reasoning: ReasoningStore::new(&settings.reasoning_store, redis.clone()),
            replays: Replays::new(settings.idempotency.clone()),
            replays_elsewhere: redis.clone().map(ReplaysElsewhere::new),
            abandoned: Abandoned::new(&settings.abandoned),
            counting: Counting::new(),
            retries: RetryBudget::default(),
            in_flight: Arc::new(Semaphore::new(settings.max_in_flight)),
            is_leaving: AtomicBool::new(false),
            cut_off: CutOff::default(),
            metrics: Metrics::register(),
            stories: KeptStories::new(&settings.explain),
            telemetry,
            settings,
            catalog,
            store,
            spool,
            redis,
            engine,
        })
    }

    /// Counts and writes down a request that is refused before it is let in. `asks`: it asked for an answer.
    pub(crate) fn refused(&self, story: &Arc<Story>, error: &GateError, asks: bool) {
        self.metrics.request_refused(error.code());
        story.ends(End::refused(error));
        story.log_refusal(asks);
        self.stories.keep_refused(story);
        if let Some(telemetry) = self.telemetry.as_ref().filter(|_| asks) {
            telemetry.hear(story);
        }
    }

    /// Keeps the story of a request that has ended by `now`, and tells it to those who want to hear it.
    pub(crate) fn ended(&self, story: &Arc<Story>, now: Instant) {
        self.stories.keep(story, now);
        if let Some(telemetry) = &self.telemetry {
            telemetry.hear(story);
        }
    }

    /// Gives back what this gate holds of balances and budgets, and says to the others that it ends. No request may be
    /// under way, and none may come.
    pub async fn give_back_leases(&self) {
        if let Err(error) = self.keys.give_back().await {
            warn!(%error, "what this gate holds of balances and budgets is not given back, and counts until its end");
        }
        // At last: Redis takes back places from those alone whom it knows.
        if let Some(redis) = &self.redis {
            redis.leave().await;
        }
    }

    /// Sends what is left of traces and metrics, within a bound. What ends later is not sent.
    pub async fn stop_telemetry(&self) {
        if let Some(telemetry) = &self.telemetry {
            telemetry.stop().await;
        }
    }

    /// Puts other channels in the place of those in use. Requests under way keep what they have,
    /// and a channel whose settings did not change keeps its connections.
    pub fn replace_channels(&self, channels: Configured) {
        let now = self.channels.load();
        let health = &self.settings.routing.health;
        let channels = Channels::new(&self.catalog, channels, health, Some(&now));
        self.channels.store(Arc::new(channels));
    }

    /// Whether the embedded model answers for models without a channel at this moment.
    pub(crate) fn sandbox_is_on(&self) -> bool {
        match self.settings.sandbox {
            SandboxPolicy::Auto => self.channels.load().is_none_configured(),
            SandboxPolicy::On => true,
            SandboxPolicy::Off => false,
        }
    }
}
