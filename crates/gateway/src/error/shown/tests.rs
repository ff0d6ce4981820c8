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
    ] {
        assert_eq!(shown(message, "-"), told);
    }
}

#[test]
fn what_helps_the_client_stays() {
    for message in [
        "Unknown parameter: 'foo'.",
        "messages[0].content.image_url: user-provided images... must be < 20.5 MB",
        "Invalid 'tools[0].function.name': a-b.c, e.g. ep- or sk-",
        "größer als 3,5",
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
