#!/usr/bin/env bash
# Runs the tests that are too long for `make test`, and those of which it runs a part, whole.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly GATE=target/debug/tollgate
export TOLLGATE_CHAOS_REQUESTS=${TOLLGATE_CHAOS_REQUESTS:-10000}

needs_rust
say "Building"
cargo test --locked -p tollgate -p tollgate-engine --no-run
cargo build --locked -p tollgate
[ -n "${TOLLGATE_MODEL:-}" ] || pull_model "$GATE" || skipped "tests of the embedded model: it could not be downloaded"

say "$TOLLGATE_CHAOS_REQUESTS requests to providers that fail"
cargo test --locked -p tollgate --test it chaos:: -- --nocapture

say "Long tests of the embedded model"
cargo test --locked -p tollgate --test it sandbox -- --ignored
cargo test --locked -p tollgate-engine --test embedded_model -- --ignored
