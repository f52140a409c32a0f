#!/bin/sh
# Three regions in containers: start them, cut and heal the links between them, take them away.
#
#   regions.sh up              start what docker-compose.yml describes and create the database
#   regions.sh partition A B   take A off its link with B
#   regions.sh heal            put everyone back on all links
#   regions.sh down            remove containers, networks and data
#
# CRDB_PREFIX begins the names of everything made (crdb); US_EAST_PORT, EU_WEST_PORT and AP_SOUTH_PORT are the ports on
# this machine (6379, 6380, 6381).
set -eu
cd "$(dirname "$0")/../.."
CRDB_PREFIX=${CRDB_PREFIX:-crdb}
export CRDB_PREFIX
regions="us-east eu-west ap-south"
links="us-east--eu-west eu-west--ap-south us-east--ap-south"

fail() { echo "regions.sh: $*" >&2; exit 1; }

compose() {
	if docker compose version >/dev/null 2>&1; then
		docker compose -p "$CRDB_PREFIX" "$@"
	elif command -v docker-compose >/dev/null 2>&1; then
		docker-compose -p "$CRDB_PREFIX" "$@"
	else
		fail "neither 'docker compose' nor 'docker-compose' is installed"
	fi
}

healthy() {
	for try in $(seq 60); do
		state=$(docker inspect -f '{{.State.Health.Status}}' "$CRDB_PREFIX-$1")
		[ "$state" = healthy ] && return
		sleep 0.5
	done
	docker logs --tail 20 "$CRDB_PREFIX-$1" >&2
	fail "$1 is $state after 30 s"
}

cli() { docker exec "$CRDB_PREFIX-us-east" /crdb-cli "$@"; }

up() {
	compose up -d
	for r in $regions; do healthy "$r"; done
	if cli crdb list -o json | grep -q '"demo"'; then
		echo "the database demo is there already"
	else
		cli crdb create --name demo --port 6379 --instance us-east:9443 --instance eu-west:9443 --instance ap-south:9443
	fi
	echo "us-east is on 127.0.0.1:${US_EAST_PORT:-6379}, eu-west on :${EU_WEST_PORT:-6380}, ap-south on :${AP_SOUTH_PORT:-6381}"
}

# on says whether a region is on a link.
on() { docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' "$CRDB_PREFIX-link-$2" | grep -qw -- "$CRDB_PREFIX-$1"; }

partition() {
	for link in $links; do
		case $link in
		"$1--$2" | "$2--$1")
			if on "$1" "$link"; then docker network disconnect "$CRDB_PREFIX-link-$link" "$CRDB_PREFIX-$1"; fi
			echo "$1 and $2 are cut apart"
			return
			;;
		esac
	done
	fail "no link between '$1' and '$2'; the regions are: $regions"
}

heal() {
	for link in $links; do
		for r in ${link%%--*} ${link##*--}; do
			on "$r" "$link" && continue
			docker network connect --alias "$r" "$CRDB_PREFIX-link-$link" "$CRDB_PREFIX-$r"
			echo "$r is back on the link $link"
		done
	done
}

case ${1:-} in
up) up ;;
partition) [ $# -eq 3 ] || fail "partition needs two regions, such as: make partition A=us-east B=eu-west"; partition "$2" "$3" ;;
heal) heal ;;
down) compose down --volumes --timeout 5 ;;
*) fail "say up, partition, heal or down" ;;
esac
