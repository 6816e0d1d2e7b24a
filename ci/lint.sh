#!/usr/bin/env bash
# Checks every module with gofmt, vet and staticcheck, and the width of comments and prose.
# It uses Go 1.27: an older gofmt cannot parse the files that are built for 1.27 only.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=go1.27.4
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2 # the first version that parses Go 1.27

unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
[ -z "$unformatted" ] || { echo "run gofmt -w on:"; echo "$unformatted"; exit 1; }
echo "-- widths"
(cd ci && go vet widths.go widths_test.go && go test widths.go widths_test.go)
go run ci/widths.go
go list -m -f '{{.Dir}}' | while IFS= read -r module; do
	echo "-- ${module##*/}: vet, staticcheck"
	(cd "$module" && go vet ./... && go run "$staticcheck" ./...) </dev/null
done
