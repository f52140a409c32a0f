#!/bin/sh
# Runs the own tests of a Go module against redis-server and against a node of crdb, and prints whose outcomes differ.
#
#   beside.sh MODULE@VERSION PACKAGE [flags of the test binary]      TAGS=build tags, SUITE_SECONDS=250 for each server
#   beside.sh github.com/mediocregopher/radix/v4@v4.1.4 .
#
# Both servers are at 127.0.0.1:6379, where such tests look, each in a network namespace of its own: as root. The source comes
# from the Go module proxy and is kept in build/suites. Tests that fail at both, for want of a cluster for instance, are no difference.
# EDIT is a sed script for the source of the tests, where they look at another port. BESIDE=1 starts what go-redis and rueidis
# want besides the server under test (beside-servers.sh). Of Ginkgo's suites those that fail are compared.
set -eu
[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
module=$1 package=$2
shift 2
work=$root/build/suites/$(echo "$module" | tr '/@' '__')
bin=${CRDB_BIN:-$root/build}
spaces="crdb-suite-redis crdb-suite-crdb"
[ "$(id -u)" = 0 ] || { echo "network namespaces need root" >&2; exit 2; }

end() {
	for space in $spaces; do
		ip netns pids $space 2>/dev/null | xargs -r kill 2>/dev/null || true
		ip netns delete $space 2>/dev/null || true
	done
}
trap end EXIT
end
mkdir -p "$work"
if [ ! -d "$work/source" ]; then
	dir=$(cd "$work" && GOFLAGS=-mod=mod go mod download -json "$module" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
	[ -n "$dir" ] || { echo "the module proxy does not give $module" >&2; exit 2; }
	cp -r "$dir" "$work/source"
	chmod -R u+w "$work/source"
	[ -f "$work/source/go.mod" ] || echo "module ${module%@*}" >"$work/source/go.mod" # an old module has none
	sed -i '/=> *\.\.\//d' "$work/source/go.mod" # to folders of its repository, which a module has not
fi
cd "$work/source/$package"
rm -f "$work/suite.test"
[ -z "${EDIT:-}" ] || sed -i "$EDIT" ./*_test.go
go test -tags "${TAGS:-}" -mod=mod -c -o "$work/suite.test" .
[ -f "$work/suite.test" ] || { echo "no tests in $package" >&2; exit 2; }

for space in $spaces; do
	ip netns add $space
	ip netns exec $space ip link set lo up
done
rm -rf "$work/data"
ip netns exec crdb-suite-redis redis-server --save '' --dir "$work" >"$work/redis.log" &
ip netns exec crdb-suite-crdb "$bin/crdb" serve --region suite --dir "$work/data" --database suite --port 6379 >"$work/crdb.log" 2>&1 &
for space in $spaces; do
	until ip netns exec $space redis-cli ping 2>/dev/null | grep -q PONG; do sleep 0.2; done
	[ -z "${BESIDE:-}" ] || ip netns exec $space "$root/testbed/suites/beside-servers.sh" "$work/$space.servers"
	ip netns exec $space timeout "${SUITE_SECONDS:-250}" "$work/suite.test" -test.v "$@" >"$work/$space.txt" 2>&1 || true
	grep -aE '^ *(--- (PASS|FAIL)|\[FAIL\])' "$work/$space.txt" | sed 's/ ([0-9].*//; s/^ *--- //' | LC_ALL=C sort -u >"$work/$space.outcomes"
	echo "${space#crdb-suite-}: $(grep -c PASS "$work/$space.outcomes" || true) passed, $(grep -c FAIL "$work/$space.outcomes" || true) failed$(
		sed -n 's/^.*-- \([0-9]* Passed | [0-9]* Failed\).*/; of Ginkgo: \1/p' "$work/$space.txt")"
done
[ -s "$work/crdb-suite-redis.outcomes" ] || { echo "no test has run: see $work/crdb-suite-redis.txt" >&2; exit 2; }
diff "$work/crdb-suite-redis.outcomes" "$work/crdb-suite-crdb.outcomes"
