//! Earlier turns, for dialects that keep the order of a turn.

use serde_json::Value;
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::event::Place;
use tollgate_dialects::{
    conversation,
    turn_state::{KeptTurn, TurnStates},
};

/// What is known of the turns in a request, where `turns` were kept in whichever conversation.
pub fn known(turns: &[KeptTurn], request: &ValidRequest) -> TurnStates {
    let messages = request.request.get("messages").unwrap();
    TurnStates::found(&conversation::messages(messages), |asked, _| {
        let known = turns
            .iter()
            .find(|turn| turn.keys.iter().any(|(key, _)| key == asked));
        known.map(|turn| turn.state.clone())
    })
}

/// The order of a turn as it is kept.
pub fn order(turn: &KeptTurn) -> Vec<Value> {
    let pieces = &turn.state.pieces;
    assert_eq!(pieces.len(), 1, "{pieces:?}");
    assert_eq!(pieces[0].place, Place::Order);
    serde_json::from_str(&pieces[0].json).unwrap()
}
