#!/bin/sh
# Installs what the tests need from Debian's archive, when run as root, and says what is missing otherwise.
set -eu

missing=
need() { # need PACKAGE TEST...
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
need redis-server command -v redis-server
need redis-tools command -v redis-benchmark
need python3-redis /usr/bin/python3 -c 'import redis'
need node-redis env NODE_PATH=/usr/share/nodejs /usr/bin/node -e 'require("redis")'
need iproute2 command -v ip
need iptables command -v iptables
need gcc command -v gcc # for the race detector
need libc6-dev test -e /usr/include/stdlib.h
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "install.sh: not installed, and tests that need them will say so:$missing" >&2
	exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word per package
apt-get install -y -qq --no-install-recommends $missing
case $missing in
*redis-server*) # Debian starts it; the tests start their own
	service redis-server stop || true
	;;
esac
