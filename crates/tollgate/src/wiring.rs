//! Puts the parts together: locks, store, engine, gate, listeners, in that order.
//!
//! Whatever is taken is given back in the opposite order when [`Running`] ends.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use http::HeaderValue;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time};
use tollgate_admin::{Admin, AdminSettings};
use tollgate_catalog::channel::ChannelSettings;
use tollgate_engine::{Engine, EngineSettings, Presence};
use tollgate_gateway::{Gate, GateSettings, SandboxPolicy, Stores, Telemetry, serve, serve_admin};
use tollgate_store::{
    Applier, Claim, DataDirLock, DatabaseLock, Redis, Spool, Store,
    spool::{OnDamage, Owner, TakenOver},
};
use tracing::{info, warn};

use crate::{
    channel_book::{self, ChannelBook},
    config::{Config, CorsOrigins, Limits, Sandbox},
    error::CliError,
};

/// Bounds of the buckets for durations, in seconds: from a sandbox's first word to a request's
/// deadline.
const DURATION_BUCKETS: [f64; 14] = [
    0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];
/// The same for the time between two pieces of a stream.
const INTERVAL_BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// How long the end of a gate waits for the database to take its last records.
const LAST_RECORDS: Duration = Duration::from_secs(5);
/// How long the spool may take to make room of what was applied.
const ROOM_WITHIN: Duration = Duration::from_secs(5);
/// How often collected metrics are put together; without it they pile up until somebody asks.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// A gate that answers.
pub struct Running {
    pub gate: Arc<Gate>,
    pub channels: Arc<ChannelBook>,
    /// The data plane's address, with its real port.
    pub address: SocketAddr,
    pub admin_address: SocketAddr,
    shutdown: watch::Sender<bool>,
    /// Of what operators look at; it ends after the data plane.
    admin_shutdown: watch::Sender<bool>,
    data_plane: JoinSet<()>,
    servers: JoinSet<()>,
    store: Store,
    spool: Spool,
    applier: Applier,
    _claim: Claim,
    _database_lock: DatabaseLock,
    _data_dir: DataDirLock,
}

impl Running {
    /// Starts everything. When it returns, connections are taken, and what an earlier run left in the spool is in the
    /// database.
    pub async fn start(config: &Config, on_damage: OnDamage) -> Result<Self, CliError> {
        let data_dir = DataDirLock::take(&config.server.data_dir)?;
        // Before anything in it is changed.
        let database_lock = DatabaseLock::take(&config.database)?;
        let store = Store::open(&config.database).await?;
        let random = getrandom::u64().map_err(|error| CliError::Runtime(error.into()))?;
        let gate_name = data_dir.gate(random.to_be_bytes())?;
        // Before anything is done by that name.
        let claim = store
            .claim(
                &config.database,
                &gate_name,
                &config.accounting.time_zone,
                &config.server.data_dir,
            )
            .await?;
        let (spool, applier) = books(config, on_damage, &store, gate_name.clone(), random).await?;
        let listener = bind("server.listen", config.server.listen).await?;
        let admin_listener = bind("server.admin_listen", config.server.admin_listen).await?;
        let address = listener.local_addr().map_err(CliError::Runtime)?;
        let admin_address = admin_listener.local_addr().map_err(CliError::Runtime)?;

        let metrics = metrics()?;
        let engine = engine(&config.server.data_dir)?;
        if config.sandbox_is_on() {
            warn_of_missing_model(&engine);
        }
        let (channels, configured) = ChannelBook::open(store.clone(), config).await?;
        let stores = Stores {
            database: store.clone(),
            spool: Some(spool.clone()),
            redis: redis(config, &store, random, &gate_name).await?,
        };
        let gate = Gate::new(
            settings(config, Some(gate_name)),
            Arc::clone(&config.catalog),
            stores,
            configured,
            Some(Arc::new(engine)),
            config.telemetry.as_ref().map(Telemetry::start).transpose()?,
        );

        let (shutdown, _) = watch::channel(false);
        let (admin_shutdown, _) = watch::channel(false);
        let mut data_plane = JoinSet::new();
        data_plane.spawn(serve(Arc::clone(&gate), listener, asked(&shutdown)));
        let mut servers = JoinSet::new();
        let page = metrics.clone();
        let page = move || page.render();
        let admin = Admin::new(
            Arc::clone(&gate),
            store.clone(),
            AdminSettings {
                time_zone: config.accounting.time_zone.clone(),
                effective: config.effective(),
                channels: Arc::<ChannelBook>::clone(&channels),
            },
        );
        let api = move |asked| {
            let admin = admin.clone();
            async move { admin.answer(asked).await }
        };
        servers.spawn(serve_admin(
            Arc::clone(&gate),
            admin_listener,
            page,
            api,
            asked(&admin_shutdown),
        ));
        servers.spawn(keep_up(metrics, asked(&admin_shutdown)));
        let kept = Arc::clone(&channels).keep(Arc::clone(&gate));
        servers.spawn(until(asked(&admin_shutdown), kept));
        if let Some(retention) = config.retention {
            servers.spawn(until(asked(&admin_shutdown), retention.keep(store.clone())));
        }
        Ok(Self {
            gate,
            channels,
            address,
            admin_address,
            shutdown,
            admin_shutdown,
            data_plane,
            servers,
            store,
            spool,
            applier,
            _claim: claim,
            _database_lock: database_lock,
            _data_dir: data_dir,
        })
    }

