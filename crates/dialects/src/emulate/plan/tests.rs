use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::{
    contract::{ResponseFormatAsked, ToolChoice, ValidRequest, check::CheckLimits},
    load::builtin,
    quirks::{Quirks, ResponseFormat, ThinkingForm, ToolChoiceForm},
};
use tollgate_chat::request::ChatRequest;

use super::{FormatPlan, Plan, plan};
use crate::{
    emulate::RequiredCall,
    request::{Note, Unsupported},
};

fn valid(members: Value) -> ValidRequest {
    let mut body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let request = ChatRequest::parse(Bytes::from(body.to_string())).unwrap();
    let model = builtin().unwrap().model("gpt-4o").unwrap().clone();
    tollgate_catalog::contract::check(request, model, &CheckLimits::default()).unwrap()
}

fn planned(quirks: &Quirks, members: Value) -> Result<Plan, Unsupported> {
    plan(&valid(members), quirks)
}

fn notes(plan: &Plan) -> Vec<String> {
    plan.notes.iter().map(ToString::to_string).collect()
}

fn tools(names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| json!({"type": "function", "function": {"name": name}}))
        .collect()
}

fn schema_format(schema: Value) -> Value {
    json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}})
}

fn person() -> Value {
    json!({"type": "object", "properties": {"name": {"type": "string"}}})
}

fn no_formats() -> Quirks {
    Quirks {
        response_formats: vec![],
        response_formats_while_thinking: vec![],
        ..Quirks::default()
    }
}

#[test]
fn a_provider_that_takes_everything_is_sent_everything() {
    let members = json!({
        "stop": ["END"], "response_format": schema_format(person()), "tools": tools(&["f"]), "tool_choice": "required",
    });
    let plan = planned(&Quirks::default(), members).unwrap();
    assert_eq!(plan.stop, ["END"]);
    assert_eq!(plan.format, FormatPlan::Native(ResponseFormatAsked::JsonSchema));
    assert_eq!(plan.tool_choice, ToolChoice::Required);
    assert!(plan.emulated.is_nothing() && plan.instructions.is_empty() && plan.notes.is_empty());
}

#[test]
fn stop_texts_that_are_too_many_are_cut_here() {
    for (stop_max, sent) in [(0, false), (1, false), (2, true)] {
        let quirks = Quirks {
            stop_max,
            ..Quirks::default()
        };
        let plan = planned(&quirks, json!({"stop": ["A", "B"]})).unwrap();
        let (here, there) = (["A", "B"].map(String::from).to_vec(), vec![]);
        let (emulated, stop) = if sent { (there, here) } else { (here, there) };
        assert_eq!(
            (plan.emulated.stop.clone(), plan.stop.clone()),
            (emulated, stop),
            "{stop_max}"
        );
        assert_eq!(notes(&plan), if sent { vec![] } else { vec!["emulated:stop"] });
    }
}

#[test]
fn a_stop_text_is_cut_here_where_the_provider_would_cut_a_call() {
    let quirks = Quirks {
        stop_ends_calls: true,
        ..Quirks::default()
    };
    let with = |members: Value| {
        let mut body = json!({"stop": ["END"]});
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        body
    };
    let schema = json!({"response_format": schema_format(person())});
    for (quirks, members, here, why) in [
        (
            &quirks,
            json!({"tools": tools(&["f"])}),
            true,
            "a call may have it",
        ),
        (
            &quirks,
            json!({"tools": tools(&["f"]), "tool_choice": "none"}),
            false,
            "nothing is called",
        ),
        (&quirks, json!({}), false, "there is nothing to call"),
        (
            &Quirks::default(),
            json!({"tools": tools(&["f"])}),
            false,
            "it stops in text alone",
        ),
        (&no_formats(), schema.clone(), true, "the content is a call"),
        (&Quirks::default(), schema, false, "the content is content"),
    ] {
        let plan = planned(quirks, with(members)).unwrap();
        let all = vec!["END".to_owned()];
        let expected = if here { (vec![], all) } else { (all, vec![]) };
        assert_eq!((plan.stop.clone(), plan.emulated.stop.clone()), expected, "{why}");
        assert_eq!(notes(&plan).contains(&"emulated:stop".to_owned()), here, "{why}");
    }
}

