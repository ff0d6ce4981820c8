#!/usr/bin/env bash
# Measures the gate beside nginx; arguments go to the benchmark (bench/README.md).
set -euo pipefail
source "$(dirname "$0")/needs.sh"

needs_rust
# The gate by itself, as operators build it: together with the others it would get the features
# that those want of shared crates, and be another program.
profile=release
# What only shows that it works does so with the gate of `make run`.
[[ " $* " != *" --quick "* ]] || profile=trial
say "Building the gate and the benchmark"
cargo build --profile $profile --locked -p tollgate
cargo build --profile $profile --locked -p tollgate-bench -p tollgate-testkit
# Some figures are taken with these; without them the rows stay empty.
needs_postgres || true
needs_redis || true
# One figure is taken beside the embedded model; without it that row stays empty.
pull_model target/$profile/tollgate || true
exec target/$profile/tollgate-bench "$@"
