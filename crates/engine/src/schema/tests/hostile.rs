//! Schemas that are small and would be endless work to follow.

use super::*;

/// The letter's level 0 is a value of its own; each level above has so many branches, all of which lead to the
/// level below by a schema that `leads` makes of the reference.
fn levels(
    letter: &str,
    branches: usize,
    count: usize,
    leads: impl Fn(Value) -> Value,
) -> serde_json::Map<String, Value> {
    let level = |number: usize| {
        let within = |_| {
            let below = leads(json!({"$ref": format!("#/$defs/{letter}{}", number - 1)}));
            json!({"type": "object", "properties": {"a": below}, "required": ["a"]})
        };
        match number {
            0 => json!({"const": letter}),
            _ => json!({"anyOf": (0..branches).map(within).collect::<Vec<_>>()}),
        }
    };
    (0..=count)
        .map(|number| (format!("{letter}{number}"), level(number)))
        .collect()
}

/// One of two trees of unions, which are to be told from each other.
fn two_trees(branches: usize, count: usize, leads: impl Fn(Value) -> Value + Copy) -> Value {
    let mut trees = levels("p", branches, count, leads);
    trees.append(&mut levels("q", branches, count, leads));
    let top = |letter: &str| json!({"$ref": format!("#/$defs/{letter}{count}")});
    json!({"oneOf": [top("p"), top("q")], "$defs": trees})
}

fn named(count: usize, one: impl Fn(usize) -> (String, Value)) -> Value {
    Value::Object((0..count).map(one).collect())
}

/// Says how each is called, and what it is.
fn endless_schemas() -> Vec<(&'static str, Value)> {
    let boolean = json!({"type": "boolean"});
    let doubled = |count: usize, leaf: Value| {
        let level = |number: usize| {
            let below = json!({"$ref": format!("#/$defs/d{}", number.saturating_sub(1))});
            let both = json!({"anyOf": vec![below; 8]});
            (
                format!("d{number}"),
                if number == 0 { leaf.clone() } else { both },
            )
        };
        named(count + 1, level)
    };
    let alike: Vec<_> = (0..40)
        .map(|_| json!({"anyOf": [{"title": "a"}, {"title": "b"}]}))
        .chain([json!({"anyOf": [false, false]})])
        .collect();
    let by_patterns: Vec<_> = (0..100)
        .map(|part| {
            let one = |number| (format!("^p{part}_{number}_[a-z]{{1,40}}$"), boolean.clone());
            json!({"patternProperties": named(32, one)})
        })
        .collect();
    let patterns = named(32, |number| {
        (format!("^([a-y]{{1,{}}}x)+z$", number + 2), boolean.clone())
    });
    let words: Vec<_> = (0..5_000)
        .map(|number| format!("{number}{}", "ab".repeat(40)))
        .collect();
    let large = |number: usize| json!({"a": vec!["x"; 40], "b": number});
    let steps: Vec<_> = (1..120)
        .map(|step| json!({"multipleOf": f64::from(500 + step) / 1e3}))
        .collect();
    let multiples = named(500, |number| {
        (
            format!("m{number}"),
            json!({"type": "number", "minimum": number, "allOf": steps}),
        )
    });
    let texts = named(3_000, |number| {
        let pattern = format!("^((a|b|c{{1,{}}}){{1,200}}d){{2,9}}$", number + 1);
        (
            format!("t{number}"),
            json!({"type": "string", "pattern": pattern}),
        )
    });
    let chain = named(30_000, |number| {
        let next = (number + 1) % 30_000;
        (
            format!("c{number}"),
            json!({"items": {"$ref": format!("#/$defs/c{next}")}}),
        )
    });
    let tuples: Vec<_> = (0..100)
        .map(|_| json!({"prefixItems": vec![true; 5_000], "maxItems": 1}))
        .collect();
    let kinds = json!({"type": vec!["string"; 50_000], "anyOf": vec![json!({"title": "a"}); 100]});
    vec![
        ("two trees", two_trees(60, 3, |below| below)),
        (
            "two trees that repeat nothing",
            two_trees(60, 4, |below| json!({"allOf": [below]})),
        ),
        (
            "a tree",
            json!({"$ref": "#/$defs/p5", "$defs": levels("p", 60, 5, |below| json!({"allOf": [below]}))}),
        ),
        ("unions that lead nowhere", json!({"allOf": alike})),
        (
            "a value beside unions of unions",
            json!({"enum": [[1]], "items": {"$ref": "#/$defs/d12"}, "$defs": doubled(12, json!({"type": "null"}))}),
        ),
        (
            "members by many patterns",
            json!({"type": "object", "allOf": by_patterns}),
        ),
        (
            "names and patterns",
            json!({
                "type": "object", "patternProperties": patterns,
                "required": (0..5_000).map(|number| format!("{}{number}", "abx".repeat(30))).collect::<Vec<_>>(),
            }),
        ),
        (
            "values and patterns",
            json!({"enum": words, "allOf": (1..100).map(|most| {
                json!({"pattern": format!("^[0-9]+(a{{1,{most}}}|b{{1,{most}}}|ab)+$")})
            }).collect::<Vec<_>>()}),
        ),
        (
            "values and values",
            json!({"oneOf": [
                {"enum": (0..2_500).map(large).collect::<Vec<_>>()},
                {"enum": (2_500..5_000).map(large).collect::<Vec<_>>()},
            ]}),
        ),
        (
            "a long text and a pattern",
            json!({"const": "ab".repeat(200_000), "pattern": "^((a|b){1,500}(ab|ba){1,500}){1,500}c$"}),
        ),
        ("multiples", json!({"type": "object", "properties": multiples})),
        (
            "texts by patterns",
            json!({"type": "object", "properties": texts}),
        ),
        (
            "a ring of references",
            json!({"$ref": "#/$defs/c0", "$defs": chain}),
        ),
        ("long tuples", json!({"type": "array", "allOf": tuples})),
        (
            "a long list of types",
            json!({"type": "array", "prefixItems": vec![kinds; 20]}),
        ),
    ]
}

