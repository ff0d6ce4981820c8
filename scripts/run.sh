#!/usr/bin/env bash
# Starts the gate in the foreground, and says how to call it once it listens.
set -euo pipefail
source "$(dirname "$0")/needs.sh"

readonly GATE=target/trial/tollgate

# Reads what the gate prints. The key is made when the gate listens, so a start that fails leaves
# none behind; a running gate knows a new key at once.
announce() {
    # Ctrl-C is for the gate; this ends when its output does.
    trap '' INT
    local line
    while IFS= read -r line; do
        case $line in
        "listening on "*) say_how_to_call "${line#listening on }" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
}

say_how_to_call() {
    local address=$1 key model body
    # "Any address" is for listening, not for calling.
    address=${address/0.0.0.0/127.0.0.1}
    address=${address/\[::\]/[::1]}
    key=$("$GATE" keys create --name "run-$(date +%Y%m%d-%H%M%S)") || return 0
    model=$(callable_model "$address" "$key")
    # The embedded model is small: what it is surest of reads best.
    body='{"model":"'$model'","stream":true,"temperature":0,"messages":[{"role":"user","content":"Say hello"}]}'
    cat <<TEXT

  Tollgate answers at $address/v1
  API key: $key

  Try it in another terminal:

  curl -N $address/v1/chat/completions -H "Authorization: Bearer $key" -H "Content-Type: application/json" -d '$body'

  Ctrl-C stops it.

TEXT
}

# With the embedded model any model can be called; with channels, what they serve.
callable_model() {
    local address=$1 key=$2 listed
    listed=$(curl -s --noproxy '*' --max-time 5 "$address/v1/models" -H "Authorization: Bearer $key" |
        grep -oE '"id": ?"[^"]+"' | cut -d'"' -f4) || true
    if [ -z "$listed" ] || grep -qx claude-sonnet-4-6 <<<"$listed"; then
        echo claude-sonnet-4-6
    else
        head -n 1 <<<"$listed"
    fi
}

needs_rust
say "Building the gate; the first time this takes several minutes"
cargo build --profile trial --locked -p tollgate
if ! pull_model "$GATE"; then
    say "Going on without the embedded model: channels work; it can be had later with: $GATE models pull"
fi
exec "$GATE" serve > >(announce)
