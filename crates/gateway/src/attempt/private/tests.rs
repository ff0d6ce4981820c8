use super::*;

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn private_words_go_whatever_they_look_like() {
    let private = words(&[
        "0b5c7f2e-1111-4a4a-9d9d-77aa88bb99cc",
        "llm.intern",
        "blue-llama",
        "ai",
    ]);
    for (text, told) in [
        ("key 0b5c7f2e-1111-4a4a-9d9d-77aa88bb99cc!", "key […]!"),
        ("x0B5C7F2E-1111-4A4A-9D9D-77AA88BB99CCx", "x[…]x"),
        ("at LLM.intern:80 or ai.", "at […]:80 or […]."),
        ("messages.ai_x, ai-y", "messages.ai_x, ai-y"),
        ("again and blue-llama", "again and […]"),
        ("cut inside blue-lla", "cut inside […]"),
        ("größer als 3,5, maintain blue", "größer als 3,5, maintain blue"),
        ("", ""),
    ] {
        assert_eq!(without(text, &private), told, "{text}");
    }
}
