//! Calls of tools come as chat completions have them, whatever the protocol: with IDs, in a row, with
//! arguments that are an object, and none that are not the client's.

use serde_json::{Value, json};
use tollgate_testkit::provider::{Turn, answers, speaks, streams_raw};

use crate::{
    protocols::{both, either, said},
    stage::{SPEAKERS, question_to, stage_of, with},
};

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": parameters}});
    json!([tool("weather"), tool("time")])
}

#[tokio::test]
async fn calls_have_names_ids_and_whole_arguments() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let turn = Turn::new()
            .says(["Let me see."])
            .calls(
                "call-1",
                "weather",
                json!({"city": "Tromsø", "days": [1, 2.5, null]}),
            )
            .calls("call-2", "time", json!({}));

        let request = with(question_to(model), json!({"tools": tools()}));
        let answer = said(&provider, &gate, &request, turn).await;

        let calls = answer.tool_calls();
        let arguments: Vec<Value> = calls
            .iter()
            .map(|call| serde_json::from_str(&call.arguments).unwrap())
            .collect();
        assert_eq!(
            arguments,
            [json!({"city": "Tromsø", "days": [1, 2.5, null]}), json!({})],
            "{preset}"
        );
        assert_eq!(
            (calls[0].name.as_str(), calls[1].name.as_str()),
            ("weather", "time"),
            "{preset}"
        );
        assert_eq!(answer.text(), "Let me see.", "{preset}");
        assert_eq!(answer.finish_reason(), Some("tool_calls"), "{preset}");
    }
}

