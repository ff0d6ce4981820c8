#!/usr/bin/env bash
# Runs the tests that are too long for `make test`; they are marked `#[ignore]` with the reason.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly GATE=target/debug/tollgate

needs_rust
say "Building"
cargo test --locked -p tollgate -p tollgate-engine --no-run
cargo build --locked -p tollgate
[ -n "${TOLLGATE_MODEL:-}" ] || pull_model "$GATE" || skipped "tests of the embedded model: it could not be downloaded"

say "Long tests of the embedded model"
cargo test --locked -p tollgate --test it sandbox -- --ignored
cargo test --locked -p tollgate-engine --test embedded_model -- --ignored
