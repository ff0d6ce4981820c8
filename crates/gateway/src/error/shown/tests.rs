use super::*;

#[test]
fn a_providers_words_lose_keys_accounts_and_hosts() {
    for (message, told) in [
        (
            "Incorrect API key provided: sk-abcdef123456. See https://platform.example/keys?a=b (org-AbC123xyz).",
            "Incorrect API key provided: […]. See […] ([…]).",
        ),
        (
            "key='sk-abcdef123456',organization:org-AbC123",
            "key='[…]',organization:[…]",
        ),
        (
            "Authorization: Bearer abcdef was refused",
            "Authorization: Bearer […] was refused",
        ),
        (
            "at api.example.com or 10.1.2.3:8080\nmail billing@example.cn",
            "at […] or […]:8080\nmail billing@[…]",
        ),
        ("connect to localhost:11434 failed", "connect to […]:11434 failed"),
        ("token hf_AbCdEfGhIjKlMnOpQrStUv is wrong", "token […] is wrong"),
        ("for org-mycompanyname, not org-wide", "for […], not org-wide"),
        ("account 2100123456: no", "account […]: no"),
        ("acc2100123456x", "[…]"),
        ("id 0b5c7f2e-1111-4a4a-9d9d-77aa88bb99cc.", "id […]."),
        ("trace(0b5c7f2e11114a4a9d9d77aa88bb99cc)", "trace([…])"),
        (
            "`projects/my-project/locations/us`",
            "`projects/[…]/locations/us`",
        ),
        ("see req_011CSHoEeqs5C35K2UUqR7Fy", "see […]"),
        ("No. Request id: abcdef", "No. Request id: […]"),
        ("(request id: \"abcdef\") again", "(request id: \"[…]\") again"),
        (
            "request_id=abcdef, x-request-id abc1",
            "request_id=[…], x-request-id […]",
        ),
    ] {
        assert_eq!(shown(message, "-"), told);
    }
}

#[test]
fn a_param_and_a_code_are_shown_where_they_look_like_it() {
    let long = "x".repeat(65);
    for (word, param, code) in [
        ("messages[0].content-type.x_y", true, false),
        ("invalid_value", true, true),
        ("InvalidParameter.Some-Thing_1", true, true),
        ("1214", true, true),
        (&long, true, false),
        (&long.repeat(2), false, false),
        ("", false, false),
        ("two words", false, false),
        ("key:0b5c", false, false),
        ("sk-abcdef123456", false, false),
        ("0b5c7f2e-1111-4a4a-9d9d-77aa88bb99cc", false, false),
        ("account.2100123456", false, false),
        ("api.example.com", false, false),
    ] {
        assert_eq!(shown_param(word), Some(word).filter(|_| param), "{word}");
        assert_eq!(shown_code(word), Some(word).filter(|_| code), "{word}");
    }
}

#[test]
fn what_helps_the_client_stays() {
    for message in [
        "Unknown parameter: 'foo'.",
        "messages[0].content.image_url: user-provided images... must be < 20.5 MB",
        "Invalid 'tools[0].function.name': a-b.c, e.g. ep- or sk-",
        "größer als 3,5",
        "claude-sonnet-4-20250514 takes at most 200000 tokens, not 1234567",
        "at most 20971520 bytes",
        "the request id is missing; your request: none. All projects, org-wide",
    ] {
        assert_eq!(shown(message, "-"), message);
    }
}

#[test]
fn a_page_and_silence_say_nothing() {
    for message in ["", "  ", "<html>502</html>"] {
        assert_eq!(shown(message, "the provider refused"), "the provider refused");
    }
}
