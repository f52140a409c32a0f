// Package clients checks that Redis clients connect with their defaults and
// run their basic commands: go-redis, and redis-py and node-redis from
// Debian's packages (python3-redis, node-redis).
//
// It holds tests only. Where an interpreter or its client is missing, the
// test is left out and says so; with CRDB_REQUIRE_ALL=1 that is a failure.
package clients
