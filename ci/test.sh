#!/usr/bin/env bash
# Runs the tests of every module in go.work. Arguments go to go test: ci/test.sh -race
set -euo pipefail
cd "$(dirname "$0")/.."
go list -m -f '{{.Dir}}' | while IFS= read -r module; do
	echo "-- ${module##*/}: go test ${*:+$* }./..."
	(cd "$module" && go test "$@" ./... </dev/null)
done
