#!/usr/bin/env bash
# What stands in the text: gofmt, vet and staticcheck over every module.
# With Go 1.27, since an older gofmt cannot read the files that are built for it only.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=go1.27.4
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2 # the first line that reads Go 1.27

unformatted=$("$(go env GOROOT)/bin/gofmt" -l .)
[ -z "$unformatted" ] || { echo "gofmt -w would change:"; echo "$unformatted"; exit 1; }
go list -m -f '{{.Dir}}' | while IFS= read -r module; do
	echo "-- ${module##*/}: vet, staticcheck"
	(cd "$module" && go vet ./... && go run "$staticcheck" ./...) </dev/null
done
