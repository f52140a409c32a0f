package oplog

import "errors"

// Errors of Open. Their wrapped texts name the directory, what it holds and
// what was expected.
var (
	// ErrForeign: the directory belongs to another database, region or
	// replica, or holds something that is no log at all.
	ErrForeign = errors.New("oplog: foreign data directory")
	// ErrFormat: the directory was written in a format this program does not know.
	ErrFormat = errors.New("oplog: unknown data format")
	// ErrLocked: another process, or another Log of this one, has it open.
	ErrLocked = errors.New("oplog: data directory is in use")
)

// Reasons of Admit to refuse a write.
var (
	// ErrClock: the hybrid clock is further ahead of the wall clock than H1
	// allows. It heals by itself when the wall clock catches up.
	ErrClock = errors.New("oplog: clock is behind the log")
	// ErrDiskFull: the disk has less free space than the reserve, or a write waits for
	// space or for a file descriptor. It heals by itself when that returns.
	ErrDiskFull = errors.New("oplog: disk full")
	// ErrFailed: the disk returned an error after which nothing written can be
	// trusted. Reads keep working; only a new Open helps.
	ErrFailed = errors.New("oplog: log has failed")
	// ErrForbidden: Forbid was called. The wrapped text says why.
	ErrForbidden = errors.New("oplog: writes are forbidden")
	// ErrBacklog: more bytes wait for the disk than MaxPending, or MaxLarge of large ops. Wait for
	// Changed and try again.
	ErrBacklog = errors.New("oplog: too many bytes wait for the disk")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("oplog: log is closed")
)

// ErrAhead: a state transfer into this instance is under way.
var ErrAhead = errors.New("oplog: a state transfer into this instance is under way")

// Errors of received blocks and of reading.
var (
	// ErrGap: the block does not continue what is here, or depends on
	// something that is not.
	ErrGap = errors.New("oplog: block does not follow")
	// ErrDuplicate: the block is here already.
	ErrDuplicate = errors.New("oplog: block is here already")
	// ErrTruncated: the log no longer reaches back that far.
	ErrTruncated = errors.New("oplog: log is truncated")
	// ErrCorrupt marks bytes that are not what this package wrote.
	ErrCorrupt = errors.New("oplog: corrupt data")
)
