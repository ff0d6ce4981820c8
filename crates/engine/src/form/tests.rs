use serde_json::json;

use super::*;
use crate::load;
use crate::load::tests::TinyModel;

fn maker() -> FormMaker {
    let language = load::language(&TinyModel::new().path()).unwrap();
    FormMaker::new(Arc::new(language)).unwrap()
}

/// Whether a form takes a text letter by letter and is or may be over after it.
fn takes(form: &Form, text: &str, maker: &FormMaker) -> bool {
    let mut form = form.clone();
    let end = maker.0.tok_env().tok_trie().eos_token();
    for byte in text.bytes() {
        let token = maker
            .0
            .tok_env()
            .tok_trie()
            .token_id(&[byte])
            .expect("every byte is a token");
        if form.is_over() || !form.allowed().unwrap().token(token) {
            return false;
        }
        form.take(token).unwrap();
    }
    form.is_over() || form.allowed().unwrap().token(end)
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
    let form = maker.form(&Grammar::Json(schema)).unwrap();
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
    let mut form = maker.form(&Grammar::Json(schema)).unwrap();
    let trie = maker.0.tok_env().tok_trie();
    let forced = form.take_forced();
    let text = trie.decode_str(&forced);
    assert!(
        r#"{"temperature": "#.starts_with(&text) && text.len() > 10,
        "{text}"
    );
}

#[test]
fn a_schema_that_is_not_provided_for_is_refused_with_the_reason() {
    let maker = maker();
    for (schema, keyword) in [
        (json!({"type": "array", "uniqueItems": true}), "uniqueItems"),
        (json!({"not": {"type": "string"}}), "not"),
        (json!({"type": "string", "format": "colour"}), "colour"),
        (
            json!({"type": "string", "pattern": "(?=a)b"}),
            "regex parse error",
        ),
        (json!({"type": "integer", "minimum": 3, "maximum": 2}), "minimum"),
        (json!({"$ref": "#/$defs/absent"}), "absent"),
    ] {
        let error = maker
            .form(&Grammar::Json(schema.clone()))
            .map(|_| ())
            .unwrap_err();
        assert!(error.problem.contains(keyword), "{schema}: {error}");
    }
}

#[test]
fn a_schema_cannot_switch_its_own_rules_off() {
    let maker = maker();
    let schema = json!({"x-guidance": {"lenient": true}, "type": "array", "uniqueItems": true});
    assert!(maker.form(&Grammar::Json(schema)).is_err());
}
