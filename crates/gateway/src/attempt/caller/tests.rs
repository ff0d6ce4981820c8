use super::*;

fn strict() -> Caller {
    Caller {
        strict_parameters: true,
        ..Caller::nobody()
    }
}

#[test]
fn a_strict_key_is_told_the_first_parameter_that_would_change() {
    for note in [Note::Omitted, Note::Moved, Note::Truncated] {
        let notes = [Note::Emulated("stop".to_owned()), note("top_p".to_owned())];

        let refused = strict().accept(&notes).expect_err("something would change");

        assert_eq!(refused.param, "top_p");
        assert!(refused.problem.contains("`top_p`"), "{}", refused.problem);
        assert_eq!(Caller::nobody().accept(&notes), Ok(()));
    }
}

#[test]
fn what_the_gate_does_in_a_provider_s_stead_is_what_was_asked_for() {
    let notes = [
        Note::Emulated("stop".to_owned()),
        Note::Estimated("usage".to_owned()),
    ];

    assert_eq!(strict().accept(&notes), Ok(()));
}
