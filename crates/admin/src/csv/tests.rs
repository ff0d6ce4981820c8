use serde_json::json;

use super::*;

fn written(rows: &[Value]) -> Vec<String> {
    lines(rows, true).collect()
}

#[test]
fn names_come_first_and_once() {
    let rows = [json!({"a": 1, "b": null}), json!({"a": 2, "b": "x"})];

    assert_eq!(written(&rows), [r#""a","b""#, "1,", r#"2,"x""#]);
    assert!(written(&[]).is_empty());
}

#[test]
fn text_is_kept_whole_and_is_never_a_formula() {
    let rows = [json!({"a": "say \"hi\", twice", "b": "=1+1", "c": "-0.25"})];

    assert_eq!(written(&rows)[1], r#""say ""hi"", twice","'=1+1","-0.25""#);
}