#[test]
fn endless_work_is_followed_or_refused_within_its_steps() {
    for (name, schema) in endless_schemas() {
        let effort = Effort::default();
        let made = JsonForm::of(&schema, &effort);
        let told = made.map_err(|problem| problem.reason.starts_with("is more work"));
        assert_eq!(told.err().unwrap_or(false), effort.is_spent(), "{name}");
    }
}

#[test]
fn the_part_that_makes_the_work_is_named() {
    let tree = two_trees(60, 4, |below| json!({"allOf": [below]}));
    let within =
        json!({"properties": {"a": {"oneOf": tree["oneOf"]}}, "required": ["a"], "$defs": tree["$defs"]});
    let problem = refused(within);
    assert!(
        problem.starts_with("`oneOf` at `/properties/a` is more work to follow"),
        "{problem}"
    );
}

#[test]
fn equal_pairs_are_compared_once() {
    let effort = Effort::default();
    let form = JsonForm::of(&two_trees(60, 3, |below| below), &effort);
    assert!(form.is_ok(), "{form:?}");
    let schema = json!({"oneOf": [{"$ref": "#/$defs/p3"}, {"$ref": "#/$defs/p3"}], "$defs": levels("p", 9, 3, |below| below)});
    assert!(refused(schema).contains("may hold at once"));
}

#[test]
fn all_schemas_of_a_request_share_its_steps() {
    let effort = Effort::new(2_000, || true);
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let followed = (0..1_000)
        .take_while(|_| JsonForm::of(&schema, &effort).is_ok())
        .count();
    assert!((2..900).contains(&followed), "{followed}");
}

#[test]
fn what_nobody_waits_for_is_given_up() {
    let schema = two_trees(60, 4, |below| json!({"allOf": [below]}));
    let asked = std::cell::Cell::new(0);
    let effort = Effort::new(u64::MAX, || {
        asked.set(asked.get() + 1);
        asked.get() < 5
    });
    assert!(JsonForm::of(&schema, &effort).is_err());
    assert_eq!(asked.get(), 5);
}

/// A union of an operation, whose operands are such unions again, and a number.
fn tree_of_operations(union: &str) -> Value {
    let operation = json!({
        "type": "object",
        "properties": {"left": {"$ref": "#/$defs/e"}, "type": {"const": "add"}},
        "required": ["left", "type"],
    });
    let number = json!({
        "type": "object",
        "properties": {"type": {"const": "number"}, "value": {"type": "integer"}},
        "required": ["type", "value"],
    });
    json!({"$ref": "#/$defs/e", "$defs": {"e": {union: [operation, number]}}})
}

#[test]
fn a_union_whose_branches_lead_back_to_it_is_followed() {
    for union in ["oneOf", "anyOf"] {
        let made = JsonForm::of(&tree_of_operations(union), &Effort::default());
        assert!(made.is_ok(), "{union}: {made:?}");
    }
}

#[test]
fn a_branch_of_its_own_union_that_others_match_is_refused_all_the_same() {
    let mut tree = tree_of_operations("oneOf");
    tree["$defs"]["e"]["oneOf"][1]["properties"]["type"] = json!({"const": "add"});
    assert!(refused(tree).contains("may hold at once"));
}

#[test]
fn schemas_that_are_nothing_but_themselves_come_to_an_end() {
    let itself = json!({"$ref": "#/$defs/e"});
    let ten = vec![itself.clone(); 10];
    for e in [
        json!({"oneOf": [itself, {"type": "null"}]}),
        json!({"oneOf": [itself, itself]}),
        json!({"oneOf": [{"allOf": [itself]}, {"type": "null"}]}),
        json!({"anyOf": [itself, {"type": "null"}]}),
        json!({"enum": [1], "allOf": ten}),
        json!({"enum": [[1]], "items": {"oneOf": [itself, {"enum": [1]}]}}),
        json!({"allOf": [{"oneOf": [{"properties": {"a": itself}, "required": ["a"]}, {"type": "null"}]}]}),
    ] {
        let schema = json!({"$ref": "#/$defs/e", "$defs": {"e": e}});
        // That it comes back is the point; a form is made of some of them.
        let _ = JsonForm::of(&schema, &Effort::default());
    }
}

#[test]
fn unions_within_unions_are_followed_to_a_bound() {
    let chain = |count: usize| {
        let level = |number: usize| {
            let below = json!({"$ref": format!("#/$defs/u{}", number + 1)});
            let union = json!({"oneOf": [below, {"const": number}]});
            let last = number + 1 == count;
            (
                format!("u{number}"),
                if last { json!({"type": "null"}) } else { union },
            )
        };
        json!({"$ref": "#/$defs/u0", "$defs": named(count, level)})
    };
    let few = JsonForm::of(&chain(20), &Effort::default());
    assert!(few.is_ok(), "{few:?}");
    let problem = refused(chain(60));
    assert!(problem.contains("unions, one within the other"), "{problem}");
    refused(chain(5_000));
}
