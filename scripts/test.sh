#!/usr/bin/env bash
# Runs every test. What cannot run on this machine is named, and named again at the end.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly GATE=target/debug/tollgate
left_out=()

leave_out() {
    skipped "$1"
    left_out+=("$1")
}

# What runs wherever changes are judged.
leave_out_but_in_ci() {
    [ -z "${CI:-}" ] || fail "this cannot be left out in CI: $1"
    leave_out "$1"
}

needs_rust
say "Building everything with its tests"
cargo test --workspace --locked --no-run

# The engine's tests and the sandbox's want the real model. TOLLGATE_MODEL names one elsewhere.
[ -n "${TOLLGATE_MODEL:-}" ] || pull_model "$GATE" || leave_out "tests of the embedded model: it could not be downloaded"
needs_postgres || leave_out_but_in_ci "everything on PostgreSQL; it comes with: sudo apt-get install postgresql"
needs_redis || leave_out_but_in_ci "everything with Redis; it comes with: sudo apt-get install redis-server"
[ -n "${TOLLGATE_RECORDINGS:-}" ] ||
    leave_out "recorded provider traffic: TOLLGATE_RECORDINGS names no folder with it"
[ -n "${TOLLGATE_SCHEMAS:-}" ] ||
    leave_out "the official schema of answers: TOLLGATE_SCHEMAS names no folder with it"

say "Rust tests"
cargo test --workspace --locked --no-fail-fast

say "Documents"
if have python3; then
    python3 scripts/check-docs.py --tollgate "$GATE"
else
    leave_out "documents: there is no python3"
fi

say "Alert rules and dashboard"
if have python3 && needs_promtool; then
    python3 scripts/check-monitoring.py "$PROMTOOL"
else
    leave_out "alert rules and dashboard: promtool is in Debian's package prometheus"
fi

say "Official SDKs"
sdks=()
if needs_python_packages tests/sdk/python/.venv tests/sdk/python/requirements.txt; then
    sdks+=(python)
else
    leave_out "openai-python: its packages could not be installed"
fi
if needs_node_packages tests/sdk/node; then
    sdks+=(node)
else
    leave_out "openai-node: its packages could not be installed"
fi
if [ ${#sdks[@]} -gt 0 ]; then
    python3 tests/sdk/run.py --gate "$GATE" "${sdks[@]}"
fi

for what in "${left_out[@]}"; do
    skipped "$what"
done
say "All tests passed${left_out[0]:+, without what is named above}"
