//! State of earlier turns that providers want back and chat clients do not send: signatures, encrypted
//! thoughts (wire notes, section 15, trap 10).
//!
//! Kept when an answer ends and before the client can know of it; looked up when that turn comes back. It is
//! bound to the API key that it was made for, to the credential that it was made with, and to the dialect:
//! under any other of these it is not found. In memory alone, bounded in bytes, entries and time; where it
//! is gone a dialect does what its provider allows without it. With a Redis, what one gate keeps the others find there
//! when a turn comes back to them.

mod held;

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use moka::{policy::EvictionPolicy, sync::Cache};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use tollgate_catalog::{
    channel::ChannelSettings,
    contract::ValidRequest,
    quirks::{Quirks, ReasoningHistory},
};
use tollgate_dialects::{
    Dialect, conversation,
    turn_state::{Binding, KeptTurn, TurnKey, TurnState, TurnStates},
};
use tollgate_ledger::Holder;
use tollgate_store::{Redis, redis::reasoning::Place};
use tracing::debug;

pub use self::held::HeldStates;
use crate::{channel::Server, gate::Gate};

/// What an entry weighs beside its state; with it the bound in bytes is one in entries too.
const ENTRY_BYTES: usize = 256;

/// Bounds of the store, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasoningStoreSettings {
    /// Bytes of all state together.
    pub size: usize,
    /// How long a turn's state is kept.
    pub ttl: Duration,
}

/// How long it is remembered that other gates have nothing of a turn: most turns have no state.
const UNKNOWN_FOR: Duration = Duration::from_secs(10);
const UNKNOWN_MAX: u64 = 50_000;
/// Most turns of one request that are looked for at once for one owner, the newest first.
const LOOKED_FOR_MAX: usize = 64;
/// A state that is larger stays with the gate that has it.
const SHARED_MAX: usize = 1 << 20;

/// The state of turns, of all API keys.
pub struct ReasoningStore {
    /// By a hash of whom the state belongs to and of the turn's key.
    states: Cache<Place, Arc<TurnState>>,
    /// Whether anything was ever kept: without it nobody has to look.
    filled: AtomicBool,
    elsewhere: Option<Elsewhere>,
}

/// What other gates keep.
struct Elsewhere {
    redis: Redis,
    ttl: Duration,
    unknown: Cache<Place, ()>,
}

impl ReasoningStore {
    pub fn new(settings: &ReasoningStoreSettings, redis: Option<Redis>) -> Self {
        let weigh =
            |_: &Place, state: &Arc<TurnState>| u32::try_from(state.held() + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self {
            states: Cache::builder()
                .weigher(weigh)
                .max_capacity(settings.size as u64)
                .time_to_live(settings.ttl)
                // The turn that was just made is the one that comes back.
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            filled: AtomicBool::new(false),
            elsewhere: redis.map(|redis| Elsewhere {
                redis,
                ttl: settings.ttl,
                unknown: Cache::builder()
                    .max_capacity(UNKNOWN_MAX)
                    .time_to_live(UNKNOWN_FOR)
                    .build(),
            }),
        }
    }

    fn keep(&self, owner: &Owner, turns: Vec<KeptTurn>) {
        for KeptTurn { keys, state } in turns {
            self.filled.store(true, Ordering::Release);
            let shared = self
                .elsewhere
                .as_ref()
                .filter(|_| state.held() <= SHARED_MAX)
                .map(|elsewhere| (elsewhere, state.to_bytes()));
            for (key, binding) in keys {
                let place = owner.place(&key, binding);
                if let Some((elsewhere, bytes)) = &shared {
                    elsewhere.redis.keep_state(place, bytes.clone(), elsewhere.ttl);
                }
                self.states.insert(place, Arc::clone(&state));
            }
        }
    }

    /// What is kept of the assistant's turns in this request, here and by other gates.
    async fn find(&self, owner: &Owner, request: &ValidRequest, quirks: &Quirks) -> TurnStates {
        let (states, elsewhere) = self.look(owner, request, quirks);
        // Few requests wait for that, and the others need not make room for it.
        match !elsewhere.is_empty() && Box::pin(self.fetch(elsewhere)).await {
            true => self.states(owner, request, quirks),
            false => states,
        }
    }

    /// What is kept of them here. Reads the messages only where the provider wants state back and there may be some.
    pub fn states(&self, owner: &Owner, request: &ValidRequest, quirks: &Quirks) -> TurnStates {
        self.look(owner, request, quirks).0
    }

    /// The same, and the places of turns that other gates may know. Where there are any, [`Self::fetch`] asks for them.
    pub fn look(&self, owner: &Owner, request: &ValidRequest, quirks: &Quirks) -> (TurnStates, Vec<Place>) {
        let may_be_some = self.elsewhere.is_some() || self.filled.load(Ordering::Acquire);
        if request.traits.count <= 1 || !may_be_some || !wants_state(owner.dialect, quirks) {
            return Default::default();
        }
        let mut wanted = Vec::new();
        let messages = conversation::messages(request.request.get("messages").unwrap_or_default());
        let states = TurnStates::found(&messages, |key, binding| {
            let place = owner.place(key, binding);
            let state = self.states.get(&place);
            if let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| state.is_none())
                && wanted.len() < LOOKED_FOR_MAX
                && !elsewhere.unknown.contains_key(&place)
            {
                wanted.push(place);
            }
            state
        });
        (states, wanted)
    }

