package peer

import (
	"context"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc/credentials"

	"crdb/crdt"
	"crdb/oplog"
)

// Applier applies blocks to the state of the instance. Blocks come in causal
// order, one at a time; the ops are visible when Apply returns. The block is
// shared with the log and with senders: Apply may keep parts of it and changes
// none. An error means the block cannot be applied: no later block of its
// author will be offered until the instance is restarted.
type Applier interface {
	Apply(b *oplog.Block) error
}

// Checker is what an Applier may have besides: it tells whether a block that is
// sound outside is sound inside. A block that is not is neither logged nor
// applied, and its link stops.
type Checker interface {
	Check(b *oplog.Block) error
}

// Stepper is an Applier that can pause in the middle of a block.
type Stepper interface {
	// ApplySteps is Apply that calls between, with no lock held, every now and
	// then, with the number of ops applied since.
	ApplySteps(b *oplog.Block, between func(ops int)) error
}

// Member is one instance of the database on another node, or this one.
type Member struct {
	Replica crdt.ReplicaID
	Region  string
	Addr    string // host:port of the node's peer server
}

// Options says what a Replicator works with. Database, Self, Region, Log,
// Apply, Dial, Wall and Mono are needed; the rest has defaults.
type Options struct {
	Database string // GUID
	Self     crdt.ReplicaID
	Region   string
	Log      *oplog.Log
	Apply    Applier

	// Images is the instance's state for state transfers; nil: there are none.
	Images Images
	// Join says that the instance was added to a database that existed: while
	// it holds nothing, it applies no blocks but asks for the state first.
	Join bool

	// Seed opens an older state of the database, for an instance that joins. It is
	// called when the transfer begins. What it returns nil of, or an error, is
	// done without. May be nil.
	Seed func() (Seed, error)

	// Served is a number that rises while clients are served: catching up then
	// leaves room for them. Any goroutine calls it. May be nil.
	Served func() uint64

	// Eased is called again and again, by any goroutine, while something catches
	// up and clients are served meanwhile. It must not block. May be nil.
	Eased func()

	// Deliver hands over a PUBLISH from another region. It must not block. It
	// is called by several goroutines; the slices are the callee's. May be nil.
	Deliver func(channel, payload []byte)

	// ConfigVersion tells the version of the membership now in force. It is
	// shown to peers in the handshake. May be nil.
	ConfigVersion func() uint64

	// Run names this life of the instance: a random number by which peers tell
	// a restart from a copy that runs beside it. 0: they cannot.
	Run uint64
	// Notice is told what the links find out and control must act on. It must
	// not block, and is called by several goroutines. May be nil.
	Notice func(Notice)

	Dial        func(ctx context.Context, addr string) (net.Conn, error) // the network
	Wall        func() int64                                             // unix milliseconds
	Mono        func() int64                                             // nanoseconds from any fixed point; never goes back
	Credentials credentials.TransportCredentials                         // nil: plain text
	Logger      *slog.Logger                                             // nil: silent

	Compression Compression
	Limits      Limits
	Timing      Timing
}

// Compression says which blocks this instance wants compressed when it follows
// others.
type Compression uint8

const (
	// CompressFar asks for compression unless the round trip shows that the
	// other is near: there bytes cost less than the time to compress them.
	CompressFar Compression = iota
	CompressAlways
	CompressNever
)

// nearby is the round trip up to which CompressFar counts a peer as near.
const nearby = time.Millisecond

// Limits are the bounds of what one Replicator keeps in memory (B1). Zero
// means the default.
type Limits struct {
	HoldBlocks   int // blocks of one replica read but not yet applied; default 4096
	HoldBytes    int // their bytes; default 32 MiB. One larger block is let in alone
	BlockBytes   int // one block; default 1 GiB
	WindowBytes  int // sent on a stream and not yet taken by the follower; default 16 MiB
	BatchBytes   int // block bytes read from the log for one message; default 256 KiB
	CacheBytes   int // compressed pieces kept for other links; default 4 MiB
	PublishBytes int // PUBLISH messages waiting for one link; default 4 MiB
	FetchBytes   int // block bytes asked for by one fetch; default 1 MiB
	TransferRate int // bytes per second of one state transfer to another member; default 0: no limit
	Fetches      int // fetches under way at once, to peers and from peers each; default 4
}

// Timing are the periods of one Replicator. Zero means the default.
type Timing struct {
	Heartbeat   time.Duration // on every stream, both ways; default 500 ms
	Ack         time.Duration // least time between two acknowledgements; default 8 ms
	LinkTimeout time.Duration // silence after which a link counts as dead; default 5 s
	Handshake   time.Duration // for connecting and shaking hands; default 10 s
	FetchDelay  time.Duration // patience before a missing block is fetched elsewhere; default 200 ms
	RetryMin    time.Duration // first back-off of a broken link; default 100 ms
	RetryMax    time.Duration // ceiling of the back-off; default 5 s
	RetryStop   time.Duration // wait after an error that needs a person; default 60 s
	HeldAlarm   time.Duration // for which a block is held and nothing comes that it waits for, before an alarm; default 60 s
}

func def[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (l *Limits) setDefaults() {
	def(&l.HoldBlocks, 4096)
	def(&l.HoldBytes, 32<<20)
	def(&l.BlockBytes, 1<<30)
	def(&l.WindowBytes, 16<<20)
	l.WindowBytes = max(l.WindowBytes, 2*ackEvery)
	def(&l.BatchBytes, 256<<10)
	def(&l.CacheBytes, 4<<20)
	def(&l.PublishBytes, 4<<20)
	def(&l.FetchBytes, 1<<20)
	def(&l.Fetches, 4)
}

func (t *Timing) setDefaults() {
	def(&t.Heartbeat, 500*time.Millisecond)
	def(&t.Ack, 8*time.Millisecond)
	def(&t.LinkTimeout, 5*time.Second)
	def(&t.Handshake, 10*time.Second)
	def(&t.FetchDelay, 200*time.Millisecond)
	def(&t.RetryMin, 100*time.Millisecond)
	def(&t.RetryMax, 5*time.Second)
	def(&t.RetryStop, time.Minute)
	// A missing block is asked for at least every 13 seconds (gate.patienceFor), a
	// link that failed is tried again every 5: what anybody has has come by then.
	def(&t.HeldAlarm, time.Minute)
}
