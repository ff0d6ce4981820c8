use super::*;

#[test]
fn definitions_of_older_drafts_get_their_newer_name_and_unused_ones_go() {
    let schema = json!({
        "type": "object",
        "properties": {"a": {"$ref": "#/definitions/a"}, "self": {"$ref": "#"}},
        "definitions": {"a": {"type": "array", "items": {"$ref": "#/definitions/b"}}, "b": {"type": "string"},
                        "unused": {"pattern": "x"}},
    });
    assert_eq!(
        whole(&schema, &JSON),
        json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/a"}, "self": {"$ref": "#"}},
            "$defs": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}, "b": {"type": "string"}},
        })
    );
}

#[test]
fn references_are_inlined_with_what_stands_beside_them() {
    let schema = json!({
        "type": "object",
        "properties": {
            "from": {"$ref": "#/$defs/place", "description": "where from"},
            "to": {"$ref": "#/properties/from"},
            "odd": {"$ref": "#/$defs/a~1b%25"},
        },
        "$defs": {"place": {"type": "string", "description": "a place", "minLength": 2},
                  "a/b%": {"type": "boolean"}},
    });
    assert_eq!(
        whole(&schema, &OPEN_API)["properties"],
        json!({
            "from": {"type": "string", "description": "where from", "minLength": 2},
            "to": {"type": "string", "description": "where from", "minLength": 2},
            "odd": {"type": "boolean"},
        })
    );
}

#[test]
fn what_is_said_of_a_reference_that_has_to_stand_alone_stands_around_it() {
    let of = |member: Value| {
        let schema = json!({
            "type": "object", "properties": {"at": member},
            "$defs": {"place": {"type": "object", "properties": {"next": {"$ref": "#/$defs/place", "description": "on"}}}},
        });
        let (cleaned, lost) = cleaned(&schema, &JSON);
        assert_eq!(
            cleaned["$defs"]["place"]["properties"]["next"],
            json!({"description": "on", "anyOf": [{"$ref": "#/$defs/place"}]})
        );
        (cleaned["properties"]["at"].clone(), lost)
    };
    for (member, expected, lost) in [
        (
            json!({"$ref": "#/$defs/place", "description": "where", "examples": ["home"]}),
            json!({"description": "where Remarks: examples [\"home\"].", "anyOf": [{"$ref": "#/$defs/place"}]}),
            vec![],
        ),
        (
            json!({"$ref": "#/$defs/place", "nullable": true, "minProperties": 1}),
            json!({"anyOf": [{"$ref": "#/$defs/place"}, {"type": "null"}]}),
            vec!["minProperties"],
        ),
        (
            json!({"anyOf": [{"$ref": "#/$defs/place"}], "description": "where"}),
            json!({"description": "where", "anyOf": [{"$ref": "#/$defs/place"}]}),
            vec![],
        ),
        (
            json!({"$ref": "#/$defs/place", "$comment": "nobody reads this"}),
            json!({"$ref": "#/$defs/place"}),
            vec![],
        ),
    ] {
        let (cleaned, told) = of(member.clone());
        assert_eq!(
            (cleaned, told),
            (expected, lost.into_iter().map(str::to_owned).collect()),
            "{member}"
        );
    }
}

#[test]
fn what_is_said_of_the_whole_stands_in_what_the_whole_refers_to() {
    let schema = json!({
        "$ref": "#/$defs/tree", "description": "all of it",
        "$defs": {"tree": {"type": "object", "properties": {"of": {"$ref": "#/$defs/tree"}}}},
    });
    let tree = json!({"type": "object", "properties": {"of": {"$ref": "#/$defs/tree"}}});
    let mut expected = tree.clone();
    expected["description"] = json!("all of it");
    expected["$defs"] = json!({"tree": tree});
    assert_eq!(whole(&schema, &JSON), expected);
}

#[test]
fn a_recursive_schema_is_followed_once_and_the_loss_is_told() {
    let schema = json!({
        "$ref": "#/$defs/tree",
        "$defs": {"tree": {"type": "object", "description": "a tree", "properties": {
            "leaf": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}},
    });
    let (cleaned, lost) = cleaned(&schema, &OPEN_API);
    assert_eq!(lost, ["$ref"]);
    assert_eq!(
        cleaned["properties"]["children"]["items"],
        json!({"type": "object", "description": "a tree"})
    );
}

#[test]
fn a_reference_to_nowhere_is_lost_and_not_followed() {
    for reference in ["#/$defs/none", "#/$defs"] {
        for subset in [&JSON, &OPEN_API] {
            let schema = json!({"type": "object", "properties": {"a": {"$ref": reference}}, "$defs": {}});
            let (cleaned, _) = cleaned(&schema, subset);
            assert!(!cleaned.to_string().contains("$ref"), "{reference}: {cleaned}");
        }
    }
}

#[test]
fn a_reference_to_the_outside_is_refused_wherever_it_counts() {
    for reference in [
        "https://example.com/schema.json",
        "place.json#/$defs/place",
        "#name",
        "file:///etc/passwd",
        "",
    ] {
        let outside = json!({"$ref": reference});
        for schema in [
            json!({"type": "object", "properties": {"a": outside}}),
            json!({"type": "array", "items": {"anyOf": [{"type": "string"}, outside]}}),
            json!({"type": "object", "allOf": [{"properties": {}}, outside]}),
            json!({"type": "object", "allOf": [outside]}),
            json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": outside}}),
            outside.clone(),
        ] {
            for subset in [&JSON, &OPEN_API] {
                let refused = clean(&schema.to_string(), subset);
                assert_eq!(refused, Err(Unclean::Outside(reference.to_owned())), "{schema}");
            }
            let held = clean(&schema.to_string(), &CLOSED);
            assert_eq!(held, Err(Unclean::Unsayable), "{schema}");
        }
    }
    let unused = json!({"type": "object", "properties": {"a": {"type": "string"}},
                        "$defs": {"a": {"$ref": "https://example.com/schema.json"}}});
    assert!(
        clean(&unused.to_string(), &JSON).is_ok(),
        "it says nothing of any value"
    );
}

#[test]
fn what_explodes_when_references_are_followed_is_refused_in_time() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = format!("#/$defs/d{}", level + 1);
        let both = json!({"type": "object", "properties": {"l": {"$ref": next}, "r": {"$ref": next}}});
        definitions.insert(format!("d{level}"), both);
    }
    definitions.insert("d40".to_owned(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/d0", "$defs": definitions});
    assert_eq!(clean(&schema.to_string(), &OPEN_API), Err(Unclean::TooLarge));
    assert!(
        clean(&schema.to_string(), &JSON).is_ok(),
        "kept references do not multiply"
    );

    let long = "x".repeat(10_000);
    let uses: Vec<Value> = (0..200).map(|_| json!({"$ref": "#/$defs/long"})).collect();
    let schema = json!({"anyOf": uses, "$defs": {"long": {"type": "string", "description": long}}});
    assert_eq!(clean(&schema.to_string(), &OPEN_API), Err(Unclean::TooLarge));
}