#[test]
fn log_probabilities_of_a_text_that_is_cut_here_are_refused() {
    let quirks = Quirks {
        stop_max: 0,
        ..no_formats()
    };
    for members in [
        json!({"stop": "A", "logprobs": true}),
        json!({"stop": "A", "logprobs": true, "top_logprobs": 2}),
        json!({"response_format": {"type": "json_object"}, "logprobs": true}),
    ] {
        let refused = planned(&quirks, members.clone()).unwrap_err();
        assert_eq!(refused.param, "logprobs", "{members}");
    }
    assert!(
        planned(
            &quirks,
            json!({"stop": "A", "logprobs": false, "top_logprobs": null})
        )
        .is_ok()
    );
    assert!(planned(&Quirks::default(), json!({"stop": "A", "logprobs": true})).is_ok());
}

#[test]
fn an_answer_that_cannot_be_told_anew_is_not_asked_for() {
    let quirks = Quirks {
        stop_max: 0,
        ..Quirks::default()
    };
    let audio = json!({"stop": "A", "modalities": ["text", "audio"]});
    assert_eq!(planned(&quirks, audio).unwrap_err().param, "modalities");
    assert!(planned(&quirks, json!({"stop": "A", "modalities": ["text"]})).is_ok());
}

#[test]
fn a_schema_goes_as_a_tool_that_has_to_be_called() {
    let plan = planned(&no_formats(), json!({"response_format": schema_format(person())})).unwrap();
    let FormatPlan::Tool { name, schema } = &plan.format else {
        panic!("{:?}", plan.format)
    };
    assert_eq!(
        (&**name, serde_json::from_str::<Value>(schema).unwrap()),
        ("person", person())
    );
    assert_eq!(plan.tool_choice, ToolChoice::Named("person".to_owned()));
    assert_eq!(plan.emulated.content_tool.as_deref(), Some("person"));
    assert!(plan.emulated.schema.is_some(), "and is checked all the same");
    assert_eq!(notes(&plan), ["emulated:response_format"]);
}

#[test]
fn a_schema_that_no_tool_can_carry_goes_in_words() {
    let list = schema_format(json!({"type": "array", "items": {"type": "string"}}));
    let no_forcing = Quirks {
        tool_choices: vec![ToolChoiceForm::Auto],
        ..no_formats()
    };
    for (quirks, members, why) in [
        (
            no_formats(),
            json!({"response_format": list}),
            "arguments are objects",
        ),
        (
            no_formats(),
            json!({"response_format": schema_format(person()), "tools": tools(&["f"])}),
            "the client has tools of its own",
        ),
        (
            no_forcing,
            json!({"response_format": schema_format(person())}),
            "no call can be forced",
        ),
    ] {
        let plan = planned(&quirks, members).unwrap();
        assert_eq!(
            plan.format,
            FormatPlan::Native(ResponseFormatAsked::Text),
            "{why}"
        );
        assert!(plan.instructions.concat().contains("JSON Schema"), "{why}");
        assert!(
            plan.emulated.schema.is_some() && plan.emulated.content_tool.is_none(),
            "{why}"
        );
    }
}

#[test]
fn words_for_a_schema_are_backed_by_the_format_json_object_where_there_is_one() {
    let quirks = Quirks {
        response_formats: vec![ResponseFormat::JsonObject],
        tools: false,
        ..Quirks::default()
    };
    let plan = planned(&quirks, json!({"response_format": schema_format(person())})).unwrap();
    assert_eq!(plan.format, FormatPlan::Native(ResponseFormatAsked::JsonObject));
    assert_eq!(plan.instructions.len(), 1);
}

