// Package host makes the instances of a node: it puts log, engine, replicator,
// commands and network of one database together, and takes them apart again.
//
// It leaves to package control which databases there are, and to the packages
// it puts together what they do.
//
// Invariants:
//
//  1. An instance is opened bottom up: log, engine, replicator, commands,
//     network; and closed top down, so that nobody calls into what is closed.
//  2. Nothing of the log is given up for dropping, and no removal counts as
//     stable, before the instance has been told its members.
//  3. Metrics carry the database's name as their only free label; commands and
//     regions are bounded by the command table and the members.
//
// The writer of the log, the engine's and the replicator's goroutines belong
// to them and end in their Close. The node's peer server, the following of
// gossip and its first join have a goroutine each here; Host.Close waits for
// them. Whatever still writes when writes are forbidden is waited for by one goroutine of
// the instance, which ends before its engine does. The checkpoint at an orderly end has one that the instance's Close waits
// for.
package host
