#!/usr/bin/env bash
# Runs the tests that are too long for `make test`, and those of which it runs a part, whole.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly GATE=target/debug/tollgate
export TOLLGATE_CHAOS_REQUESTS=${TOLLGATE_CHAOS_REQUESTS:-10000}
export TOLLGATE_KILLS=${TOLLGATE_KILLS:-200}

needs_rust
say "Building"
# The whole workspace, as `make test` builds it, so that nothing is compiled twice.
cargo test --workspace --locked --no-run
[ -n "${TOLLGATE_MODEL:-}" ] || pull_model "$GATE" || skipped "tests of the embedded model: it could not be downloaded"

say "$TOLLGATE_CHAOS_REQUESTS requests to providers that fail"
cargo test --workspace --locked --test it chaos:: -- --nocapture

say "A gate that is killed $TOLLGATE_KILLS times"
cargo test --workspace --locked --test it kill:: -- --nocapture

say "Long tests of the embedded model"
cargo test --workspace --locked --test it sandbox -- --ignored
cargo test --workspace --locked --test embedded_model -- --ignored
