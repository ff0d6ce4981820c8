#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use jiff::Timestamp;
use tollgate_catalog::contract::{self, check::CheckLimits};
use tollgate_chat::{
    event::{Place as PlaceInTurn, State},
    request::ChatRequest,
};
use tollgate_ledger::KeyId;

use super::*;

const MODEL: &str = "claude-sonnet-4-6";

/// A key of this number that was made in this second.
fn holder(key: i64, made: i64) -> Holder {
    Holder::new(KeyId::new(key), Timestamp::from_second(made).unwrap())
}

fn owner() -> Owner {
    Owner {
        holder: holder(1, 7),
        account: ProviderAccount([7; 32]),
        dialect: Dialect::AnthropicMessages,
    }
}

fn store(size: usize) -> ReasoningStore {
    let settings = ReasoningStoreSettings {
        size,
        ttl: Duration::from_secs(60),
    };
    ReasoningStore::new(&settings, None)
}

/// What the turns of [`request`] are bound to, whatever the call's ID.
static ASKED: LazyLock<Binding> = LazyLock::new(|| binding(&request("call")));

fn turn(call: &str, json: &str) -> KeptTurn {
    let piece = State {
        place: PlaceInTurn::Start,
        json: json.into(),
    };
    KeptTurn {
        keys: vec![(TurnKey::Call(call.to_owned()), *ASKED)],
        state: Arc::new(TurnState::of(vec![piece])),
    }
}

/// A request whose last turns are a call and its result.
fn request(call: &str) -> ValidRequest {
    request_saying(&[exchange("?", call, "{}")])
}

/// A question, a call and its result, as JSON.
fn exchange(question: &str, call: &str, arguments: &str) -> String {
    let arguments = serde_json::to_string(arguments).unwrap();
    format!(
        r#"{{"role":"user","content":"{question}"}},
        {{"role":"assistant","content":null,"tool_calls":[{{"id":"{call}","type":"function","function":{{"name":"f","arguments":{arguments}}}}}]}},
        {{"role":"tool","tool_call_id":"{call}","content":"1"}}"#
    )
}

fn request_saying(exchanges: &[String]) -> ValidRequest {
    let body = format!(r#"{{"model":"{MODEL}","messages":[{}]}}"#, exchanges.join(","));
    let catalog = tollgate_catalog::load::builtin().unwrap();
    let request = ChatRequest::parse(body.into()).unwrap();
    let model = Arc::clone(catalog.model(MODEL).unwrap());
    contract::check(request, model, &CheckLimits { n_max: 1 }).unwrap()
}

/// What the assistant's turn of a request is bound to.
fn binding(request: &ValidRequest) -> Binding {
    let messages = conversation::messages(request.request.get("messages").unwrap());
    let mut asked = None;
    TurnStates::found(&messages, |_, binding| {
        asked = Some(binding);
        None
    });
    asked.unwrap()
}

fn found(store: &ReasoningStore, owner: Owner, call: &str) -> usize {
    store.states(&owner, &request(call), &Quirks::default()).len()
}

#[test]
fn a_turns_state_comes_back_with_its_call_and_with_no_other() {
    let store = store(1 << 20);
    store.keep(&owner(), vec![turn("call_a", "{}")]);

    assert_eq!(found(&store, owner(), "call_a"), 1);
    assert_eq!(found(&store, owner(), "call_b"), 0);
}

#[test]
fn a_call_of_the_same_id_in_another_conversation_is_another_call() {
    let store = store(1 << 20);
    store.keep(&owner(), vec![turn("call_a", "{}")]);
    let found = |exchanges: &[String]| {
        let request = request_saying(exchanges);
        store.states(&owner(), &request, &Quirks::default()).len()
    };

    assert_eq!(
        found(&[exchange("?", "call_a", " { } ")]),
        1,
        "spaces change nothing"
    );
    assert_eq!(found(&[exchange("Another question", "call_a", "{}")]), 0);
    assert_eq!(found(&[exchange("?", "call_a", r#"{"other":1}"#)]), 0);
    let twice = [exchange("?", "call_a", "{}"), exchange("Then?", "call_a", "{}")];
    assert_eq!(
        found(&twice),
        1,
        "what was said before tells two turns with one ID apart"
    );
    let same = [exchange("?", "call_a", "{}"), exchange("?", "call_a", "{}")];
    assert_eq!(
        found(&same),
        1,
        "of two that are the same only the later one has it"
    );
}

#[test]
fn state_is_not_found_under_another_key_account_or_dialect() {
    let store = store(1 << 20);
    store.keep(&owner(), vec![turn("call_a", "{}")]);

    for (what, other) in [
        (
            "API key",
            Owner {
                holder: holder(2, 7),
                ..owner()
            },
        ),
        (
            "API key that was given its number",
            Owner {
                holder: holder(1, 8),
                ..owner()
            },
        ),
        (
            "account",
            Owner {
                account: ProviderAccount([8; 32]),
                ..owner()
            },
        ),
        (
            "dialect",
            Owner {
                dialect: Dialect::Gemini,
                ..owner()
            },
        ),
    ] {
        assert_eq!(found(&store, other, "call_a"), 0, "another {what}");
    }
}

#[test]
fn a_call_and_a_content_of_the_same_bytes_are_two_things() {
    let bytes = [b'a'; 32];
    let call = TurnKey::Call(String::from_utf8(bytes.to_vec()).unwrap());

    let none = Binding::default();
    assert_ne!(
        owner().place(&call, none),
        owner().place(&TurnKey::Content(bytes), none)
    );
}

#[test]
fn the_store_stays_within_its_size_and_the_oldest_goes_first() {
    let store = store(64 * 1024);
    let json = "x".repeat(1_000);
    for number in 0..1_000 {
        store.keep(&owner(), vec![turn(&format!("call_{number}"), &json)]);
    }
    store.states.run_pending_tasks();

    assert!(store.states.weighted_size() <= 64 * 1024);
    assert_eq!(found(&store, owner(), "call_999"), 1);
    assert_eq!(found(&store, owner(), "call_0"), 0);
}

#[test]
fn entries_without_bytes_are_bounded_too() {
    let store = store(64 * 1024);
    for number in 0..1_000 {
        store.keep(&owner(), vec![turn(&format!("call_{number}"), "")]);
    }
    store.states.run_pending_tasks();

    assert!(
        store.states.entry_count() <= 256,
        "{}",
        store.states.entry_count()
    );
}

#[test]
fn chat_providers_are_looked_up_for_only_where_they_want_thoughts_back() {
    let store = store(1 << 20);
    let owner = Owner {
        dialect: Dialect::OpenaiChat,
        ..owner()
    };
    store.keep(&owner, vec![turn("call_a", "{}")]);
    let states = |reasoning_history| {
        let quirks = Quirks {
            reasoning_history,
            ..Quirks::default()
        };
        store.states(&owner, &request("call_a"), &quirks).len()
    };

    assert_eq!(states(ReasoningHistory::Require), 1);
    assert_eq!(states(ReasoningHistory::Pass), 0);
}
