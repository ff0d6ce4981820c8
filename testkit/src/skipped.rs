//! Says loudly, and once for each reason, that a check was left out.
//!
//! A clone has neither the recordings nor the official schema; a test that silently passes there
//! would be taken for one that ran.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;

static SAID: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Tells the reader that `what` was left out because there is no `program`, which `variable` could have named.
///
/// # Panics
/// Where `CI` is set, and nothing may be left out.
pub(crate) fn without(program: &str, variable: &'static str, what: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "there is no {program}, and {what}"
    );
    let why = format!("(nor is {program} installed; scripts/needs.sh gets it) {what}");
    skipped(variable, &why);
}

/// Tells the reader of the test's output that `what` was left out because `variable` is not set.
pub(crate) fn skipped(variable: &'static str, what: &str) {
    let first_time = SAID
        .lock()
        .expect("nothing panics while holding the set")
        .insert(variable);
    if first_time {
        // Not `eprintln`: the test harness captures it, and this has to be seen.
        let line = format!("SKIPPED: {variable} is not set, so {what}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
