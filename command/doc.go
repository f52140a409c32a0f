// Package command is the Redis command set over the engine: one table of
// commands, the sessions that run them, and a set of files per family.
//
// It leaves to others: the wire and the sockets (resp), the keyspace and its
// locks (engine), durability (oplog), the other regions (peer, through the
// Replication interface). Nothing here reads a clock or opens a
// connection; time, randomness and timers come in Options. The only goroutines
// are those of scripts that may take long, and of commands that copy large keys
// (away.go); Server.Close kills the scripts and waits for all.
//
// # The way of a command
//
// A transport hands bytes to Session.Input. The parser cuts a command out of
// them, lookup finds it in the Table, and dispatch checks in this order: it is
// known, the number of arguments, AUTH, what MULTI, subscriptions and MONITOR forbid,
// CLIENT PAUSE, maxmemory, whether the log takes writes. Then it is queued
// (MULTI) or run: lock by the table, Handler, unlock. The reply is appended to
// the session's buffer, from where the transport takes it.
//
// # Words
//
// A family is a slice of Command in a file of its own, collected by families.
// Facts are what redis-server 7.0 says about a command (facts.txt); a family
// adds the summary and the handler. A wait is something a session is blocked
// on. The inbox is where other goroutines leave messages for a session.
//
// # Invariants
//
//   - M1 The keys a handler touches are the keys the table declares: dispatch
//     locks those and no others. A script whose text shows that it touches its
//     KEYS only (script_keys.go) locks those; any other locks everything.
//   - M2 A command that walks the keyspace is marked WholeKeyspace. On its own
//     it locks as it walks; in EXEC everything is locked.
//   - M3 EXEC holds the locks of all keys queued and watched from the look at
//     the watched keys to its last command: it is one step for this region and
//     one atomic group for the others.
//   - M4 A handler writes exactly one reply, except where Redis writes none
//     or several (subscriptions).
//   - M5 Under appendfsync always no byte from the first reply that tells of a
//     write on, to whoever has made it or may have seen it, leaves the session
//     before the log has that write on disk.
//   - M6 A panic in a handler costs one error reply: the locks are released,
//     the cause is logged and counted, the session goes on.
//   - M7 What a client may make us keep is bounded: its query
//     (client-query-buffer-limit), its transaction (the same), its replies and
//     messages (client-output-buffer-limit), and all of it much tighter before
//     it has authenticated.
//   - M8 GET and SET do not allocate here.
//   - M9 Secrets are in no log: neither the slow log nor the program's.
//   - M10 A write asks the log under the locks it writes under. Whoever forbids
//     writes, and then takes all locks once, knows that no more come.
//
// # Goroutines and locks
//
// A Session belongs to its connection's goroutine or event loop. Others touch
// only its inbox, its info, its blocking.why, and Conn.Wake and Conn.Kill.
// The Server's locks are listed there; none is held while another is taken,
// but a PubSub's while it fills inboxes. Locks of the engine may be held while
// any of them is taken, never the other way round.
package command