#[tokio::test]
async fn a_call_without_arguments_has_an_empty_object() {
    let call = json!({"type": "tool_use", "id": "call-1", "name": "time"});
    let anthropic = [
        json!({"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": with(call, json!({"input": {}}))}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ];
    let gemini = [json!({"candidates": [{
        "content": {"role": "model", "parts": [{"functionCall": {"name": "time"}}]}, "finishReason": "STOP"
    }]})];
    let item =
        json!({"type": "function_call", "id": "fc_1", "call_id": "call-1", "name": "time", "arguments": ""});
    let response = json!({"id": "resp_1", "status": "completed", "output": [item]});
    let responses = [
        json!({"type": "response.created", "response": {"id": "resp_1", "created_at": 1_760_000_000}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": item}),
        json!({"type": "response.completed", "response": response}),
    ];
    for ((preset, model), events) in SPEAKERS.into_iter().zip([&anthropic[..], &gemini, &responses]) {
        let (provider, gate) = stage_of(preset, model).await;
        let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        provider.always(streams_raw(events));

        let request = with(question_to(model), json!({"tools": tools()}));
        let stream = gate.stream(&request).await;

        let calls = stream.summary().tool_calls();
        assert_eq!(
            (calls[0].name.as_str(), calls[0].arguments.as_str()),
            ("time", "{}"),
            "{preset}"
        );
    }
}

#[tokio::test]
async fn arguments_that_run_out_of_tokens_come_as_far_as_they_came() {
    const HALF: &str = "{\"city\": \"Os";
    let call = json!({"type": "tool_use", "id": "call-1", "name": "weather", "input": {}});
    let piece = json!({"type": "input_json_delta", "partial_json": HALF});
    let anthropic = [
        json!({"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": call}),
        json!({"type": "content_block_delta", "index": 0, "delta": piece}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ];
    let item = |arguments: &str| json!({"type": "function_call", "id": "fc_1", "call_id": "call-1", "name": "weather", "arguments": arguments, "status": "incomplete"});
    let details = json!({"reason": "max_output_tokens"});
    let response = json!({"id": "resp_1", "status": "incomplete", "incomplete_details": details, "output": [item(HALF)]});
    let responses = [
        json!({"type": "response.created", "response": {"id": "resp_1", "created_at": 1_760_000_000}}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("")}),
        json!({"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": HALF}),
        json!({"type": "response.incomplete", "response": response}),
    ];
    for ((preset, model), events) in [(SPEAKERS[0], &anthropic[..]), (SPEAKERS[2], &responses)] {
        let (provider, gate) = stage_of(preset, model).await;
        let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        provider.always(streams_raw(events));

        let stream = gate
            .stream(&with(question_to(model), json!({"tools": tools()})))
            .await;

        assert_eq!(
            stream.summary().tool_calls()[0].arguments,
            HALF,
            "{preset}: never repaired"
        );
        assert_eq!(stream.finish_reason(), Some("length"), "{preset}");
    }
}

#[tokio::test]
async fn calls_without_ids_get_some_of_their_own() {
    let (provider, gate) = stage_of("gemini", "gemini-2.5-flash").await;
    let turn = Turn::new()
        .calls("", "weather", json!({}))
        .calls("", "weather", json!({}));
    provider.always(speaks(turn));

    let request = with(question_to("gemini-2.5-flash"), json!({"tools": tools()}));
    // The grammar refuses calls without IDs, and two with the same.
    for answer in both(&gate, &request).await {
        assert_eq!(answer.tool_calls().len(), 2);
    }
}

#[tokio::test]
async fn what_hosted_tools_do_is_no_call_of_the_clients() {
    let (provider, gate) = stage_of("anthropic", "claude-sonnet-4-6").await;
    let usage = json!({"input_tokens": 9, "output_tokens": 5});
    let search = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weather"}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []});
    let text = json!({"type": "text", "text": "Fine."});
    let whole = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "stop_sequence": null, "content": [search, found, text], "usage": usage
    });
    let mut events = vec![
        json!({"type": "message_start", "message": with(whole.clone(), json!({"content": [], "stop_reason": null}))}),
    ];
    for (block, index) in [search, found, text].into_iter().zip(0..) {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": block}));
        if index == 0 {
            let delta = json!({"type": "input_json_delta", "partial_json": "{\"query\":\"weather\"}"});
            events.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({"type": "an_event_of_tomorrow", "index": 7}));
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
    );
    events.push(json!({"type": "message_stop"}));
    provider.always(either(answers(whole), &events));

    for answer in both(&gate, &question_to("claude-sonnet-4-6")).await {
        assert_eq!(answer.tool_calls(), []);
        assert_eq!(answer.text(), "Fine.");
        assert_eq!(answer.finish_reason(), Some("stop"));
    }
}

#[tokio::test]
async fn a_stop_text_in_the_arguments_of_a_call_does_not_end_it() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let turn = Turn::new().calls("call-1", "weather", json!({"city": "END of the road"}));

        let request = with(question_to(model), json!({"tools": tools(), "stop": ["END"]}));
        let answer = said(&provider, &gate, &request, turn).await;

        let arguments: Value = serde_json::from_str(&answer.tool_calls()[0].arguments).unwrap();
        assert_eq!(arguments, json!({"city": "END of the road"}), "{preset}");
        assert_eq!(answer.finish_reason(), Some("tool_calls"), "{preset}");
        let asked = provider.requests();
        assert!(
            asked
                .iter()
                .all(|asked| asked.json().get("stop_sequences").is_none()),
            "Claude would stop in the arguments"
        );
    }
}

#[tokio::test]
async fn calls_of_two_answers_that_the_provider_gave_no_id_have_different_ones() {
    let model = "gemini-3-flash-preview";
    let (provider, gate) = stage_of("gemini", model).await;
    let call = json!({"functionCall": {"name": "time", "args": {}}});
    for id in [json!(null), json!(""), json!("--")] {
        let said = json!({
            "candidates": [{"content": {"role": "model", "parts": [call, call]}, "finishReason": "STOP"}],
            "responseId": id,
        });
        let request = with(question_to(model), json!({"tools": tools()}));
        let mut ids = Vec::new();
        for _ in 0..2 {
            provider.always(answers(said.clone()));
            let whole = gate.post(&request).await;
            provider.always(streams_raw([format!("data: {said}\n\n")]));
            let streamed = gate.stream(&request).await;
            for said in [&whole.summary(), streamed.summary()] {
                ids.extend(said.tool_calls().iter().map(|call| call.id.clone()));
            }
        }
        assert_eq!(ids.len(), 8);
        ids.sort();
        ids.dedup();
        assert_eq!(
            ids.len(),
            8,
            "a result would be taken for that of another turn: {ids:?}"
        );
    }
}