    /// Gets what other gates keep at these places, and remembers for a moment where they keep nothing. Waits for a fifth
    /// of a second at most. Tells whether there was any.
    pub async fn fetch(&self, wanted: Vec<Place>) -> bool {
        let Some(elsewhere) = &self.elsewhere else {
            return false;
        };
        let found = match elsewhere.redis.states(&wanted).await {
            Ok(found) => found,
            Err(error) => {
                debug!(%error, "what other gates keep of this conversation is not known");
                return false;
            }
        };
        let mut is_any = false;
        for (place, bytes) in wanted.into_iter().zip(found) {
            match bytes.as_deref().and_then(TurnState::from_bytes) {
                Some(state) => {
                    is_any = true;
                    self.filled.store(true, Ordering::Release);
                    self.states.insert(place, Arc::new(state));
                }
                None => elsewhere.unknown.insert(place, ()),
            }
        }
        is_any
    }

    /// For the attempts of one request. `held`: what its money is held with; `None`: it takes whatever is kept.
    pub fn known<'a>(&'a self, held: Option<&'a HeldStates>) -> KnownStates<'a> {
        KnownStates { store: self, held }
    }

    /// Lets go what is kept of the turns in this request, since the provider refuses some of it.
    fn forget(&self, owner: &Owner, request: &ValidRequest) {
        let messages = conversation::messages(request.request.get("messages").unwrap_or_default());
        TurnStates::found(&messages, |key, binding| {
            let place = owner.place(key, binding);
            self.states.invalidate(&place);
            if let Some(elsewhere) = &self.elsewhere {
                elsewhere.redis.forget_state(place);
                // That takes a moment, and the next try may come sooner.
                elsewhere.unknown.insert(place, ());
            }
            None
        });
    }
}

/// What attempts of one request may send of earlier turns.
#[derive(Clone, Copy)]
pub struct KnownStates<'a> {
    store: &'a ReasoningStore,
    held: Option<&'a HeldStates>,
}

impl KnownStates<'_> {
    pub async fn find(self, owner: &Owner, request: &ValidRequest, quirks: &Quirks) -> TurnStates {
        match self.held {
            Some(held) => held.of(owner, quirks),
            None => self.store.find(owner, request, quirks).await,
        }
    }

    /// The provider refuses some of it: none goes there again, with this request or a later one.
    pub fn forget(self, owner: &Owner, request: &ValidRequest) {
        self.store.forget(owner, request);
        if let Some(held) = self.held {
            held.forget(owner);
        }
    }
}

/// Whether answers in this dialect bring state that has to come back.
fn wants_state(dialect: Dialect, quirks: &Quirks) -> bool {
    match dialect {
        Dialect::OpenaiChat => matches!(
            quirks.reasoning_history,
            ReasoningHistory::Require | ReasoningHistory::Details
        ),
        Dialect::OpenaiResponses | Dialect::AnthropicMessages | Dialect::Gemini => true,
    }
}

/// To whom state belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    pub holder: Holder,
    pub account: ProviderAccount,
    pub dialect: Dialect,
}

impl Owner {
    /// Of what this key is given by this server, as it serves the request.
    pub fn of(holder: Holder, server: &Server) -> Self {
        Self {
            holder,
            account: server.channel.account,
            dialect: server.dialect(),
        }
    }

    fn place(&self, key: &TurnKey, binding: Binding) -> Place {
        let mut hash = Sha256::new();
        hash.update(self.holder.to_bytes());
        hash.update(self.account.0);
        hash.update([self.dialect as u8]);
        hash.update(binding.0);
        match key {
            TurnKey::Call(id) => {
                hash.update([0]);
                hash.update(id);
            }
            TurnKey::Content(content) => {
                hash.update([1]);
                hash.update(content);
            }
        }
        hash.finalize().into()
    }
}

/// Which account at which provider a channel speaks for: a hash, so that no credential is held here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProviderAccount([u8; 32]);

impl std::fmt::Debug for ProviderAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProviderAccount(…)")
    }
}

impl ProviderAccount {
    pub fn of(settings: &ChannelSettings) -> Self {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(&settings.provider.name);
        add(settings.base_url.as_str());
        add(settings.api_key.expose_secret());
        // A credential of another form may be in them.
        for (name, value) in &settings.headers {
            add(name);
            add(value);
        }
        Self(hash.finalize().into())
    }
}

/// Keeps the state of one answer's turns, where its provider wants it back.
#[derive(Clone)]
pub struct Keeper {
    gate: Arc<Gate>,
    owner: Owner,
}

impl Keeper {
    /// `None`: this provider wants nothing back.
    pub fn of(gate: &Arc<Gate>, owner: Owner, quirks: &Quirks) -> Option<Self> {
        wants_state(owner.dialect, quirks).then(|| Self {
            gate: Arc::clone(gate),
            owner,
        })
    }

    pub fn keep(&self, turns: Vec<KeptTurn>) {
        self.gate.reasoning.keep(&self.owner, turns);
    }
}

#[cfg(test)]
mod tests;
