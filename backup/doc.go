// Package backup is the format of a backup of one database instance: a
// directory with the range images of a snapshot, the log above them, and a
// manifest that says whose they are.
//
// It leaves to others what the records and blocks mean (engine, oplog), when a
// backup is made (control), and what a restore does with it.
//
// # Layout
//
//	MANIFEST        JSON, and a last line with its SHA-256
//	ranges          the vector of every range: 2 bytes of range, the vector
//	state-00 .. 15  the records of 64 ranges each: uvarint length and key,
//	                uvarint length and value, many of them in a frame
//	users           the lines of an ACL file, each a frame (since format 2)
//	log             blocks, in an order that respects what they depend on
//
// Every file but the manifest begins with 8 bytes of magic and is a sequence of
// frames: 4 bytes of length, 4 bytes of CRC-32C of what follows, the content;
// integers big endian. The manifest has the size and SHA-256 of each.
//
// # Invariants
//
//	B1  A directory without a MANIFEST is no backup: it is written last, and
//	    everything is on disk before it. A backup that fails leaves nothing.
//	B2  The ranges have different vectors, and the log holds all that lies
//	    between the lowest of them and the end of the snapshot: replayed over
//	    the ranges, each op skipped where its range covers it, it gives the
//	    state at the end, which is causally closed (B2 of oplog).
//	B3  Whatever is in the files, reading ends with what was written or with an
//	    error that names the file and the place; memory grows with the bytes
//	    that are there, never by a length that they claim.
//	B4  A backup never takes the disk's last 256 MiB: a log on the same disk
//	    goes on.
//	B5  No other user of the machine can read a file. Passwords are in it only as
//	    the SHA-256 that ACL keeps.
//
// It starts no goroutine.
package backup
