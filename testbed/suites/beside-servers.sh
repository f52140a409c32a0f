#!/bin/sh
# Starts, in the network namespace it is run in, the servers that the suites of go-redis and rueidis want besides the one under
# test: plain ones, nodes of a cluster, and sentinels, all of them redis-server. beside.sh ends them.
set -eu
rm -rf "$1"
serve() { # PORT, and settings
	mkdir -p "$1/$2"
	dir=$1/$2 port=$2
	shift 2
	printf 'port %s\ndir %s\ndaemonize yes\n' "$port" "$dir" >"$dir/redis.conf"
	redis-server "$dir/redis.conf" "$@" >/dev/null
}
for port in 6381 6382 6390 6391 6392 7007 7010 9121 9122 9123; do serve "$1" $port --save ''; done
for port in 16600 16601 16602 16603 16604 16605; do serve "$1" $port --save '' --cluster-enabled yes; done
for port in 26379 26380 26381; do serve "$1" $port --sentinel; done
