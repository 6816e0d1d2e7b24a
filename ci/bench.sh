#!/usr/bin/env bash
# The benchmarks, where there is a bench module its own, else those beside the code.
# Arguments go to go test: ci/bench.sh -bench=Switch -count=10
set -euo pipefail
cd "$(dirname "$0")/.."
[ ! -f bench/go.mod ] || cd bench
go test -run='^$' -bench=. -benchmem "$@" ./...
