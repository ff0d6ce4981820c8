#!/bin/sh
# Stands in for the gate in the runner's own tests: it says that it listens where a fake provider
# ($STAND_IN_FOR, an address) does.
case "$1 $2" in
"keys create")
    echo "made $4" >&2
    echo sk-made
    ;;
"serve --config")
    echo "config $3" >&2
    echo "admin on http://$STAND_IN_FOR"
    echo "listening on http://$STAND_IN_FOR"
    exec sleep 600
    ;;
*)
    echo "unknown command $1" >&2
    exit 2
    ;;
esac
