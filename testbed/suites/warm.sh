#!/bin/sh
# Fetches and compiles what the suites need, so that they do not wait for it when they run: `make test` begins with that, in the
# background. Nothing depends on it.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
for module in $(sed -n 's/^\t[a-z]*Module *= "\(.*\)"$/\1/p' suites_test.go); do
	dir=$(cd "$work" && GOFLAGS=-mod=mod go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	cp -r "$dir" "$work/source"
	chmod -R u+w "$work/source"
	(cd "$work/source" && go test -c -o "$work/suite.test" .)
	rm -rf "$work/source"
done
