#!/bin/sh
# Runs programs from Debian's packages that live on Redis against redis-server and against a node of crdb, and prints where
# what they say differs:
#
#   run.sh [PROGRAM ...]      without arguments all of them: celery_worker rq_worker channel_layers ratelimits djangocache
#                             sidekiq_worker gems webdis
#
# A program is a file NAME.py, NAME.rb or NAME.sh beside this one: it gets the server's port in PORT and prints what it got.
# The packages are installed where that is possible (as root, on Debian). What they print is kept in build/programs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${CRDB_BIN:-$root/build}
out=$root/build/programs
packages="redis-server redis-tools python3-celery python3-rq python3-channels-redis python3-limits python3-django-redis
	ruby-sidekiq ruby-redis-namespace ruby-redis-store ruby-rollout webdis curl"
[ $# -gt 0 ] || set -- celery_worker rq_worker channel_layers ratelimits djangocache sidekiq_worker gems webdis

if ! dpkg -s $packages >/dev/null 2>&1; then
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi
rm -rf "$out"
mkdir -p "$out"
redis-server --port 27391 --save '' --dir "$out" >"$out/redis-server.log" &
redis=$!
"$bin/crdb" serve --region r1 --dir "$out/data" --database programs --port 27390 --admin-port 27392 --peer-port 27393 \
	--gossip-port 0 >"$out/crdb.log" 2>&1 &
crdb=$!
trap 'kill $redis $crdb 2>/dev/null; wait' EXIT
for port in 27390 27391; do
	for _ in $(seq 50); do redis-cli -p $port ping 2>/dev/null | grep -q PONG && break; sleep 0.2; done
done

# say NAME PORT runs one program; what it prints to its standard output counts.
say() {
	cd "$here"
	case $(echo "$1".*) in
	*.py) PORT=$2 PYTHONDONTWRITEBYTECODE=1 timeout 90 /usr/bin/python3 "$1.py" ;;
	*.rb) PORT=$2 timeout 90 ruby -W0 "$1.rb" ;;
	*.sh) PORT=$2 timeout 90 sh "$1.sh" ;;
	*) echo "there is no program $1"; return 1 ;;
	esac
}

status=0
for name in "$@"; do
	redis-cli -p 27391 flushall >/dev/null
	say "$name" 27391 >"$out/$name.redis-server" 2>"$out/$name.redis-server.errors" || echo "exit status $?" >>"$out/$name.redis-server"
	say "$name" 27390 >"$out/$name.crdb" 2>"$out/$name.crdb.errors" || echo "exit status $?" >>"$out/$name.crdb"
	redis-cli -p 27390 flushall >/dev/null
	if grep -q '^exit status' "$out/$name.redis-server"; then
		echo "$name: does not run at redis-server either: see $out/$name.redis-server.errors"
		status=1
	elif diff "$out/$name.redis-server" "$out/$name.crdb"; then
		echo "$name: $(wc -l <"$out/$name.crdb") lines, no difference"
	else
		echo "$name: differs"
		status=1
	fi
done
exit $status