    /// Takes nothing new, and waits until what is under way has ended or its time is over.
    ///
    /// Cancel safety: dropping this cuts what is under way.
    pub async fn stop(mut self) {
        self.shutdown.send_replace(true);
        while self.data_plane.join_next().await.is_some() {}
        self.admin_shutdown.send_replace(true);
        while self.servers.join_next().await.is_some() {}
        self.gate.stop_telemetry().await;
        self.applier.finish(LAST_RECORDS).await;
        self.gate.give_back_leases().await;
        let spool = self.spool;
        // An error says that it panicked, and has been logged.
        let _ = tokio::task::spawn_blocking(move || spool.close()).await;
        self.store.close().await;
    }
}

/// A gate for a command, and its channels: it answers nobody.
pub async fn gate(config: &Config) -> Result<(Arc<Gate>, Vec<ChannelSettings>), CliError> {
    let store = Store::open(&config.database).await?;
    let channels = channel_book::all(&store, config).await?;
    let stores = Stores {
        database: store,
        spool: None,
        redis: None,
    };
    let gate = Gate::new(
        settings(config, None),
        Arc::clone(&config.catalog),
        stores,
        channels.clone(),
        None,
        None,
    );
    Ok((gate, channels.in_use))
}

/// What is shared in Redis, where gates can share anything: a file is one gate's.
async fn redis(config: &Config, store: &Store, random: u64, gate: &str) -> Result<Option<Redis>, CliError> {
    let Some(url) = config.redis.as_ref().filter(|_| store.is_shared()) else {
        return Ok(None);
    };
    let installation = store.installation(random.to_be_bytes()).await?;
    Ok(Some(Redis::start(url, &installation, gate.to_owned()).await))
}

/// The spool, and the task that brings its records to the database.
async fn books(
    config: &Config,
    on_damage: OnDamage,
    store: &Store,
    gate: String,
    random: u64,
) -> Result<(Spool, Applier), CliError> {
    let (dir, limits) = (config.server.data_dir.join("spool"), config.spool);
    let knows_gate = store.knows_gate(&gate).await?;
    let before = Owner::of_spool(&dir)?;
    let owner = store.owner(
        &config.database,
        before.as_ref(),
        knows_gate,
        random.to_be_bytes(),
    );
    let owner = owner.await?;
    let wanted = owner.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let taken_over = wanted.take_over(&dir, knows_gate)?;
        Spool::open(&dir, limits, on_damage).map(|(spool, left)| (spool, left, taken_over))
    });
    let (spool, left, taken_over) = opening.await.map_err(|error| CliError::Runtime(error.into()))??;
    if let TakenOver::BegunAnew(other) = taken_over {
        info!(
            database = other.url,
            "the spool was of another database, which has all of it, and begins anew"
        );
    }
    for path in &left.damaged {
        warn!(path = %path.display(), "a damaged file of the spool was set aside; what follows its damage is not in the books");
    }
    let zone = config.accounting.time_zone.clone();
    let name = gate.clone();
    let applier = Applier::start(store.clone(), &spool, gate, zone).await?;
    if left.records > 0 {
        info!(
            records = left.records,
            "applying what an earlier run left in the spool"
        );
    }
    applier.replayed().await;
    let named = spool.clone();
    let naming = tokio::task::spawn_blocking(move || {
        // What was left may have filled the disk until now.
        named.wait_for_room(ROOM_WITHIN)?;
        named.is_for(&owner)
    });
    naming.await.map_err(|error| CliError::Runtime(error.into()))??;
    // What an earlier run held is free again, now that what it spent is booked.
    store.give_back_leases(&name).await?;
    Ok((spool, applier))
}

