use crate::load;

#[test]
fn the_list_has_the_members_that_anyfast_sends() {
    let catalog = load::builtin().expect("the built-in catalogue loads");
    let model = catalog.model("gpt-4o").expect("gpt-4o is in the catalogue");
    let list = serde_json::to_value(super::list([&**model])).expect("a list serialises");
    assert_eq!(
        list,
        serde_json::json!({
            "object": "list",
            "data": [{
                "id": "gpt-4o",
                "object": "model",
                "created": 1_626_777_600,
                "owned_by": "openai",
                "supported_endpoint_types": ["openai"],
            }],
        })
    );
}
