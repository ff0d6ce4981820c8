use serde_json::json;

use super::*;
use crate::sandbox::wanted::tests::{by_schema, request};

/// A request whose schema is more work than any may be.
fn endless() -> ValidRequest {
    let level = |letter: &str, number: usize| {
        let below = json!({"allOf": [{"$ref": format!("#/$defs/{letter}{}", number.saturating_sub(1))}]});
        let branch = json!({"type": "object", "properties": {"a": below}, "required": ["a"]});
        match number {
            0 => json!({"const": letter}),
            _ => json!({"anyOf": vec![branch; 60]}),
        }
    };
    let levels = ["p", "q"]
        .iter()
        .flat_map(|letter| (0..5).map(move |number| (format!("{letter}{number}"), level(letter, number))));
    let levels: serde_json::Map<_, _> = levels.collect();
    request(by_schema(
        json!({"oneOf": [{"$ref": "#/$defs/p4"}, {"$ref": "#/$defs/q4"}], "$defs": levels}),
    ))
}

#[tokio::test]
async fn costly_schemas_wait_for_each_other_and_nobody_waits_for_them() {
    let held = Lane::Costly.place().await.unwrap();
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..32 {
        others.spawn(Lane::Costly.place());
    }
    for _ in 0..16 {
        let refused = others.join_next().await.unwrap().unwrap();
        assert!(
            matches!(refused, Err(GateError::SandboxBusy)),
            "no more than so many wait"
        );
    }
    others.shutdown().await;

    let costly = tokio::spawn(async { read(&endless()).await.map(|_| ()) });

    let small = request(by_schema(json!({"type": "boolean"})));
    for _ in 0..4 {
        let (_, _, lane) = read(&small).await.unwrap();
        assert_eq!(lane, Lane::Quick);
    }
    assert!(!costly.is_finished(), "it has more steps in the other lane");
    drop(held);
    match costly.await.unwrap() {
        Err(GateError::Unsupported(problem)) => {
            assert_eq!(problem.param, "response_format.json_schema.schema");
            assert!(
                problem.problem.contains("`oneOf` at `/` is more work to follow"),
                "{problem}"
            );
        }
        other => panic!("{other:?}"),
    }
}
