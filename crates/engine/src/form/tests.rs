use serde_json::json;

use super::*;
use crate::effort::Effort;
use crate::load;
use crate::load::tests::TinyModel;
use crate::schema::JsonForm;

pub(crate) fn maker() -> FormMaker {
    let language = load::language(&TinyModel::new().path()).unwrap();
    FormMaker::new(Arc::new(language)).unwrap()
}

fn json_form(schema: &serde_json::Value) -> Grammar {
    Grammar::Json(JsonForm::of(schema, &Effort::default()).unwrap())
}

/// Whether a form takes a text letter by letter and is or may be over after it.
pub(crate) fn takes(form: &Form, text: &str, maker: &FormMaker) -> bool {
    let mut form = form.clone();
    let trie = maker.factory.tok_env().tok_trie();
    let tokens: Vec<u32> = text
        .bytes()
        .map(|byte| trie.token_id(&[byte]).expect("every byte is a token"))
        .collect();
    // The mask has only the longest token of what can only come next, so it is not asked.
    form.0.validate_tokens(&tokens).unwrap() == tokens.len()
        && form.0.consume_tokens(&tokens).is_ok()
        && form.0.is_accepting().unwrap()
}

#[test]
fn json_that_fits_its_schema_is_taken_and_nothing_else() {
    let maker = maker();
    let schema = json!({
        "type": "object",
        "properties": {"b": {"type": "integer", "minimum": 3}, "a": {"enum": ["x", "y"]}},
        "required": ["b", "a"],
        "additionalProperties": false,
    });
    let form = maker.form(&json_form(&schema)).unwrap();
    assert!(takes(&form, r#"{"b": 4, "a": "x"}"#, &maker));
    for wrong in [
        r#"{"b": 2, "a": "x"}"#,
        r#"{"a": "x"}"#,
        r#"{"b": 4, "a": "z"}"#,
        r#"{"b": 4, "a": "x""#,
    ] {
        assert!(!takes(&form, wrong, &maker), "{wrong}");
    }
}

#[test]
fn parts_stand_in_their_order_and_number() {
    let maker = maker();
    let word = |text: &str| Grammar::Literal(text.to_owned());
    let more = Grammar::Sequence(vec![
        word(", "),
        Grammar::Either(vec![word("a"), word("\"b\n\"")]),
    ]);
    let grammar = Grammar::Sequence(vec![
        word("["),
        word("a"),
        Grammar::AtMost(2, Box::new(more)),
        word("]"),
    ]);
    let form = maker.form(&grammar).unwrap();
    for right in ["[a]", "[a, a]", "[a, \"b\n\", a]"] {
        assert!(takes(&form, right, &maker), "{right}");
    }
    for wrong in ["[]", "[a, a, a, a]", "[b]"] {
        assert!(!takes(&form, wrong, &maker), "{wrong}");
    }
}

#[test]
fn after_a_mark_in_free_text_the_form_holds() {
    let maker = maker();
    let call = Grammar::Sequence(vec![
        Grammar::TextThrough("<call>".to_owned()),
        Grammar::Literal("ok".to_owned()),
    ]);
    let form = maker.form(&Grammar::Either(vec![call, Grammar::Text])).unwrap();
    for right in [
        "",
        "Just text.\nTwo lines <cal",
        "<call>ok",
        "First some words <call>ok",
    ] {
        assert!(takes(&form, right, &maker), "{right}");
    }
    for wrong in ["<call>no", "Words <call>"] {
        assert!(!takes(&form, wrong, &maker), "{wrong}");
    }
}

#[test]
fn what_can_only_come_next_is_known() {
    let maker = maker();
    let schema = json!({
        "type": "object",
        "properties": {"temperature": {"type": "boolean"}},
        "required": ["temperature"],
        "additionalProperties": false,
    });
    let mut form = maker.form(&json_form(&schema)).unwrap();
    let trie = maker.factory.tok_env().tok_trie();
    let forced = form.take_forced();
    let text = trie.decode_str(&forced);
    assert!(
        r#"{"temperature": "#.starts_with(&text) && text.len() > 10,
        "{text}"
    );
}

#[test]
fn any_letter_may_stand_in_a_name_or_value() {
    let maker = maker();
    for letter in [
        "\u{7f}", "\u{0}", "\u{1f}", "\u{85}", "\u{2028}", "\\", "\\x41", "\"", "/", "😀",
    ] {
        let schema = json!({
            "properties": {letter: {"const": letter}, "b": {"enum": [letter, "x"]}},
            "required": [letter, "b"],
        });
        let form = maker.form(&json_form(&schema)).unwrap();
        let text = serde_json::Value::from(letter);
        let whole = format!("{{{text}: {text}, \"b\": {text}}}");
        assert!(takes(&form, &whole, &maker), "{whole}");
    }
}

#[test]
fn a_form_that_is_kept_begins_anew_for_each_answer() {
    let maker = maker();
    let grammar = json_form(&json!({"type": "string"}));
    let mut first = maker.form(&grammar).unwrap();
    let quote = maker.factory.tok_env().tok_trie().token_id(b"\"").unwrap();
    first.take(quote).unwrap();
    let second = maker.form(&grammar).unwrap();
    assert!(takes(&second, r#""a""#, &maker));
    assert!(!takes(&first, r#""a""#, &maker));
}

#[test]
fn as_many_forms_are_kept_as_there_is_room_for_and_the_last_used_stay() {
    let maker = maker();
    let text = |number: usize| Grammar::Literal(number.to_string());
    for number in 0..KEPT {
        maker.form(&text(number)).unwrap();
    }
    maker.form(&text(0)).unwrap();
    maker.form(&text(KEPT)).unwrap();
    assert!(maker.kept(&text(0).to_lark()).is_some());
    assert!(maker.kept(&text(1).to_lark()).is_none());
    assert_eq!(maker.kept.lock().unwrap().len(), KEPT);
}
