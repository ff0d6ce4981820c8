//! Every documented limit, probed just inside and just outside.

use serde_json::{Value, json};

use super::gate::{PAGES, assert_refused, assert_taken, with};

fn strings(count: usize) -> Value {
    json!(vec!["x"; count])
}

#[test]
fn sampling_parameters_keep_their_ranges_on_every_page() {
    let ranges = [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("frequency_penalty", -2.0, 2.0),
        ("presence_penalty", -2.0, 2.0),
    ];
    for page in PAGES {
        for (name, min, max) in ranges {
            assert_taken(with(page, json!({ name: min })));
            assert_taken(with(page, json!({ name: max })));
            assert_refused(
                with(page, json!({ name: min - 0.001 })),
                name,
                "decimal_below_min_value",
            );
            assert_refused(
                with(page, json!({ name: max + 0.001 })),
                name,
                "decimal_above_max_value",
            );
        }
    }
}

#[test]
fn the_output_limit_keeps_the_pages_range_under_both_its_names() {
    let largest = [
        ("general", None),
        ("gemini", None),
        ("deepseek-v4-flash", None),
        ("qwen3.6-flash", Some(65_536)),
        ("doubao-vision", Some(8_192)),
    ];
    for (page, largest) in largest {
        for name in ["max_tokens", "max_completion_tokens"] {
            assert_taken(with(page, json!({ name: 1 })));
            assert_refused(with(page, json!({ name: 0 })), name, "integer_below_min_value");
            assert_refused(with(page, json!({ name: 1.5 })), name, "invalid_type");
            match largest {
                Some(largest) => {
                    assert_taken(with(page, json!({ name: largest })));
                    assert_refused(
                        with(page, json!({ name: largest + 1 })),
                        name,
                        "integer_above_max_value",
                    );
                }
                None => {
                    assert_taken(with(page, json!({ name: 4_000_000_000_u64 })));
                    assert_refused(
                        with(page, json!({ name: 1e300 })),
                        name,
                        "integer_above_max_value",
                    );
                }
            }
        }
    }
}

#[test]
fn stop_holds_as_many_strings_as_the_page_says() {
    let most = [
        ("general", 4),
        ("gemini", 16),
        ("qwen3.6-flash", 16),
        ("deepseek-v4-flash", 16),
        ("doubao-vision", 16),
    ];
    for (page, most) in most {
        assert_taken(with(page, json!({ "stop": strings(most) })));
        assert_taken(with(page, json!({ "stop": [] })));
        assert_refused(
            with(page, json!({ "stop": strings(most + 1) })),
            "stop",
            "array_above_max_length",
        );
        assert_refused(
            with(page, json!({ "stop": ["x", ""] })),
            "stop[1]",
            "string_below_min_length",
        );
        assert_refused(with(page, json!({ "stop": ["x", 1] })), "stop[1]", "invalid_type");
        assert_refused(with(page, json!({ "stop": 1 })), "stop", "invalid_type");
    }
}

#[test]
fn a_single_stop_string_is_taken_everywhere_but_on_the_qwen_page() {
    for page in PAGES {
        let outcome = with(page, json!({ "stop": "END" }));
        if page == "qwen3.6-flash" {
            assert_refused(outcome, "stop", "invalid_type");
        } else {
            assert_eq!(assert_taken(outcome).stop, ["END"]);
        }
    }
}

#[test]
fn n_counts_from_one_to_the_gates_limit() {
    for page in PAGES {
        assert_eq!(assert_taken(with(page, json!({ "n": 1 }))).n, 1);
        assert_eq!(assert_taken(with(page, json!({ "n": 128 }))).n, 128);
        assert_refused(with(page, json!({ "n": 0 })), "n", "integer_below_min_value");
        assert_refused(with(page, json!({ "n": 129 })), "n", "integer_above_max_value");
        assert_refused(
            with(page, json!({ "n": 5_000_000_000_u64 })),
            "n",
            "integer_above_max_value",
        );
    }
}

#[test]
fn user_id_keeps_length_and_alphabet_on_the_deepseek_page_only() {
    let page = "deepseek-v4-flash";
    assert_taken(with(page, json!({ "user_id": "aZ0-_".repeat(102) + "ab" })));
    assert_refused(
        with(page, json!({ "user_id": "a".repeat(513) })),
        "user_id",
        "string_above_max_length",
    );
    for wrong in ["<string>", "a b", "a\n", ""] {
        assert_refused(
            with(page, json!({ "user_id": wrong })),
            "user_id",
            "invalid_value",
        );
    }
    assert_taken(with("general", json!({ "user_id": "<string>" })));
    assert_refused(
        with("general", json!({ "user_id": 7 })),
        "user_id",
        "invalid_type",
    );
}

#[test]
fn stream_options_need_stream_on_the_deepseek_page_only() {
    let options = json!({ "include_usage": true });
    let page = "deepseek-v4-flash";
    let request = assert_taken(with(page, json!({ "stream": true, "stream_options": options })));
    assert!(request.stream && request.include_usage);
    for stream in [json!(false), Value::Null] {
        let outcome = with(page, json!({ "stream": stream, "stream_options": options }));
        assert_refused(outcome, "stream_options", "invalid_value");
    }
    assert_taken(with(page, json!({ "stream": false, "stream_options": null })));
    assert_taken(with(
        "general",
        json!({ "stream": false, "stream_options": options }),
    ));
    assert_refused(
        with("general", json!({ "stream_options": { "include_usage": "yes" } })),
        "stream_options.include_usage",
        "invalid_type",
    );
}

