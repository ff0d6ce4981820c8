//! The API keys that are in use, in memory: what the hot path reads.
//!
//! [`WarmKeys::get`] takes no lock that is contended and waits for nothing. A key that is not here
//! is read from the database once, however many requests bring it at that moment; that a key is
//! unknown is remembered for a second, so that a client with a wrong key does not become a load on
//! the database. A task looks twice a second whether keys have changed; what was read before the
//! change counts no more, and is read anew ([`known`]). Memory, waiting look-ups and the look-ups under way are bounded.
//!
//! While the database is away, keys that are here keep working, as they were last.
//!
//! What a key has spent is counted here as well, from what the books said when it was first read. Where several gates
//! share a database, what the others charge is added as it comes to the books ([`Shared::count_elsewhere`]), and what
//! requests hold is leased from there ([`leases`]); with a Redis beside it, rates and requests under way are counted
//! together too ([`rates`], [`places`]).
//! Not here: what a limit lets through (`tollgate_ledger::limits`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use tokio::{
    sync::{OnceCell, Semaphore, SemaphorePermit},
    task::JoinHandle,
    time::{self, MissedTickBehavior},
};
use tollgate_ledger::{
    AccountId, KeyHash, KeyId, Meters, Period,
    limits::{InFlight, Limit, Rate},
    spending::Spending,
};
use tracing::{info, warn};

use crate::{
    database::Store,
    error::StoreError,
    leases::Payer,
    redis::Redis,
    spool::Spool,
    usage::{UsageOf, elsewhere::Entry},
    warm::{
        known::Known,
        leases::Leases,
        look_up::LookUp,
        meter_book::{Counted, MeterBook},
        places::PlaceLeases,
        rates::RateLeases,
    },
};

pub use self::key::WarmKey;

mod key;
mod known;
mod lease;
mod leases;
mod look_up;
mod meter_book;
mod moment;
mod places;
mod rates;
mod under_way;

/// Look-ups that may wait for the database at once; more are refused.
const LOOK_UPS_MAX: usize = 1_024;
/// Twice a second, so that a revoked key is refused within a second.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// How long a request whose key is known waits for a database that may have more to say of it.
const NEWS_WITHIN: Duration = Duration::from_secs(1);
/// How many times as long as a look-up took nothing is read anew that nobody waits for.
const REST: u32 = 9;
/// Longest that a look waits for a database that says nothing.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What is known of the books, to go on counting from what they say.
#[derive(Debug, Clone)]
pub struct Books {
    /// Where days and months begin at midnight.
    pub time_zone: TimeZone,
    /// What is on its way to them; `None`: nothing is.
    pub spool: Option<Spool>,
    /// This gate's name in them. `None`: no other gate writes there.
    pub gate: Option<String>,
    /// Whether those others spend of the same money at the same time, so that it has to be leased.
    pub is_shared: bool,
    /// Where those others count rates and requests under way too. `None`: each counts by itself.
    pub redis: Option<Redis>,
}

impl Books {
    /// Whether they have all that was ever spent.
    fn are_complete(&self) -> bool {
        self.spool
            .as_ref()
            .is_none_or(|spool| spool.standing().waiting_bytes == 0)
    }
}

/// Finds API keys by their hash. Dropping it ends its task.
#[derive(Debug)]
pub struct WarmKeys {
    shared: Arc<Shared>,
    poller: JoinHandle<()>,
    reader: JoinHandle<()>,
    /// Looks after what is leased; `None`: nothing is, or not any more.
    lessee: Mutex<Option<JoinHandle<()>>>,
    /// The same for rates.
    rate_lessee: Option<JoinHandle<()>>,
    /// The same for places.
    place_lessee: Option<JoinHandle<()>>,
}

