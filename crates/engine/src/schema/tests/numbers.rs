//! Bounds and multiples, by the arithmetic of decimals.

use super::*;

#[test]
fn numbers_keep_to_their_bounds_exactly_and_come_to_an_end() {
    let judge = Judge::new();
    judge.assert(
        json!({"type": "integer"}),
        &["0", "-7", "999999999999999"],
        &["1000000000000000", "01", "-0", "1.0", "1e3"],
    );
    judge.assert(
        json!({"type": "number"}),
        &["0", "-7.25", "0.5", "99999.99"],
        &["1000000000", "0.125", "1e3", ".5", "-0.00"],
    );
    judge.assert(
        json!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-5}),
        &["0.000001", "0.000009"],
        &["0", "0.00001", "0.000000"],
    );
    judge.assert(
        json!({"type": "integer", "minimum": -5, "exclusiveMaximum": 17}),
        &["-5", "0", "16"],
        &["-6", "17"],
    );
    judge.assert(
        json!({"type": "integer", "minimum": 9_007_199_254_740_993_u64}),
        &["9007199254740993"],
        &["9007199254740992"],
    );
    judge.assert(
        json!({"type": "integer", "minimum": 18_446_744_073_709_551_615_u64}),
        &["18446744073709551615"],
        &["18446744073709551614"],
    );
    // Far out, a bound says nothing that is not so anyway.
    judge.assert(json!({"type": "integer", "maximum": 1e30}), &["12"], &[]);
    // As draft 4 wrote it.
    judge.assert(
        json!({"type": "integer", "minimum": 0, "exclusiveMinimum": true}),
        &["1"],
        &["0"],
    );
}

#[test]
fn multiples_are_multiples_by_anybodys_arithmetic() {
    let judge = Judge::new();
    judge.assert(
        json!({"type": "integer", "multipleOf": 5, "minimum": 0, "maximum": 100}),
        &["0", "35", "100"],
        &["3", "105", "-5"],
    );
    judge.assert(
        json!({"type": "number", "multipleOf": 0.01, "minimum": 0, "maximum": 0.1}),
        &["0.05"],
        // 0.07 / 0.01 is 7.000000000000001 in floats.
        &["0.055", "0.07"],
    );
    judge.assert(
        json!({"type": "integer", "multipleOf": 7}),
        &["0", "7", "-14", "777777"],
        &["8"],
    );
    judge.assert(
        json!({"type": "integer", "multipleOf": 86400}),
        &["86400"],
        &["1"],
    );
}

#[test]
fn numbers_that_were_rounded_when_they_were_read_are_refused() {
    for (schema, keyword) in [
        (json!({"type": "integer", "minimum": 1e30}), "`minimum` at `/`"),
        (
            json!({"type": "integer", "maximum": -9.223372036854776e18}),
            "`maximum`",
        ),
        (json!({"enum": [1, 1.2345678901234568e22]}), "`enum`"),
        (
            json!({"properties": {"a": {"const": 1e300}}, "required": ["a"]}),
            "`const` at `/properties/a`",
        ),
        (json!({"type": "integer", "multipleOf": 1e20}), "`multipleOf`"),
    ] {
        let problem = refused(schema);
        assert!(problem.contains(keyword), "{problem}");
    }
}
