#!/usr/bin/env bash
# The tests of every module that go.work names. Arguments go to go test: ci/test.sh -race
set -euo pipefail
cd "$(dirname "$0")/.."
go list -m -f '{{.Dir}}' | while IFS= read -r module; do
	echo "-- ${module##*/}: go test ${*:+$* }./..."
	(cd "$module" && go test "$@" ./... </dev/null)
done
