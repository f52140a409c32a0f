// Package suites runs the own tests of programs that are built on Redis against
// crdb, with their source as it is: github.com/hibiken/asynq (queues; Lua,
// sorted sets, messages) and github.com/go-redsync/redsync (locks, over six
// client libraries).
//
// The sources come from the Go module proxy, in a fixed version, and are copied
// to a temporary directory, because tests do not run inside the module cache.
// Where the proxy, or what a suite depends on, cannot be had, the suite is left
// out and says so on standard error.
//
//   - asynq takes the server's address by a flag of its own. Most of its time it
//     sleeps, so its tests are dealt out to several runs, each with a node of
//     its own.
//   - redsync starts 48 servers with stvp/tempredis, which runs "redis-server -"
//     from PATH. There it finds the stand-in of package redisserver, which
//     starts a crdb node with that configuration. Their ports are kept from
//     outgoing connections while the tests run.
//
// beside.sh runs the tests of any other module against redis-server and a node, one
// after the other, and compares what came of them.
package suites
