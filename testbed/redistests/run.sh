#!/bin/sh
# Runs the tests that come with Redis 7.0, in Tcl, against a node of crdb as an external server, and prints what differs.
# The source comes from Debian's archive (apt-get source redis), is never part of this project, and is kept in build/.
# Units may be named: run.sh unit/sort unit/type/zset. What is left out, and why, is in skip.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$root/build/redistests
port=${PORT:-24900}
bin=${CRDB_BIN:-$root/build}
limit=${UNIT_SECONDS:-300}
command -v tclsh >/dev/null || { echo "tclsh is missing: apt-get install tcl" >&2; exit 2; }
mkdir -p "$work"

fetch() { # the source package, by sources of its own so that the machine's stay as they are
	sed 's/^Types: deb$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$work/debian.sources"
	set -- -o Dir::Etc::sourcelist="$work/debian.sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists"
	mkdir -p "$work/lists/partial"
	apt-get "$@" update >/dev/null
	(cd "$work" && apt-get "$@" source --download-only redis >/dev/null && tar xzf redis_7.0.*.orig.tar.gz)
}
[ -d "$(echo "$work"/redis-7.0.*/tests)" ] || fetch
cd "$work"/redis-7.0.*/
for unit in info limits obuf-limits; do # Redis keeps them from servers that it has not started, but they run
	sed -i 's/external:skip//' tests/unit/$unit.tcl
done
for name in redis-server redis-cli redis-benchmark; do ln -sf "$(command -v $name)" src/$name; done
grep -v '^#' "$here/skip.txt" | grep . >"$work/skip"
echo 'enable-debug-command yes' >"$work/crdb.conf"

[ $# -gt 0 ] || set -- unit/auth unit/bitfield unit/bitops unit/dump unit/expire unit/functions unit/geo unit/hyperloglog unit/info \
	unit/info-command unit/introspection unit/introspection-2 unit/keyspace unit/latency-monitor unit/lazyfree unit/limits unit/multi \
	unit/networking unit/obuf-limits unit/other unit/pause unit/protocol unit/pubsub unit/querybuf unit/quit unit/scan unit/scripting \
	unit/slowlog unit/sort unit/tracking unit/type/hash unit/type/incr unit/type/list unit/type/list-2 unit/type/list-3 \
	unit/type/set unit/type/stream unit/type/stream-cgroups unit/type/string unit/type/zset unit/violations
passed=0 failed=0
for unit in "$@"; do
	rm -rf "$work/data"
	"$bin/crdb" serve --region tests --dir "$work/data" --database tests --port "$port" --admin-port $((port + 1)) \
		--peer-port $((port + 2)) --gossip-port 0 --config "$work/crdb.conf" >"$work/node.log" 2>&1 &
	node=$!
	until redis-cli -p "$port" ping 2>/dev/null | grep -q PONG; do
		kill -0 $node 2>/dev/null || { cat "$work/node.log" >&2; exit 2; }
		sleep 0.1
	done
	out=$work/$(echo "$unit" | tr / -).txt
	tags="-needs:repl -needs:reset -needs:save -large-memory"
	case $unit in # the tests with DEBUG that others have load the data anew, or stop the deadlines of keys
	unit/dump | unit/info | unit/introspection | unit/keyspace | unit/latency-monitor | unit/multi | unit/pause | unit/protocol) ;;
	unit/obuf-limits | unit/slowlog | unit/tracking | unit/type/hash | unit/type/incr | unit/type/list) ;;
	*) tags="$tags -needs:debug" ;;
	esac
	status=0
	timeout "$limit" ./runtest --host 127.0.0.1 --port "$port" --single "$unit" --skipfile "$work/skip" --ignore-digest \
		--tags "$tags" 2>&1 | sed 's/\x1b\[[0-9;]*m//g' >"$out" || status=$?
	kill $node && wait $node 2>/dev/null || true
	ok=$(grep -ac '^\[ok\]' "$out" || true)
	passed=$((passed + ok))
	if grep -aq 'All tests passed without errors' "$out"; then
		echo "ok    $unit ($ok tests)"
	else
		failed=$((failed + 1))
		echo "FAIL  $unit ($ok tests passed)"
		grep -aE '^\[(err|exception|timeout)\]|^Expected' "$out" | cut -c1-240 | sort -u | sed 's/^/      /'
		tail -1 "$out" | cut -c1-200 | sed 's/^/      last: /'
	fi
done
echo "$passed tests passed, $failed units failed"
[ $failed = 0 ]