impl WarmKeys {
    /// Begins to watch the table of keys. Must be called within a tokio runtime.
    pub fn start(store: Store, books: Books) -> Self {
        let gate = books.gate.clone().filter(|_| books.is_shared);
        let redis = books.redis.clone();
        let sharing = redis.as_ref().map(|redis| Arc::clone(redis.sharing()));
        let shared = Arc::new(Shared {
            rates: redis.clone().map(RateLeases::new),
            places: redis.clone().map(PlaceLeases::new),
            leases: gate.map(|gate| Leases::new(store.clone(), gate, books.time_zone.clone())),
            store,
            books,
            known: Known::new(),
            began: redis.map_or_else(Instant::now, |redis| redis.began()),
            of_keys: MeterBook::new(sharing.clone()),
            of_accounts: MeterBook::new(sharing),
            turn: Semaphore::new(1),
            counted_to: Mutex::default(),
            look_ups: Mutex::default(),
            look_up_places: Semaphore::new(LOOK_UPS_MAX),
            reads: AtomicU64::new(0),
        });
        let poller = tokio::spawn(poll(Arc::clone(&shared)));
        let reader = tokio::spawn(read_anew(Arc::clone(&shared)));
        let lessee = shared.leases.is_some().then(|| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                if let Some(leases) = &shared.leases {
                    leases.look_after().await;
                }
            })
        });
        let rate_lessee = shared.rates.is_some().then(|| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                if let Some(rates) = &shared.rates {
                    rates.look_after(|| shared.owing()).await;
                }
            })
        });
        let place_lessee = shared.places.is_some().then(|| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                if let Some(places) = &shared.places {
                    let look = places.look_after(|| shared.owing_places());
                    tokio::join!(look, shared.tell_what_is_under_way(places));
                }
            })
        });
        Self {
            shared,
            poller,
            reader,
            lessee: Mutex::new(lessee),
            rate_lessee,
            place_lessee,
        }
    }

    /// The key with this hash, if it is in memory and fresh. Synchronous and fast.
    ///
    /// `None` says nothing about whether there is such a key; ask [`Self::find`].
    pub fn get(&self, hash: &KeyHash) -> Option<Arc<WarmKey>> {
        self.shared.known.get(hash)
    }

    /// The key with this hash, from memory or else from the database. `None`: there is none. While the database cannot be
    /// asked, or says nothing for a second, a key that was known is as it was last.
    ///
    /// Cancel safety: a look-up that is dropped is taken over by another that waits for the same
    /// key.
    pub async fn find(&self, hash: &KeyHash) -> Result<Option<Arc<WarmKey>>, StoreError> {
        let shared = &*self.shared;
        let known = &shared.known;
        let Some(last) = known.get_last(hash) else {
            return match known.is_unknown(hash) {
                true => Ok(None),
                false => shared.find(hash).await,
            };
        };
        if known.is_fresh(&last) || known.is_away() {
            return Ok(Some(last));
        }
        match time::timeout(NEWS_WITHIN, shared.find(hash)).await {
            Ok(Err(StoreError::Database(_))) | Err(_) => {
                known.set_away(true);
                Ok(Some(last))
            }
            Ok(answer) => answer,
        }
    }

    /// Whether the key is as the tables have it, as far as that is known. Synchronous and fast.
    pub fn is_fresh(&self, key: &WarmKey) -> bool {
        self.shared.known.is_fresh(key)
    }

    /// The time by which the meters of keys go: since these keys were first watched.
    pub fn now(&self) -> Duration {
        self.shared.began.elapsed()
    }

    /// How often the database was asked for a key.
    pub fn reads(&self) -> u64 {
        self.shared.reads.load(Ordering::Relaxed)
    }
}

impl Drop for WarmKeys {
    fn drop(&mut self) {
        self.poller.abort();
        self.reader.abort();
        if let Some(lessee) = self.taken_lessee() {
            lessee.abort();
        }
        for lessee in [&self.rate_lessee, &self.place_lessee].into_iter().flatten() {
            lessee.abort();
        }
    }
}

type Answer = Result<Option<Arc<WarmKey>>, StoreError>;

