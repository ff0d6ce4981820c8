//! Schemas beyond any that an application has.

use super::*;

/// A schema, and the keyword for which it is refused.
fn large_schemas() -> Vec<(Value, Option<&'static str>)> {
    let boolean = json!({"type": "boolean"});
    let members = |count: usize| -> serde_json::Map<_, _> {
        (0..count)
            .map(|number| (format!("p{number}"), boolean.clone()))
            .collect()
    };
    let optional = |count| json!({"type": "object", "properties": members(count)});
    let required = |count| {
        let names: Vec<_> = members(count).into_iter().map(|(name, _)| name).collect();
        json!({"type": "object", "properties": members(count), "required": names})
    };
    let all = |count| {
        let one = |number: usize| json!({"type": "object", "properties": {format!("k{number}"): boolean}});
        json!({"allOf": (0..count).map(one).collect::<Vec<_>>()})
    };
    let patterns = |count: usize| {
        let patterns = (0..count).map(|number| (format!("^p{number}_"), boolean.clone()));
        json!({
            "type": "object",
            "patternProperties": patterns.collect::<serde_json::Map<_, _>>(),
            "additionalProperties": false,
        })
    };
    let values =
        |count: usize| json!({"enum": (0..count).map(|number| format!("v{number}")).collect::<Vec<_>>()});
    let nested = (0..6).fold(json!({"type": "null"}), |within, level| {
        let mut members: serde_json::Map<_, _> = (0..120)
            .map(|number| (format!("k{level}_{number}"), boolean.clone()))
            .collect();
        members.insert("within".to_owned(), within);
        json!({"type": "object", "properties": members})
    });
    let union: Vec<_> = (0..1_000).map(|number| json!({"const": number})).collect();
    vec![
        (optional(1_000), None),
        (optional(5_000), Some("properties")),
        (required(1_000), None),
        (required(5_000), None),
        (required(5_001), Some("properties")),
        (
            json!({"type": "object", "required": vec!["a"; 5_001]}),
            Some("required"),
        ),
        (all(100), None),
        (all(3_000), Some("allOf")),
        (
            json!({"type": "array", "prefixItems": vec![boolean.clone(); 5_000], "minItems": 5_000}),
            None,
        ),
        (patterns(20), None),
        (patterns(500), Some("patternProperties")),
        (values(5_000), None),
        (values(5_001), Some("enum")),
        (json!({"oneOf": union}), Some("oneOf")),
        (nested, None),
    ]
}

#[test]
fn however_large_a_schema_is_it_is_followed_or_refused_on_a_small_stack() {
    let judge = Judge::new();
    let all = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for (schema, keyword) in large_schemas() {
            let shown: String = schema.to_string().chars().take(80).collect();
            match (JsonForm::of(&schema, &Effort::default()), keyword) {
                (Ok(form), None) => {
                    let form = judge.maker.form(&Grammar::Json(form));
                    form.unwrap_or_else(|problem| panic!("{shown}: {problem}"));
                }
                (Err(problem), Some(keyword)) => assert_eq!(problem.keyword, keyword, "{shown}: {problem}"),
                (Ok(_), Some(_)) => panic!("{shown} is taken"),
                (Err(problem), None) => panic!("{shown}: {problem}"),
            }
        }
    });
    all.unwrap().join().unwrap();
}

#[test]
fn hostile_schemas_are_refused_in_time() {
    let mut nested = json!({"type": "null"});
    for _ in 0..60 {
        nested = json!({"type": "array", "items": nested, "minItems": 1});
    }
    assert!(refused(nested).contains("too deep"));

    let union: Vec<_> = (0..20).map(|number| json!({"minimum": number})).collect();
    let unions = json!({"type": "integer", "allOf": [{"anyOf": union}, {"anyOf": union}, {"anyOf": union}]});
    assert!(refused(unions).contains("combinations"));

    let names: serde_json::Map<_, _> = (0..400).map(|number| (format!("a{number}"), json!({}))).collect();
    let counted = json!({"type": "object", "properties": names, "minProperties": 200, "maxProperties": 300});
    assert!(refused(counted).contains("too much"));
    let _ = JsonForm::of(
        &json!({"type": "string", "pattern": "(a{1000}){1000}b"}),
        &Effort::default(),
    );
}
