// Package oracle compares one crdb node with redis-server: with a single
// writer every command must answer exactly as Redis 7.0 does, so redis-server
// itself is the specification.
//
// It makes random streams of commands (valid ones, borderline ones, wrong
// ones) over a small pool of keys and values, so that types collide, sends
// each command to both servers over TCP in RESP2 and RESP3, and compares the
// replies byte for byte. Where Redis leaves something open the comparison
// knows it: replies without an order are compared as multisets, times to live
// with a tolerance, random picks by what they may pick from, SCAN by what a
// whole walk returns. At the end of a stream the contents of both are compared.
//
// A stream that fails is cut down to a short one and printed as redis-cli
// commands. Put into a file under testdata, with a first line that says what
// was wrong, it is replayed before anything random in every later run.
//
// Rules that streams keep, because no comparison could be exact without them:
//
//   - O1 Deadlines are far away or in the past; no test waits for one.
//   - O2 No deadline is within seconds of another that was computed from
//     another reading of the clock, so that GT and LT are decided alike.
//   - O3 A reply whose effect depends on chance (SPOP of a part of a set) is
//     followed by bringing crdb's key to what Redis has; inside MULTI, where
//     that is impossible, the stream ends there.
//
// Environment: ORACLE_TALKS is how many talks are played at most (no bound by
// default), ORACLE_SECONDS is how long random streams run (20 by default),
// ORACLE_SEED the first seed, ORACLE_ADDR the address of a running crdb node
// to test instead of one in this process (all its data is deleted).
package oracle