/// The embedded model's engine. It starts whether the model is there or not: the model may be
/// pulled while the gate runs.
pub fn engine(data_dir: &Path) -> Result<Engine, CliError> {
    Engine::start(EngineSettings::new(tollgate_engine::path_in(data_dir))).map_err(CliError::Engine)
}

fn warn_of_missing_model(engine: &Engine) {
    match engine.presence() {
        Ok(Presence::Present { .. }) => {}
        Ok(Presence::Missing { path }) => {
            warn!(path = %path.display(), "embedded model is not there; get it with: tollgate models pull");
        }
        Ok(Presence::Damaged { path, reason }) => {
            warn!(path = %path.display(), reason, "embedded model is damaged; get it again with: tollgate models pull");
        }
        Err(error) => warn!(%error, "embedded model cannot be looked at"),
    }
}

/// Collects what the gate counts from now on. Once a process.
fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Full("tollgate_piece_interval_seconds".to_owned()),
            &INTERVAL_BUCKETS,
        )?
        .install_recorder()
}

/// Keeps the metrics small until the shutdown.
async fn keep_up(metrics: PrometheusHandle, shutdown: impl Future<Output = ()>) {
    let mut ticks = time::interval(METRICS_UPKEEP);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            _ = ticks.tick() => metrics.run_upkeep(),
        }
    }
}

/// Does a thing that has no end of its own until the shutdown.
async fn until(shutdown: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = shutdown => {}
        () = work => {}
    }
}

async fn bind(field: &'static str, address: SocketAddr) -> Result<TcpListener, CliError> {
    TcpListener::bind(address)
        .await
        .map_err(|cause| CliError::Listen {
            field,
            address,
            cause,
        })
}

/// Ends when a shutdown was asked for.
fn asked(shutdown: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut shutdown = shutdown.subscribe();
    async move {
        // An error says that the sender is gone, and with it the gate.
        let _ = shutdown.wait_for(|asked| *asked).await;
    }
}

/// `gate`: its name in the books.
fn settings(config: &Config, gate: Option<String>) -> GateSettings {
    let Limits {
        request_body,
        answer,
        max_in_flight,
        buffered,
        n_max,
        request_deadline,
        keep_alive,
        send_timeout,
        leave,
        drain,
        abandoned,
    } = config.limits;
    GateSettings {
        request_body_limit: request_body,
        answer_limit: answer,
        max_in_flight,
        trusted_proxies: config.server.trusted_proxies.clone(),
        buffered_limit: buffered,
        n_max,
        request_deadline,
        keep_alive,
        send_timeout,
        leave,
        drain,
        abandoned,
        cors_origins: match &config.server.cors_origins {
            CorsOrigins::Any => vec![HeaderValue::from_static("*")],
            CorsOrigins::These(origins) => origins
                .iter()
                .map(|origin| HeaderValue::from_str(origin).expect("an origin is ASCII"))
                .collect(),
        },
        sandbox: match config.sandbox {
            Sandbox::Auto => SandboxPolicy::Auto,
            Sandbox::On => SandboxPolicy::On,
            Sandbox::Off => SandboxPolicy::Off,
        },
        fetch: config.fetch.clone(),
        reasoning_store: config.reasoning_store.clone(),
        idempotency: config.idempotency.clone(),
        routing: config.routing.clone(),
        explain: config.explain.clone(),
        time_zone: config.accounting.time_zone.clone(),
        gate,
    }
}
