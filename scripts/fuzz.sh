#!/usr/bin/env bash
# Runs every fuzz target for a bounded time. What a target finds stays in fuzz/artifacts. The dialects'
# targets start from recorded traffic, where TOLLGATE_RECORDINGS names a folder with it.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly SECONDS_EACH=${SECONDS_EACH:-60}

needs_rust
needs_tool cargo-fuzz 0.13.2 || fail "cargo-fuzz could not be built"
# Built with sanitisers, so of no use to any other target.
export CARGO_TARGET_DIR="$PWD/fuzz/target"
# Sanitisers are behind a switch that the stable toolchain has, but does not show.
export RUSTC_BOOTSTRAP=1
have python3 && python3 fuzz/seeds.py
for target in $("$TOOLS/bin/cargo-fuzz" list); do
    say "Fuzzing $target for $SECONDS_EACH s"
    "$TOOLS/bin/cargo-fuzz" run "$target" -- -max_total_time="$SECONDS_EACH" -rss_limit_mb=2048 -timeout=10
done
