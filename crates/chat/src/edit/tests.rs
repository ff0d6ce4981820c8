#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

fn edited(text: &str, change: impl FnOnce(&mut ObjectEdit<'_, '_>)) -> String {
    let object = Object::parse(text).unwrap();
    let mut edits = Edits::of(text);
    let mut edit = ObjectEdit::of(&object);
    change(&mut edit);
    edit.finish(&mut edits);
    edits.finish()
}

#[test]
fn every_byte_that_nobody_edits_stays() {
    let text = "{ \"a\" :1.0e3,\t\"b\":\n[1, 2 ] , \"c\": \"\\u0041\" }";
    assert_eq!(
        edited(text, |edit| edit.set("b", "null")),
        "{ \"a\" :1.0e3,\t\"b\":\nnull , \"c\": \"\\u0041\" }"
    );
}

#[test]
fn a_removed_member_takes_its_comma_along() {
    let text = r#"{"a":1, "b":2 ,"c":3}"#;
    assert_eq!(edited(text, |edit| edit.remove_named("a")), r#"{ "b":2 ,"c":3}"#);
    assert_eq!(edited(text, |edit| edit.remove_named("b")), r#"{"a":1 ,"c":3}"#);
    assert_eq!(edited(text, |edit| edit.remove_named("c")), r#"{"a":1, "b":2}"#);
}

#[test]
fn all_members_may_go_and_others_come() {
    let text = r#"{"a":1,"b":2}"#;
    let all_gone = |edit: &mut ObjectEdit<'_, '_>| {
        edit.remove(0);
        edit.remove(1);
    };
    assert_eq!(edited(text, all_gone), "{}");
    let replaced = edited(text, |edit| {
        all_gone(edit);
        edit.append("c", "3");
        edit.append("d\"", "4");
    });
    assert_eq!(replaced, r#"{"c":3,"d\"":4}"#);
}

#[test]
fn a_renamed_member_keeps_its_value_however_its_name_was_written() {
    assert_eq!(
        edited(r#"{"x":0 , "r\u0065asoning" : "hm"}"#, |edit| edit
            .rename(1, "reasoning_content")),
        r#"{"x":0 , "reasoning_content" : "hm"}"#
    );
}

#[test]
fn nested_objects_are_edited_in_one_go_with_the_outer_one() {
    let text = r#"{"outer":{"a":1,"b":2},"z":0}"#;
    let outer = Object::parse(text).unwrap();
    let inner = Object::parse(outer.get("outer").unwrap()).unwrap();
    let mut edits = Edits::of(text);
    let mut edit = ObjectEdit::of(&outer);
    edit.set("z", "9");
    edit.finish(&mut edits);
    let mut edit = ObjectEdit::of(&inner);
    edit.remove_named("a");
    edit.append("c", "3");
    edit.finish(&mut edits);
    assert_eq!(edits.finish(), r#"{"outer":{"b":2,"c":3},"z":9}"#);
}

#[test]
fn segments_share_the_bodys_bytes() {
    let body = Bytes::from_static(br#"{"model":"a","messages":["a long text"]}"#);
    let text = std::str::from_utf8(&body).unwrap();
    let object = Object::parse(text).unwrap();
    let mut edits = Edits::of(text);
    edits.replace(object.get("model").unwrap(), "\"b\"");
    let segments = edits.segments(&body);
    assert_eq!(segments.concat(), br#"{"model":"b","messages":["a long text"]}"#);
    let within = |segment: &Bytes| body.as_ptr_range().contains(&segment.as_ptr());
    assert!(
        within(&segments[0]) && within(&segments[2]),
        "large parts must not be copied"
    );
}

#[derive(Debug, Clone)]
enum Change {
    Keep,
    Remove,
    Set,
    Rename,
}

fn changes() -> impl Strategy<Value = Vec<(String, Change)>> {
    let change = prop_oneof![
        Just(Change::Keep),
        Just(Change::Remove),
        Just(Change::Set),
        Just(Change::Rename)
    ];
    let space = "[ \n\t]{0,2}";
    let member = (
        space,
        "[a-z,:{}\\\\\"]{0,5}",
        space,
        space,
        "(1|\"x,y\"|\\[\\{\\}, 2\\]|null)",
        space,
    )
        .prop_map(|(before, _, after_name, before_value, value, after)| {
            format!("{before}NAME{after_name}:{before_value}{value}{after}")
        });
    proptest::collection::vec((member, change), 0..6)
}

proptest! {
    #[test]
    fn an_edited_object_is_what_the_same_edits_of_its_value_give(changes in changes(), append in any::<bool>()) {
        let names: Vec<String> = (0..changes.len()).map(|index| format!("m,{index}:\"")).collect();
        let members: Vec<String> = changes
            .iter()
            .zip(&names)
            .map(|((member, _), name)| member.replace("NAME", &quote(name)))
            .collect();
        let text = format!("{{{}}}", members.join(","));
        let before: Map<String, Value> = serde_json::from_str(&text).unwrap();

        let mut expected = Map::new();
        for ((_, change), name) in changes.iter().zip(&names) {
            match change {
                Change::Keep => drop(expected.insert(name.clone(), before[name].clone())),
                Change::Remove => {}
                Change::Set => drop(expected.insert(name.clone(), Value::Bool(true))),
                Change::Rename => drop(expected.insert(format!("new {name}"), before[name].clone())),
            }
        }
        if append {
            expected.insert("appended".to_owned(), Value::from(7));
        }

        let text = edited(&text, |edit| {
            for (index, ((_, change), name)) in changes.iter().zip(&names).enumerate() {
                match change {
                    Change::Keep => {}
                    Change::Remove => edit.remove(index),
                    Change::Set => edit.set(name, "true"),
                    Change::Rename => edit.rename(index, &format!("new {name}")),
                }
            }
            if append {
                edit.append("appended", "7");
            }
        });
        let after: Map<String, Value> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(after, expected, "{}", text);
    }
}