#[test]
fn parameters_of_the_wrong_type_are_refused_on_every_page() {
    let wrong = [
        ("messages", json!("Hello")),
        ("max_tokens", json!("1")),
        ("max_completion_tokens", json!(true)),
        ("temperature", json!("1")),
        ("top_p", json!([1])),
        ("frequency_penalty", json!({})),
        ("presence_penalty", json!("0")),
        ("stream", json!(1)),
        ("stream_options", json!(true)),
        ("stop", json!({})),
        ("n", json!(1.5)),
        ("response_format", json!("json_object")),
        ("tools", json!({})),
        ("tool_choice", json!(true)),
        ("user", json!(1)),
        ("user_id", json!(1)),
        ("enable_thinking", json!("true")),
        ("thinking", json!(true)),
        ("reasoning_effort", json!(1)),
        ("seed", json!("1")),
        ("seed", json!(0.5)),
        ("logprobs", json!(1)),
        ("top_logprobs", json!("1")),
        ("logit_bias", json!([])),
        ("parallel_tool_calls", json!("no")),
        ("metadata", json!("x")),
        ("functions", json!({})),
    ];
    for page in PAGES {
        for (name, value) in &wrong {
            assert_refused(with(page, json!({ *name: value })), name, "invalid_type");
        }
    }
}

#[test]
fn known_parameters_beyond_the_pages_keep_their_shapes() {
    let taken = [
        json!({ "top_logprobs": 20, "logprobs": true }),
        json!({ "top_logprobs": 0 }),
        json!({ "seed": -1 }),
        json!({ "seed": i64::MAX }),
        json!({ "logit_bias": { "50256": -100 } }),
        json!({ "parallel_tool_calls": false }),
        json!({ "metadata": { "run": "7" } }),
        json!({ "reasoning_effort": "xhigh" }),
        json!({ "something_new": { "deep": [1, null] } }),
    ];
    let refused = [
        (
            json!({ "top_logprobs": 21, "logprobs": true }),
            "top_logprobs",
            "integer_above_max_value",
        ),
        (json!({ "top_logprobs": 1 }), "top_logprobs", "invalid_value"),
        (
            json!({ "top_logprobs": 1, "logprobs": false }),
            "top_logprobs",
            "invalid_value",
        ),
        (json!({ "seed": u64::MAX }), "seed", "integer_above_max_value"),
        (json!({ "seed": -1e30 }), "seed", "integer_below_min_value"),
        (
            json!({ "logit_bias": { "50256": 101 } }),
            "logit_bias",
            "decimal_above_max_value",
        ),
        (
            json!({ "reasoning_effort": "extreme" }),
            "reasoning_effort",
            "invalid_value",
        ),
    ];
    for page in PAGES {
        for members in &taken {
            assert_taken(with(page, members.clone()));
        }
        for (members, param, code) in &refused {
            assert_refused(with(page, members.clone()), param, code);
        }
    }
}

#[test]
fn response_format_is_one_of_three_and_a_schema_has_a_name() {
    for page in PAGES {
        for kind in ["text", "json_object"] {
            assert_taken(with(page, json!({ "response_format": { "type": kind } })));
        }
        let format =
            |schema: Value| json!({ "response_format": { "type": "json_schema", "json_schema": schema } });
        assert_taken(with(
            page,
            format(json!({ "name": "answer", "schema": { "type": "object" } })),
        ));
        assert_refused(
            with(page, format(Value::Null)),
            "response_format.json_schema",
            "missing_required_parameter",
        );
        let unnamed = format(json!({ "schema": {} }));
        assert_refused(
            with(page, unnamed),
            "response_format.json_schema.name",
            "missing_required_parameter",
        );
        let listed = format(json!({ "name": "x", "schema": [] }));
        assert_refused(
            with(page, listed),
            "response_format.json_schema.schema",
            "invalid_type",
        );
        assert_refused(
            with(page, json!({ "response_format": {} })),
            "response_format.type",
            "missing_required_parameter",
        );
        let unknown = json!({ "response_format": { "type": "xml" } });
        assert_refused(with(page, unknown), "response_format.type", "invalid_value");
    }
}

#[test]
fn tools_are_functions_with_names_of_their_own() {
    let function = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let longest = "n".repeat(64);
    let too_long = "n".repeat(65);
    for page in PAGES {
        let request = assert_taken(with(
            page,
            json!({ "tools": [function("a"), function(&longest)] }),
        ));
        assert_eq!(request.tools, 2);
        assert_taken(with(page, json!({ "tools": [] })));
        let refused = [
            (json!([{}]), "tools[0].type", "missing_required_parameter"),
            (
                json!([{ "type": "function" }]),
                "tools[0].function",
                "missing_required_parameter",
            ),
            (
                json!([{ "type": "custom", "custom": {} }]),
                "tools[0].type",
                "invalid_value",
            ),
            (
                json!([function("a"), function("a")]),
                "tools[1].function.name",
                "invalid_value",
            ),
            (
                json!([function(&too_long)]),
                "tools[0].function.name",
                "string_above_max_length",
            ),
            (
                json!([function("a.b")]),
                "tools[0].function.name",
                "invalid_value",
            ),
            (
                json!([function("")]),
                "tools[0].function.name",
                "string_below_min_length",
            ),
            (json!(["a"]), "tools[0]", "invalid_type"),
        ];
        for (tools, param, code) in refused {
            assert_refused(with(page, json!({ "tools": tools })), param, code);
        }
    }
}
