use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::{
    contract::{ValidRequest, check::CheckLimits},
    load::builtin,
    quirks::{Quirks, ThinkingForm, ToolChoiceForm},
    thinking::{Effort, Thinking},
};
use tollgate_chat::request::ChatRequest;

use super::{decide, effort_to_send, note_budget, note_move};
use crate::request::Note;

fn valid(members: Value) -> ValidRequest {
    let mut body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let request = ChatRequest::parse(Bytes::from(body.to_string())).unwrap();
    let model = builtin().unwrap().model("gpt-4o").unwrap().clone();
    tollgate_catalog::contract::check(request, model, &CheckLimits::default()).unwrap()
}

fn thinker() -> Quirks {
    Quirks {
        thinking: ThinkingForm::ThinkingObject,
        thinks_by_default: true,
        ..Quirks::default()
    }
}

fn on(effort: Option<Effort>) -> Thinking {
    Thinking::On { effort, budget: None }
}

#[test]
fn what_the_client_asks_counts_before_what_the_provider_does_by_itself() {
    for (members, thinks) in [
        (json!({}), true),
        (json!({"enable_thinking": false}), false),
        (json!({"reasoning_effort": "none"}), false),
        (json!({"thinking": {"type": "enabled"}}), true),
    ] {
        assert_eq!(
            decide(&valid(members.clone()), &thinker(), None).thinks,
            thinks,
            "{members}"
        );
    }
    let shy = Quirks {
        thinks_by_default: false,
        ..thinker()
    };
    assert!(!decide(&valid(json!({})), &shy, None).thinks);
    assert!(decide(&valid(json!({"reasoning_effort": "low"})), &shy, None).thinks);
}

#[test]
fn thinking_that_cannot_be_switched_off_goes_on_with_a_note() {
    let always = Quirks {
        thinking_optional: false,
        ..thinker()
    };
    let decision = decide(&valid(json!({"enable_thinking": false})), &always, None);
    assert!(decision.thinks);
    assert_eq!(decision.notes, [Note::Moved("enable_thinking".to_owned())]);
    assert_eq!(decide(&valid(json!({})), &always, None).notes, []);
}

#[test]
fn a_forced_tool_switches_thinking_off_only_where_the_two_exclude_each_other_and_nobody_asked_for_it() {
    let excluding = Quirks {
        tool_choices_while_thinking: vec![ToolChoiceForm::Auto],
        ..thinker()
    };
    let named = Some(ToolChoiceForm::Named);
    assert!(!decide(&valid(json!({})), &excluding, named).thinks);
    assert!(decide(&valid(json!({})), &excluding, None).thinks);
    assert!(
        decide(&valid(json!({})), &thinker(), named).thinks,
        "both are taken"
    );
    assert!(decide(&valid(json!({"reasoning_effort": "low"})), &excluding, named).thinks);
    let always = Quirks {
        thinking_optional: false,
        ..excluding
    };
    assert!(decide(&valid(json!({})), &always, named).thinks);
}

#[test]
fn a_forced_tool_that_stops_a_model_from_thinking_is_told() {
    let excluding = Quirks {
        tool_choices_while_thinking: vec![ToolChoiceForm::Auto],
        ..thinker()
    };
    let forced =
        |members: Value, quirks: &Quirks| decide(&valid(members), quirks, Some(ToolChoiceForm::Named)).notes;
    let stopped = [Note::Omitted("thinking".to_owned())];
    assert_eq!(forced(json!({}), &excluding), stopped);
    assert_eq!(
        forced(json!({"enable_thinking": false}), &excluding),
        [],
        "the client's own wish"
    );
    assert_eq!(forced(json!({}), &thinker()), [], "it goes on");
    let shy = Quirks {
        thinks_by_default: false,
        ..excluding.clone()
    };
    assert_eq!(forced(json!({}), &shy), [], "it would not have thought");
    let no_switch = Quirks {
        thinking: ThinkingForm::None,
        ..excluding
    };
    let decision = decide(&valid(json!({})), &no_switch, Some(ToolChoiceForm::Named));
    assert!(decision.thinks && decision.notes.is_empty(), "{decision:?}");
}

#[test]
fn an_effort_moves_to_the_nearest_level_and_that_is_told() {
    let quirks = Quirks {
        efforts: vec![Effort::Low, Effort::High],
        ..thinker()
    };
    let sent = effort_to_send(on(Some(Effort::Xhigh)), &quirks).unwrap();
    assert_eq!(sent, Effort::High);
    assert_eq!(
        note_move(on(Some(Effort::Xhigh)), sent),
        Some(Note::Moved("reasoning_effort".to_owned()))
    );
    assert_eq!(note_move(on(Some(Effort::High)), sent), None);
}

#[test]
fn thinking_without_a_level_takes_one_only_where_the_model_would_not_think_by_itself() {
    let quirks = |thinks_by_default| Quirks {
        thinks_by_default,
        efforts: vec![Effort::None, Effort::Low, Effort::High],
        ..thinker()
    };
    assert_eq!(effort_to_send(on(None), &quirks(true)), None);
    assert_eq!(effort_to_send(on(None), &quirks(false)), Some(Effort::High));
    assert_eq!(effort_to_send(Thinking::Off, &quirks(true)), Some(Effort::None));
    assert_eq!(effort_to_send(Thinking::Unset, &quirks(true)), None);
}

#[test]
fn a_budget_without_a_place_is_noted_under_the_clients_name_for_it() {
    for (members, name) in [
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            Some("thinking.budget_tokens"),
        ),
        (
            json!({"enable_thinking": true, "thinking_budget": 2000}),
            Some("thinking_budget"),
        ),
        (json!({"enable_thinking": true}), None),
    ] {
        let request = valid(members);
        let expected = name.map(|name| Note::Omitted(name.to_owned()));
        assert_eq!(note_budget(&request, request.thinking), expected);
    }
}