#[derive(Debug)]
struct Shared {
    store: Store,
    books: Books,
    /// `None`: nobody else holds of the same money.
    leases: Option<Leases>,
    /// `None`: nobody else counts the same rates.
    rates: Option<RateLeases>,
    /// `None`: nobody else counts the same requests under way.
    places: Option<PlaceLeases>,
    known: Known,
    began: Instant,
    of_keys: MeterBook<KeyId>,
    of_accounts: MeterBook<AccountId>,
    /// One at a time reads what is spent, or is told what others spent; never a request whose key is in memory.
    turn: Semaphore,
    /// Up to which entry of the ledger every spending here has what other gates charged. `None`: there is none yet.
    /// Changed by whoever has the turn.
    counted_to: Mutex<Option<Entry>>,
    /// The look-ups under way, so that requests with one key wait for one of them.
    look_ups: Mutex<HashMap<KeyHash, Arc<OnceCell<Answer>>>>,
    look_up_places: Semaphore,
    reads: AtomicU64,
}

impl Shared {
    /// Reads one key, unless somebody does already.
    async fn find(&self, hash: &KeyHash) -> Answer {
        let look_up = LookUp::join(self, *hash);
        look_up.answer.get_or_init(|| self.read(hash)).await.clone()
    }

    /// Reads one key and keeps the answer.
    async fn read(&self, hash: &KeyHash) -> Answer {
        // A look-up for the same key may have ended since this request missed it in memory.
        if let Some(key) = self.known.get(hash) {
            return Ok(Some(key));
        }
        let _place = self
            .look_up_places
            .try_acquire()
            .map_err(|_| StoreError::Overloaded)?;
        self.reads.fetch_add(1, Ordering::Relaxed);
        let era = self.known.era();
        let (version, key) = self.store.find_key(hash).await?;
        let Some(key) = key else {
            self.known.keep_unknown(*hash);
            return Ok(None);
        };
        let state = self.known.seen(version, era);
        let now = self.began.elapsed();
        let are_booked = || self.books.are_complete();
        let counted = self.of_keys.of(key.key.id, key.made.key, now, are_booked);
        let of_account = self
            .of_accounts
            .of(key.account, key.made.account, now, are_booked);
        let spending = self.spending(&counted, UsageOf::Key(key.key.id)).await?;
        let account_spending = self.spending(&of_account, UsageOf::Account(key.account)).await?;
        let key = Arc::new(WarmKey {
            meters: counted.meters,
            account_meters: of_account.meters,
            spending,
            account_spending,
            histories: counted.histories,
            key: key.key,
            text_ends: key.text_ends,
            account: key.account,
            made: key.made,
            account_limits: key.account_limits,
            account_credit: key.account_credit,
            multiplier: key.multiplier,
            state,
        });
        self.known.keep(*hash, Arc::clone(&key));
        Ok(Some(key))
    }

    /// What the owner has spent, read from the books where this gate does not count it yet. Then all of it is there:
    /// nothing is spent here by owners that are not counted.
    async fn spending(&self, counted: &Counted, of: UsageOf) -> Result<Arc<Spending>, StoreError> {
        if let Some(spending) = counted.spending.get() {
            return Ok(Arc::clone(spending));
        }
        // Until the spending is where the others are, so that it is told of each charge once.
        let turn = self.turn().await?;
        let read = async || {
            let zone = &self.books.time_zone;
            let now = Timestamp::now();
            let since = |per: Period| {
                let from = per.span(now, zone).from;
                from.map_or(Date::MIN, |from| zone.to_datetime(from).date())
            };
            let (newest, spent) = self
                .store
                .spent(of, since(Period::Day), since(Period::Month))
                .await?;
            self.count_elsewhere(&turn, newest).await?;
            let spending = match self.leases {
                None => Spending::new(spent, now, zone.clone()),
                Some(_) => Spending::shared(spent, now, zone.clone()),
            };
            Ok(Arc::new(spending))
        };
        counted.spending.get_or_try_init(read).await.cloned()
    }

