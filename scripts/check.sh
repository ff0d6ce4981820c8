#!/usr/bin/env bash
# What a change has to pass besides its tests.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly ADVISORIES=https://github.com/RustSec/advisory-db

needs_rust
needs_component fmt rustfmt
needs_component clippy clippy

say "Format"
cargo fmt --all --check

say "Lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

# Tools before their verdicts: a machine that cannot build them has failed to check.
needs_tool cargo-deny 0.20.2 || fail "cargo-deny could not be built"
needs_tool cargo-machete 0.9.2 || fail "cargo-machete could not be built"

say "Licences, bans, sources"
"$TOOLS/bin/cargo-deny" --locked check --hide-inclusion-graph licenses bans sources

say "Known vulnerabilities"
if GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --quiet "$ADVISORIES" HEAD >/dev/null 2>&1; then
    "$TOOLS/bin/cargo-deny" --locked check --hide-inclusion-graph advisories
else
    skipped "known vulnerabilities: $ADVISORIES cannot be reached from here"
fi

say "Unused dependencies"
"$TOOLS/bin/cargo-machete" crates testkit bench

say "All checks passed"
