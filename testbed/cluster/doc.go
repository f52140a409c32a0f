// Package cluster starts real crdb processes on loopback and breaks the
// network between them on purpose.
//
// It builds the two binaries once, gives every region a node with its own
// ports and directory, creates one database over all of them with crdb-cli,
// and puts a proxy of its own between every ordered pair of regions, so that
// the peer traffic can be cut, cut one way, held, delayed, slowed, damaged
// and reset. Nodes can be killed, stopped, paused and restarted.
//
// With Options.Spaces every node has a network namespace of its own, as root
// where iproute2 is there; the proxies stay between them. Packets can then be
// lost, cables pulled, and the kernel delays and slows.
//
// It leaves judging to its users: the conformance cases, the scenarios, the
// client checks and the benchmark.
//
// Words: a wire is one direction between two regions; what a wire does holds
// for every connection that carries bytes that way, whoever dialled it. A cut
// closes connections and refuses new ones; a hold keeps them open and moves
// no byte.
//
// Invariants:
//
//  1. Nothing here knows more of a node than its command line, its files and
//     its ports.
//  2. Every process, proxy and directory is gone after Close, also when a
//     test fails; children die with the test binary.
//  3. A node that ends without being told to is an error that Close reports.
//
// Ownership: a Node's process is waited for by one goroutine; a proxied
// connection has four, two per direction, all ended by closing the
// connection and all waited for by Network.close. A Cluster is used by one
// goroutine, its Network and its clients by any.
package cluster
