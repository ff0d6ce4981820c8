#![allow(clippy::unwrap_used)]

use serde_json::Value;

use super::*;

#[test]
fn the_description_is_of_all_routes_and_reads_well() {
    let (_, description) = routes();
    let description: Value = serde_json::from_str(&description).unwrap();

    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."));
    insta::assert_json_snapshot!("description", description);
}

#[test]
fn answers_leave_nothing_out_and_what_is_written_may() {
    let (_, description) = routes();
    let description: Value = serde_json::from_str(&description).unwrap();
    let required = |schema: &str| {
        let schema = &description["components"]["schemas"][schema];
        let members = schema["properties"].as_object().unwrap().len();
        (schema["required"].as_array().map_or(0, Vec::len), members)
    };

    for answered in ["Account", "Key", "Channel", "UsageRow", "Page_Key"] {
        let (required, members) = required(answered);
        assert_eq!(required, members, "{answered}");
    }
    assert_eq!(required("KeyUpdate").0, 0);
    assert_eq!(required("KeyCreate").0, 1);
    assert_eq!(required("ChannelWrite").0, 2);
}

#[test]
fn every_operation_has_an_id_of_its_own_and_says_what_it_does() {
    let (_, description) = routes();
    let description: Value = serde_json::from_str(&description).unwrap();
    let mut ids = Vec::new();
    for operations in description["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            ids.push(operation["operationId"].as_str().unwrap());
            assert!(operation["summary"].is_string(), "{operation}");
            let answers = operation["responses"].as_object().unwrap().values();
            for answer in answers {
                assert!(answer["description"].is_string(), "{operation}");
            }
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