#[test]
fn a_schema_that_cannot_be_checked_is_refused() {
    let far = schema_format(json!({"$ref": "https://a.example/schema.json"}));
    let refused = planned(&no_formats(), json!({"response_format": far})).unwrap_err();
    assert_eq!(refused.param, "response_format.json_schema.schema");
    let native = planned(&Quirks::default(), json!({"response_format": far}));
    assert!(native.is_ok(), "a provider's own schemas are its own business");
}

#[test]
fn a_format_that_excludes_tools_goes_in_words_beside_them() {
    let quirks = Quirks {
        response_formats_with_tools: vec![],
        ..Quirks::default()
    };
    let format = schema_format(person());
    let beside = json!({"response_format": format, "tools": tools(&["f"])});
    assert!(planned(&quirks, beside).unwrap().emulated.schema.is_some());
    for alone in [
        json!({"response_format": format}),
        json!({"response_format": format, "tools": tools(&["f"]), "tool_choice": "none"}),
    ] {
        assert!(planned(&quirks, alone).unwrap().emulated.is_nothing());
    }
}

#[test]
fn a_provider_that_wants_to_hear_of_json_is_told() {
    let quirks = Quirks {
        json_object_needs_word: true,
        ..Quirks::default()
    };
    let format = json!({"type": "json_object"});
    let plan = planned(&quirks, json!({"response_format": format})).unwrap();
    assert_eq!(plan.instructions, ["Answer with one JSON object."]);
    assert!(plan.emulated.is_nothing(), "the format is the provider's own");
    let asked = json!([{"role": "user", "content": [{"type": "text", "text": "As Json, please"}]}]);
    let plan = planned(&quirks, json!({"response_format": format, "messages": asked})).unwrap();
    assert!(plan.instructions.is_empty());
}

#[test]
fn a_call_that_cannot_be_forced_is_forced_in_the_nearest_way() {
    let named_only = Quirks {
        tool_choices: vec![ToolChoiceForm::Auto, ToolChoiceForm::Named],
        ..Quirks::default()
    };
    let required_only = Quirks {
        tool_choices: vec![ToolChoiceForm::Auto, ToolChoiceForm::Required],
        ..Quirks::default()
    };
    let f = json!({"type": "function", "function": {"name": "f"}});
    let only = planned(
        &named_only,
        json!({"tools": tools(&["f"]), "tool_choice": "required"}),
    )
    .unwrap();
    assert_eq!(only.tool_choice, ToolChoice::Named("f".to_owned()));
    let only = planned(&required_only, json!({"tools": tools(&["f"]), "tool_choice": f})).unwrap();
    assert_eq!(only.tool_choice, ToolChoice::Required);
    let several = planned(
        &required_only,
        json!({"tools": tools(&["f", "g"]), "tool_choice": f}),
    )
    .unwrap();
    assert_eq!(several.tool_choice, ToolChoice::Auto);
    assert_eq!(several.emulated.call, Some(RequiredCall::Named("f".to_owned())));
    assert_eq!(notes(&several), ["emulated:tool_choice"]);
    assert!(several.instructions[0].contains("`f`"));
}

#[test]
fn a_named_tool_is_looked_for_where_the_provider_may_call_another() {
    let wilful = Quirks {
        tool_choices: vec![ToolChoiceForm::Auto, ToolChoiceForm::Named],
        named_tool_binds: false,
        ..Quirks::default()
    };
    let f = json!({"type": "function", "function": {"name": "f"}});
    let wanted = Some(RequiredCall::Named("f".to_owned()));
    for members in [
        json!({"tools": tools(&["f", "g"]), "tool_choice": f}),
        json!({"tools": tools(&["f"]), "tool_choice": "required"}),
    ] {
        let plan = planned(&wilful, members.clone()).unwrap();
        assert_eq!(
            plan.tool_choice,
            ToolChoice::Named("f".to_owned()),
            "it is told so: {members}"
        );
        assert_eq!(plan.emulated.call, wanted, "{members}");
        assert!(plan.notes.is_empty() && plan.instructions.is_empty(), "{members}");
    }
    let members = json!({"tools": tools(&["f", "g"]), "tool_choice": f});
    assert!(
        planned(&Quirks::default(), members)
            .unwrap()
            .emulated
            .is_nothing()
    );
}

