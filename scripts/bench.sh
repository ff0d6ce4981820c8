#!/usr/bin/env bash
# Measures the gate beside nginx; arguments go to the benchmark (bench/README.md).
set -euo pipefail
source "$(dirname "$0")/needs.sh"

needs_rust
# The gate by itself, as `make run` builds it: together with the others it would get the features
# that those want of shared crates, and be another program.
say "Building the gate and the benchmark"
cargo build --release --locked -p tollgate
cargo build --release --locked -p tollgate-bench -p tollgate-testkit
# One figure is taken beside the embedded model; without it that row stays empty.
pull_model target/release/tollgate || true
exec target/release/tollgate-bench "$@"
