package oplog

import (
	"errors"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// Defaults of Options.
const (
	DefaultPace          = 4 * time.Millisecond
	DefaultReceivePace   = 10 * time.Millisecond
	DefaultMaxClockDrift = 500 * time.Millisecond
	DefaultCacheBytes    = 4 << 20
	DefaultMaxPending    = 64 << 20
	DefaultMaxLarge      = 512<<20 + 64<<20 // the largest value, and what comes with it
	DefaultMaxReceive    = 32 << 20
	DefaultLargeOp       = 256 << 10
	DefaultDiskReserve   = 128 << 20
	DefaultMemTableBytes = 4 << 20
	DefaultFlushDelay    = 10 * time.Second
)

// Identity says whose log a directory holds. Open refuses any other.
type Identity struct {
	Database string // GUID
	Name     string // for messages only: a database may be renamed
	Region   string
	Replica  crdt.ReplicaID
}

// Options configure Open. Dir, Identity and Wall are required.
type Options struct {
	FS       vfs.FS // nil: the operating system's
	Dir      string
	Identity Identity

	// Wall returns unix milliseconds, to several goroutines at a time. Append calls it under its lock: it must
	// be cheap and must not call into the Log.
	Wall func() int64
	// Mono returns nanoseconds from any fixed point; it only measures commit
	// latency. nil: latency is not measured.
	Mono func() int64
	// After is the timer seam. nil: time.After.
	After func(time.Duration) <-chan time.Time
	// Rand returns random bits. Open calls it once, for where the numbers of commits begin.
	// nil: at 1, which whoever writes could know (see checkWAL).
	Rand func() uint64

	Pace          time.Duration // least pause before a commit of own ops nobody waits for
	ReceivePace   time.Duration // the same for received blocks alone, and for all ops under SetAlone
	MaxClockDrift time.Duration // H1

	RetentionBytes int64  // budget of kept blocks, see Excess. 0: no budget
	CacheBytes     int    // recent blocks kept in memory for senders
	MaxPending     int    // own bytes not yet durable; above it Admit says ErrBacklog
	MaxLarge       int    // the same for large ops, which MaxPending does not count
	MaxReceive     int    // received bytes not yet durable; above it Receive blocks
	LargeOp        int    // see Log.LargeOp
	DiskReserve    int64  // free bytes below which Admit says ErrDiskFull; -1: no check
	MemTableBytes  uint64 // Pebble's memtable
	// FlushDelay is how long the space of truncated log may wait for a flush.
	// Negative: until there is one for another reason.
	FlushDelay time.Duration

	// OnCommit is called by the writer after every commit; it must not block.
	OnCommit func(Commit)
	Logger   *slog.Logger // nil: discard
}

// Commit describes one commit of the writer.
type Commit struct {
	Blocks   int           // local and received
	Ops      int           // local
	Bytes    int           // local and received
	Duration time.Duration // of the Pebble commit with its sync; 0 without Mono
}

func (o *Options) setDefaults() error {
	switch {
	case o.Dir == "":
		return errors.New("oplog: no directory given")
	case o.Wall == nil:
		return errors.New("oplog: no wall clock given")
	case o.Identity.Replica == 0 || o.Identity.Database == "" || o.Identity.Region == "":
		return errors.New("oplog: incomplete identity: database, region and replica are required")
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.Pace, DefaultPace)
	setDefault(&o.ReceivePace, max(DefaultReceivePace, o.Pace))
	setDefault(&o.MaxClockDrift, DefaultMaxClockDrift)
	setDefault(&o.CacheBytes, DefaultCacheBytes)
	setDefault(&o.MaxPending, DefaultMaxPending)
	setDefault(&o.MaxLarge, DefaultMaxLarge)
	setDefault(&o.MaxReceive, DefaultMaxReceive)
	setDefault(&o.LargeOp, DefaultLargeOp)
	setDefault(&o.DiskReserve, DefaultDiskReserve)
	setDefault(&o.MemTableBytes, DefaultMemTableBytes)
	setDefault(&o.FlushDelay, DefaultFlushDelay)
	return nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
