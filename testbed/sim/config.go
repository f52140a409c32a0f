package sim

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"time"

	"crdb/engine"
	"crdb/peer"
	"crdb/testbed/oracle"
)

// Config is what a run is made of besides its seed. A seed gives one; to find
// out what a failure needs, it is made smaller.
type Config struct {
	Seed     uint64
	Regions  int
	Spares   int      // machines that no instance is on in the beginning
	Clients  int      // per region
	Ops      int      // per client
	Fsync    string   // appendfsync
	Faults   []string // kinds
	Families []string // of random commands; see oracle.Families
	Ledger   []string // kinds of commands whose result can be foretold

	CacheBytes      int   // of the log
	CheckpointBytes int64 // of log between checkpoints
	MemTableBytes   uint64
	LargeOp         int // bytes of an operation that is a block of its own
	Sizes           engine.Sizes
	HoldBlocks      int // blocks of one peer that may wait
	WindowBytes     int // sent and not yet taken

	Retention    int64 // bytes of log kept for members that are away
	TransferRate int64 // bytes per second of a state transfer; 0: no limit
	FetchDelayMS int   // after which a missing block is fetched elsewhere, so that it may come twice
	AutoRecover  bool  // an instance that lost log comes back by itself
}

// String is the configuration on one line.
func (c Config) String() string {
	b, _ := json.Marshal(c)
	return string(b)
}

// draw makes the configuration of a seed: a random part of all there is, so
// that runs differ in what they leave out.
func draw(seed uint64) Config {
	rng := rand.New(rand.NewPCG(seed, 0))
	c := Config{
		Seed: seed, Regions: 2 + rng.IntN(2), Clients: 1 + rng.IntN(3), Ops: 200 + rng.IntN(800),
		Fsync:           []string{"always", "everysec", "no"}[rng.IntN(3)],
		Faults:          some(rng, placeKinds()),
		Families:        some(rng, append(oracle.Families(), ownFamilies...)),
		Ledger:          some(rng, ledgerKinds),
		CacheBytes:      1 << (10 + rng.IntN(12)),
		CheckpointBytes: 1 << (13 + rng.IntN(10)),
		MemTableBytes:   1 << (17 + rng.IntN(6)),
		HoldBlocks:      1 << (2 + rng.IntN(10)),
		WindowBytes:     1 << (12 + rng.IntN(12)),
	}
	if rng.IntN(4) == 0 {
		c.Regions++
	}
	if c.stalls() {
		c.MemTableBytes = 4 << 20
	}
	c.drawMembers(rand.New(rand.NewPCG(seed, 1)))
	if rand.New(rand.NewPCG(seed, 100)).IntN(3) == 0 { // apart from the others, which a seed goes on to draw as before
		c.Families = append(c.Families, scarce)
	}
	c.drawSizes(rand.New(rand.NewPCG(seed, 101)))
	return c
}

// drawSizes makes what is large in half of the runs so small that keys get there, lets
// some of these make longer keys, and compares the regions in some meanwhile.
func (c *Config) drawSizes(rng *rand.Rand) {
	if rng.IntN(2) == 0 {
		return
	}
	if rng.IntN(2) == 0 {
		c.Families = append(c.Families, long)
	}
	if rng.IntN(2) == 0 {
		c.Faults = append(c.Faults, "verify")
	}
	up := func(least, doublings int) int {
		if rng.IntN(4) == 0 {
			return 0 // as on a server
		}
		return least<<rng.IntN(doublings+1) + rng.IntN(least)
	}
	c.LargeOp = up(2<<10, 4)
	c.Sizes = engine.Sizes{
		MergeKeys: up(1, 3), SliceBytes: up(64, 8),
		DraftFrom: up(2, 6), DraftBytes: up(128, 8), DraftStep: up(1, 6),
		BuildFrom:  up(32, 6),
		AheadElems: up(1, 6), AheadBytes: up(16, 8),
		ApartBytes: up(64, 6), PieceBytes: up(16, 8),
		FlushFrom: up(1, 4), FlushStep: up(1, 4),
		FewBytes: up(16, 6),
	}
}

// drawMembers chooses what has to do with members that come, go and lag. Half
// of the runs keep the members they begin with.
func (c *Config) drawMembers(rng *rand.Rand) {
	c.Retention, c.FetchDelayMS, c.AutoRecover = 1<<30, 200, rng.IntN(2) == 0
	if rng.IntN(2) == 0 {
		c.FetchDelayMS = 4 << rng.IntN(6)
	}
	if rng.IntN(2) == 0 {
		c.Faults = append(c.Faults, some(rng, memberKinds())...)
		for i, kind := range laterKinds {
			if rand.New(rand.NewPCG(c.Seed, 2+uint64(i))).IntN(3) == 0 {
				c.Faults = append(c.Faults, kind)
			}
		}
		c.Spares = 1 + rng.IntN(2)
	}
	if rng.IntN(3) == 0 {
		c.Retention = 4 << 10 << rng.IntN(4)
		c.CheckpointBytes = min(c.CheckpointBytes, c.Retention)
	}
	if rng.IntN(2) == 0 {
		c.TransferRate = 8 << 10 << rng.IntN(8)
	}
}

// stalls reports whether writes to a disk may be made to wait. The store's
// memtables are then not changed on the way, neither when they are full nor for
// a truncation: that is done with a mutex held, and while somebody waits for a
// mutex virtual time does not pass, also not the one for which the disk makes
// wait.
func (c *Config) stalls() bool {
	return slices.Contains(c.Faults, "full") || slices.Contains(c.Faults, "eio")
}

func (c *Config) flushDelay() time.Duration {
	if c.stalls() {
		return -1
	}
	return 2 * time.Second
}

// some picks a random part of all, not nothing.
func some(rng *rand.Rand, all []string) (picked []string) {
	for len(picked) == 0 {
		p := rng.IntN(100)
		for _, s := range all {
			if rng.IntN(100) < p {
				picked = append(picked, s)
			}
		}
	}
	return picked
}

func (c *Config) limits() peer.Limits {
	return peer.Limits{HoldBlocks: c.HoldBlocks, WindowBytes: c.WindowBytes, BatchBytes: 4 << 10, FetchBytes: 16 << 10}
}