/// Thinks unless told otherwise, and can be told to call a tool by its name alone, and only while it does not.
fn named_without_thoughts() -> Quirks {
    use ToolChoiceForm::{Auto, Named, None};
    Quirks {
        tool_choices: vec![Auto, None, Named],
        tool_choices_while_thinking: vec![Auto, None],
        thinking: ThinkingForm::EnableThinking,
        thinks_by_default: true,
        ..Quirks::default()
    }
}

#[test]
fn with_one_tool_required_and_its_name_mean_the_same_also_for_thinking() {
    let named = json!({"type": "function", "function": {"name": "f"}});
    for choice in [json!("required"), named] {
        let members = json!({"tools": tools(&["f"]), "tool_choice": choice});
        let plan = planned(&named_without_thoughts(), members.clone()).unwrap();
        assert_eq!(plan.tool_choice, ToolChoice::Named("f".to_owned()), "{members}");
        assert!(
            !plan.thinking.thinks && plan.emulated.is_nothing(),
            "it can be forced: {members}"
        );
        assert_eq!(
            plan.thinking.notes,
            [Note::Omitted("thinking".to_owned())],
            "{members}"
        );

        let mut thinking = members;
        thinking["enable_thinking"] = json!(true);
        let refused = planned(&named_without_thoughts(), thinking.clone()).unwrap_err();
        assert_eq!(refused.param, "tool_choice", "{thinking}");
    }
}

#[test]
fn of_two_ways_to_say_it_the_one_that_leaves_the_thoughts_is_taken() {
    use ToolChoiceForm::{Auto, Named, Required};
    let quirks = Quirks {
        tool_choices: vec![Auto, Named, Required],
        tool_choices_while_thinking: vec![Auto, Named],
        ..named_without_thoughts()
    };
    let members = json!({"tools": tools(&["f"]), "tool_choice": "required", "enable_thinking": true});
    let plan = planned(&quirks, members).unwrap();
    assert_eq!(plan.tool_choice, ToolChoice::Named("f".to_owned()));
    assert!(plan.thinking.thinks);
}

#[test]
fn a_call_of_any_of_several_tools_is_asked_for_in_words_and_the_model_may_think() {
    for thinking in [Value::Null, json!(true)] {
        let members =
            json!({"tools": tools(&["f", "g"]), "tool_choice": "required", "enable_thinking": thinking});
        let plan = planned(&named_without_thoughts(), members).unwrap();
        assert_eq!(plan.emulated.call, Some(RequiredCall::Any));
        assert!(plan.thinking.thinks && plan.thinking.notes.is_empty());
    }
}

#[test]
fn one_call_at_a_time_is_seen_to_where_the_provider_does_not_take_the_wish() {
    let deaf = Quirks {
        omit: vec!["parallel_tool_calls".to_owned()],
        ..Quirks::default()
    };
    let asked = json!({"tools": tools(&["f"]), "parallel_tool_calls": false});
    let plan = planned(&deaf, asked.clone()).unwrap();
    assert!(plan.emulated.one_call && plan.instructions.len() == 1);
    assert_eq!(notes(&plan), ["emulated:parallel_tool_calls"]);
    for (quirks, members, why) in [
        (&Quirks::default(), asked, "it takes the wish"),
        (
            &deaf,
            json!({"tools": tools(&["f"]), "parallel_tool_calls": true}),
            "that is no wish",
        ),
        (&deaf, json!({"tools": tools(&["f"])}), "nobody asked"),
        (
            &deaf,
            json!({"parallel_tool_calls": false}),
            "there is nothing to call",
        ),
        (
            &deaf,
            json!({"tools": tools(&["f"]), "tool_choice": "none", "parallel_tool_calls": false}),
            "nothing may be called",
        ),
    ] {
        let plan = planned(quirks, members).unwrap();
        assert!(plan.emulated.is_nothing() && plan.notes.is_empty(), "{why}");
    }
}
