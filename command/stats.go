package command

import (
	"maps"
	"math/bits"
	"sync"
	"sync/atomic"
)

// statShards spreads the counters, so that event loops do not fight for the
// same cache lines.
const statShards = 8

// histBuckets and histUnit: latencies are counted in units of 125 ns, in four
// steps per power of two, up to 18 minutes.
const (
	histUnit    = 125
	histBuckets = 132
)

// errorCodes bounds the distinct codes that errorstats counts.
const errorCodes = 128

// stats counts what the server does. Counters are atomics; errs.mu guards the
// map, which only errors touch.
type stats struct {
	shards       [statShards]statShard
	outputKills  atomic.Uint64
	panics       atomic.Uint64
	authFailures atomic.Uint64
	errorTotal   atomic.Uint64
	connections  atomic.Uint64
	since        atomic.Int64 // monotonic nanoseconds of the last reset
	errs         struct {
		sync.Mutex
		byCode map[string]uint64
	}
	rate rates
}

type statShard struct {
	in, out       atomic.Uint64
	reads, writes atomic.Uint64
	cmds          []cmdStat
	_             [64]byte
}

// cmdStat counts one command in one shard. The number of calls is the sum of
// the histogram, which is made at the first call.
type cmdStat struct {
	nanos    atomic.Int64
	failed   atomic.Uint64
	rejected atomic.Uint64
	hist     atomic.Pointer[histogram]
}

type histogram [histBuckets]atomic.Uint64

func (st *stats) init(commands int, now int64) {
	for i := range st.shards {
		st.shards[i].cmds = make([]cmdStat, commands)
	}
	st.errs.byCode = make(map[string]uint64)
	st.since.Store(now)
}

func (st *stats) shard(id uint64) *statShard { return &st.shards[id%statShards] }

// called counts one run of a command.
func (sh *statShard) called(cmd *Command, nanos int64, failed bool) {
	c := &sh.cmds[cmd.index]
	h := c.hist.Load()
	if h == nil {
		c.hist.CompareAndSwap(nil, new(histogram))
		h = c.hist.Load()
	}
	h[bucketOf(nanos)].Add(1)
	c.nanos.Add(nanos)
	if failed {
		c.failed.Add(1)
	}
}

func (sh *statShard) rejected(cmd *Command) { sh.cmds[cmd.index].rejected.Add(1) }

// bucketOf returns the histogram bucket of a latency.
func bucketOf(nanos int64) int {
	v := uint64(max(nanos, 0)) / histUnit
	if v < 4 {
		return int(v)
	}
	e := bits.Len64(v) - 1
	return min((e-1)*4+int(v>>(e-2)&3), histBuckets-1)
}

// BucketBound returns the latency, in nanoseconds, that all entries of bucket
// i and those before it are below.
func BucketBound(i int) int64 {
	i++
	if i < 4 {
		return int64(i) * histUnit
	}
	e := i/4 + 1
	return int64(4+i&3) << (e - 2) * histUnit
}

// errorReply counts an error reply by its code.
func (st *stats) errorReply(code string) {
	st.errorTotal.Add(1)
	st.errs.Lock()
	defer st.errs.Unlock()
	if _, known := st.errs.byCode[code]; known || len(st.errs.byCode) < errorCodes {
		st.errs.byCode[code]++
	}
}

// CommandStats is what was counted for one command.
type CommandStats struct {
	Name     string // "client|id" for a subcommand
	Group    string // the family: string, set, connection ...
	Calls    uint64
	Nanos    int64 // spent in all calls
	Failed   uint64
	Rejected uint64
	Hist     [histBuckets]uint64 // latencies; see BucketBound
}

// Stats is what the server has counted since it started or CONFIG RESETSTAT.
type Stats struct {
	Commands    []CommandStats // those used at least once
	Clients     int            // connections now
	Blocked     int            // of them, waiting in a command
	Connections uint64
	BytesIn     uint64
	BytesOut    uint64
	Reads       uint64            // pieces of input
	Writes      uint64            // pieces of output
	Errors      map[string]uint64 // error replies by code
	ErrorTotal  uint64
	OutputKills uint64 // clients closed for not reading
	Panics      uint64
	SlowlogLen  int
}

// Stats sums up the counters. It may be called at any time.
func (srv *Server) Stats() Stats {
	st := &srv.stats
	out := Stats{
		Clients:     srv.sessions.len(),
		Blocked:     srv.sessions.blocked(),
		Connections: st.connections.Load(),
		ErrorTotal:  st.errorTotal.Load(),
		OutputKills: st.outputKills.Load(),
		Panics:      st.panics.Load(),
		SlowlogLen:  srv.slowlog.len(),
	}
	for i := range st.shards {
		out.BytesIn += st.shards[i].in.Load()
		out.BytesOut += st.shards[i].out.Load()
		out.Reads += st.shards[i].reads.Load()
		out.Writes += st.shards[i].writes.Load()
	}
	st.errs.Lock()
	out.Errors = maps.Clone(st.errs.byCode)
	st.errs.Unlock()
	for _, cmd := range srv.table.all {
		if c := srv.commandStats(cmd); c.Calls > 0 || c.Rejected > 0 {
			out.Commands = append(out.Commands, c)
		}
	}
	return out
}

func (srv *Server) commandStats(cmd *Command) CommandStats {
	out := CommandStats{Name: cmd.Name, Group: cmd.Group}
	for i := range srv.stats.shards {
		c := &srv.stats.shards[i].cmds[cmd.index]
		out.Nanos += c.nanos.Load()
		out.Failed += c.failed.Load()
		out.Rejected += c.rejected.Load()
		h := c.hist.Load()
		if h == nil {
			continue
		}
		for b := range h {
			n := h[b].Load()
			out.Hist[b] += n
			out.Calls += n
		}
	}
	return out
}

// reset is CONFIG RESETSTAT.
func (st *stats) reset(now int64) {
	for i := range st.shards {
		sh := &st.shards[i]
		sh.in.Store(0)
		sh.out.Store(0)
		sh.reads.Store(0)
		sh.writes.Store(0)
		for j := range sh.cmds {
			c := &sh.cmds[j]
			c.nanos.Store(0)
			c.failed.Store(0)
			c.rejected.Store(0)
			c.hist.Store(nil)
		}
	}
	for _, n := range []*atomic.Uint64{&st.outputKills, &st.panics, &st.errorTotal, &st.connections} {
		n.Store(0)
	}
	st.since.Store(now)
	st.errs.Lock()
	clear(st.errs.byCode)
	st.errs.Unlock()
}