    /// Tells every spending here of what other gates charged up to an entry.
    ///
    /// Cancel safety: they are told of everything, or of nothing and asked again.
    async fn count_elsewhere(&self, _turn: &SemaphorePermit<'_>, newest: Entry) -> Result<(), StoreError> {
        let Some(gate) = &self.books.gate else {
            return Ok(());
        };
        let counted_to = *self.counted_to.lock().unwrap_or_else(PoisonError::into_inner);
        let charges = match counted_to {
            Some(counted) if counted < newest => self.store.charged_elsewhere(gate, counted, newest).await?,
            Some(_) => return Ok(()),
            // Nothing was counted before this.
            None => Vec::new(),
        };
        for charged in charges {
            let owners = [
                self.of_keys.spending(&charged.key),
                self.of_accounts.spending(&charged.account),
            ];
            for spending in owners.into_iter().flatten() {
                spending.spend_elsewhere(charged.charge, charged.came);
            }
        }
        *self.counted_to.lock().unwrap_or_else(PoisonError::into_inner) = Some(newest);
        Ok(())
    }

    /// The rates of which something is to be told to those who count them too.
    fn owing(&self) -> Vec<(Payer, Limit, Rate)> {
        let mut owing = Vec::new();
        for (payer, meters) in self.meters() {
            for limit in [Limit::RequestsPerMinute, Limit::TokensPerMinute] {
                if let Some(rate) = meters.rate(limit).filter(|rate| rate.owes()) {
                    owing.push((payer, limit, rate.clone()));
                }
            }
        }
        owing
    }

    /// The requests under way of which those who count them too know nothing.
    fn owing_places(&self) -> Vec<(Payer, InFlight)> {
        let owing = self.meters().filter(|(_, meters)| meters.in_flight.owes());
        owing.map(|(payer, meters)| (payer, meters.in_flight)).collect()
    }

    /// What is counted of all keys and accounts.
    fn meters(&self) -> impl Iterator<Item = (Payer, Meters)> {
        let keys = self.of_keys.meters();
        let accounts = self.of_accounts.meters();
        let keys = keys.into_iter().map(|(id, meters)| (Payer::Key(id), meters));
        let accounts = accounts
            .into_iter()
            .map(|(id, meters)| (Payer::Account(id), meters));
        keys.chain(accounts)
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        // It is closed by nobody.
        self.turn.acquire().await.map_err(|_| StoreError::Overloaded)
    }

    /// Looks at what changed in the database since the last look.
    async fn look(&self) -> Result<(), StoreError> {
        let has_changed = self.known.is_at(self.store.keys_version().await?);
        if let Some(leases) = self.leases.as_ref().filter(|_| has_changed) {
            leases.outdate();
        }
        if self.books.gate.is_some() {
            let turn = self.turn().await?;
            let newest = self.store.newest_entry().await?;
            self.count_elsewhere(&turn, newest).await?;
        }
        if let Some(leases) = &self.leases {
            leases.hear(self.store.wanted_money().await?).await?;
        }
        Ok(())
    }
}

/// Looks for changes until it is aborted.
async fn poll(shared: Arc<Shared>) {
    let mut ticks = time::interval(POLL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reachable = true;
    loop {
        ticks.tick().await;
        let looked = time::timeout(LOOK_TIMEOUT, shared.look()).await;
        match looked.unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut.into())) {
            Ok(()) => {
                if !reachable {
                    // Another server may have taken its place, and have changed since.
                    shared.known.begin_anew();
                    info!("database answers again");
                }
                reachable = true;
                shared.known.set_away(false);
            }
            Err(error) => {
                if reachable {
                    warn!(%error, "database does not answer; known keys keep working, changes are not seen");
                }
                reachable = false;
                shared.known.set_away(true);
            }
        }
    }
}

/// Reads anew what has changed, until it is aborted, so that an outage finds each key as it was last, also those that
/// nobody has used since.
async fn read_anew(shared: Arc<Shared>) {
    loop {
        for hash in shared.known.outdated().await {
            let began = Instant::now();
            // The next change, or the end of the outage, is the next occasion.
            if shared.find(&hash).await.is_err() {
                break;
            }
            time::sleep(began.elapsed() * REST).await;
        }
    }
}

#[cfg(test)]
mod tests;
