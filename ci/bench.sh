#!/usr/bin/env bash
# Runs the benchmarks of the root module. With a revision as the first argument, it runs those
# of the revision and of this tree in turns, and compares them. Other arguments go to go test:
#
#	ci/bench.sh -bench=Switch -count=10
#	ci/bench.sh main
#	ROUNDS=10 ci/bench.sh main -bench=PingPong
set -euo pipefail
cd "$(dirname "$0")/.."
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
run() { go test -run='^$' -bench=. -benchmem "$@" ./...; }

if [ $# = 0 ] || [[ $1 == -* ]]; then run "$@"; exit; fi
base=$1; shift
tmp=$(mktemp -d)
trap 'git worktree remove --force "$tmp/tree"; rm -rf "$tmp"' EXIT
git worktree add --quiet --detach "$tmp/tree" "$base"
for ((i = 0; i < ${ROUNDS:-6}; i++)); do
	(cd "$tmp/tree" && run "$@") >>"$tmp/base.txt"
	run "$@" >>"$tmp/new.txt"
done
go run "$benchstat" "$base=$tmp/base.txt" "this tree=$tmp/new.txt"
