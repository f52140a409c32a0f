// Package resp is the wire: it cuts Redis commands out of bytes, writes
// replies in RESP2 and RESP3, and carries sessions over network connections.
//
// It leaves to others what a command means, who may send it, and when a reply
// may leave (command), and every timeout's length and every limit's size
// (they come in by options).
//
// # Words
//
// A session is one client's side of the protocol, a state machine without
// I/O. A transport moves bytes between a socket and a session. A step is one
// round of a session: input in, commands run, output sent. A connection is
// parked when it has left its event loop for a goroutine.
//
// # Transports
//
// NetEpoll and NetLoop (gnet) run connections on event loops: the session is
// handed the loop's own read buffer and its output is written straight from
// its own buffer, on the loop. NetEpoll sends short replies when all that was
// ready in a round has been read, as redis-server does: one reply after the other
// wakes a client that waits for several fewer times, and the kernel counts that
// as the sender's. NetEpoll is the default on Linux: against
// redis-server's 9.6 us of CPU per unpipelined PING gnet takes 11.9, of which
// 2 are its second epoll_wait and its yield in every round. NetStream gives
// each connection a goroutine; it carries TLS, unix sockets, and what stalled
// on a loop (park.go says why).
//
// # Invariants
//
//   - R1 Memory grows as bytes arrive, never by a length somebody claims.
//   - R2 Cutting a stream anywhere changes nothing: the commands and the error
//     are those of the whole stream. No byte of an unfinished command is
//     searched twice.
//   - R3 In steady state no command allocates, on any transport.
//   - R4 What one read brought costs one write, unless the session stops in
//     between or the reply is larger than the socket takes.
//   - R5 No two methods of a Session run at once, and Closed is the last.
//   - R6 A connection whose output the socket does not take is not read, and
//     one whose session is paused is read up to PausedInput (and one read
//     more). Output that waits is bounded by PendingOutputLimit.
//   - R7 A panic in a session closes its connection and nothing else.
//   - R8 A failed accept never ends the accepting.
//   - R9 After Server.Close every Session had its Closed, and no goroutine,
//     descriptor or socket file is left.
//   - R10 Conn's methods never block and take no lock that is held while a
//     Session runs, so sessions may wake and kill each other.
//   - R11 After Server.Drain, what sessions had to say is with their clients,
//     but for those that did not take it in time.
//
// # Goroutines and locks
//
// A Server owns the accept goroutine, the sweeper (timeouts, once a second),
// the loops, and one reader per stream; Close stops and waits for all of
// them. A wake or kill of a stream is a goroutine that its reader waits for; so is
// what empties the input of a connection that lingers (drain.go).
//
// On a loop a session needs no lock. On a stream streamState's lock guards it;
// the lock is released during reads and writes. conn.link is innermost and
// never held while calling out. Server.mu guards the list of connections and
// is never held while taking another lock.
//
// The package runs on Unix systems.
package resp
