//! What `thinking`, `enable_thinking` and `reasoning_effort` say together.

use tollgate_chat::json::Json;

use super::Values;
use crate::{
    contract::{
        rule::Contract,
        violation::{Code, Found, Path},
    },
    thinking::{Effort, Thinking},
};

/// One thing that the client said about thinking.
struct Said {
    /// The member of the body that said it.
    member: &'static str,
    /// As the client can find it: `thinking.type` "disabled".
    words: String,
    on: bool,
    effort: Option<Effort>,
}

/// Unites the switches. Two that contradict are a violation; none at all leaves the page's default.
pub(super) fn thinking(values: &Values<'_>, contract: &Contract, found: &mut Found) -> Thinking {
    let said = said(values);
    let Some((first, rest)) = said.split_first() else {
        return match contract.default_of("enable_thinking") {
            Some(serde_json::Value::Bool(false)) => Thinking::Off,
            Some(serde_json::Value::Bool(true)) => Thinking::On {
                effort: None,
                budget: budget(values),
            },
            _ => Thinking::Unset,
        };
    };
    let mut effort: Option<(&Said, Effort)> = first.effort.map(|level| (first, level));
    for later in rest {
        if later.on != first.on {
            contradiction(first, later, values, found);
            return Thinking::Unset;
        }
        match (effort, later.effort) {
            (Some((earlier, level)), Some(other)) if level != other => {
                contradiction(earlier, later, values, found);
                return Thinking::Unset;
            }
            (None, Some(level)) => effort = Some((later, level)),
            _ => {}
        }
    }
    match first.on {
        false => Thinking::Off,
        true => Thinking::On {
            effort: effort.map(|(_, level)| level),
            budget: budget(values),
        },
    }
}

fn contradiction(one: &Said, other: &Said, values: &Values<'_>, found: &mut Found) {
    let (earlier, later) = match values.position(one.member) <= values.position(other.member) {
        true => (one, other),
        false => (other, one),
    };
    found.at(values.position(later.member));
    found.add(
        Path::Member(later.member),
        Code::InvalidValue,
        format_args!(
            "contradicts what is said elsewhere: {} and {} cannot both hold; send one of them",
            earlier.words, later.words
        ),
    );
}

/// All that was said, in a fixed order. `thinking: {}` says nothing. A budget alone asks for thinking within
/// its bounds, wherever it stands. A budget of 0 asks for none, whatever stands beside it; any other says
/// nothing beside another switch: clients leave it there when they switch thinking off.
fn said(values: &Values<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    if let Some(on) = values.boolean("enable_thinking") {
        said.push(Said {
            member: "enable_thinking",
            words: format!("`enable_thinking` {on}"),
            on,
            effort: None,
        });
    }
    if let Some(object) = values.get("thinking") {
        let kind = object.present("type").and_then(Json::as_str);
        if let Some(kind) = kind {
            said.push(Said {
                member: "thinking",
                words: format!("`thinking.type` \"{kind}\""),
                on: kind != "disabled",
                effort: None,
            });
        }
        if let Some(Json::Number(tokens)) = object.present("budget_tokens") {
            let is_nothing = tokens.as_i64() == Some(0);
            said.extend(said_budget(
                "thinking",
                "thinking.budget_tokens",
                is_nothing,
                kind.is_none(),
            ));
        }
        let level = object.present("reasoning_effort").and_then(Json::as_str);
        said.extend(level.and_then(|level| said_effort("thinking", "thinking.reasoning_effort", level)));
    }
    let level = values.string("reasoning_effort");
    said.extend(level.and_then(|level| said_effort("reasoning_effort", "reasoning_effort", level)));
    if let Some(tokens) = values.integer("thinking_budget") {
        let alone = said.is_empty();
        said.extend(said_budget(
            "thinking_budget",
            "thinking_budget",
            tokens == 0,
            alone,
        ));
    }
    said
}

fn said_budget(member: &'static str, path: &str, is_nothing: bool, alone: bool) -> Option<Said> {
    let words = match is_nothing {
        true => format!("`{path}` 0"),
        false => format!("`{path}`"),
    };
    (is_nothing || alone).then_some(Said {
        member,
        words,
        on: !is_nothing,
        effort: None,
    })
}

fn said_effort(member: &'static str, path: &str, word: &str) -> Option<Said> {
    let effort = Effort::parse(word)?;
    let on = effort != Effort::None;
    Some(Said {
        member,
        words: format!("`{path}` \"{word}\""),
        on,
        effort: on.then_some(effort),
    })
}

/// Tokens to think with: `thinking.budget_tokens`, else `thinking_budget`.
fn budget(values: &Values<'_>) -> Option<u64> {
    let inside = values
        .get("thinking")
        .and_then(|object| object.present("budget_tokens"))
        .and_then(|value| match value {
            Json::Number(number) => number.as_i64(),
            _ => None,
        });
    inside
        .or_else(|| values.integer("thinking_budget"))
        .and_then(|tokens| u64::try_from(tokens).ok())
}
