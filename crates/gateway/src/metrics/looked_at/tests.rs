use super::*;

#[test]
fn a_label_may_hold_anything_an_operator_may_call_a_model() {
    let mut page = Page::default();
    page.gauge("some", "Something");
    page.value(&[], 0.25);
    page.value(&[("channel", "a"), ("model", "a \"b\" \\ c\nd")], 7);

    assert_eq!(
        page.0,
        "# HELP some Something\n# TYPE some gauge\nsome 0.25\n\
         some{channel=\"a\",model=\"a \\\"b\\\" \\\\ c\\nd\"} 7\n"
    );
}
