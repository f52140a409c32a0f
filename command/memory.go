package command

import (
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"

	"crdb/engine"
	"crdb/resp"
)

var memoryCommands = []*Command{
	{Name: "memory", Summary: "Tells how memory is used.", Subcommands: []*Command{
		{Name: "memory|doctor", Summary: "Says whether memory use looks healthy.", Handler: memoryDoctor},
		{Name: "memory|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "memory|malloc-stats", Summary: "Shows the runtime's memory figures.", Handler: mallocStats},
		{Name: "memory|purge", Summary: "Gives unused memory back to the system.", Handler: memoryPurge},
		{Name: "memory|stats", Flags: WholeKeyspace, Summary: "Returns memory figures.", Handler: memoryStats},
		{Name: "memory|usage", Summary: "Returns how many bytes a key takes.", Handler: memoryUsage},
	}},
}

// memory is what the Go runtime says, in bytes.
type memory struct {
	heap  int64 // live and not yet collected objects
	inUse int64 // heap memory that is not free
	total int64 // everything mapped, but what was given back
	goal  int64 // the heap at which a collection is to be done
}

func readMemory() memory {
	s := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/goal:bytes"},
	}
	metrics.Read(s)
	value := func(i int) int64 {
		if s[i].Value.Kind() != metrics.KindUint64 {
			return 0
		}
		return int64(s[i].Value.Uint64())
	}
	return memory{heap: value(0), inUse: value(0) + value(1), total: value(2) - value(3), goal: value(4)}
}

// memoryPeriod is how old the figure that maxmemory is compared with may be,
// in nanoseconds.
const memoryPeriod = 50e6

// memoryGauge remembers the used memory for a moment, and its peak.
type memoryGauge struct {
	read atomic.Int64 // when, monotonic
	used atomic.Int64
	peak atomic.Int64
}

// usedMemory returns the used memory, read at most every memoryPeriod.
func (srv *Server) usedMemory() int64 {
	g := &srv.memory
	now, last := srv.opts.Now(), g.read.Load()
	if (last == 0 || now-last > memoryPeriod) && g.read.CompareAndSwap(last, max(now, 1)) {
		used := readMemory().heap
		g.used.Store(used)
		if used > g.peak.Load() {
			g.peak.Store(used)
		}
	}
	return g.used.Load()
}

func memoryUsage(c *Context) {
	for i := 3; i < len(c.Args); i += 2 {
		if !equalFold(c.Args[i], "samples") || i+1 >= len(c.Args) {
			c.Out.Error(msgSyntax)
			return
		}
		n, ok := c.argInt(i + 1)
		if !ok {
			return
		}
		if n < 0 {
			c.Out.Error(msgSyntax)
			return
		}
	}
	key := c.Args[2]
	c.untouched(func() {
		if n, ok := c.Tx.MemoryUsage(key); ok {
			c.Out.Int(n)
			return
		}
		c.Out.Null()
	})
}

func memoryDoctor(c *Context) {
	m := readMemory()
	text := "Memory looks healthy."
	if limit := c.S.set.maxMemory; limit > 0 && m.heap > limit {
		text = "More memory is used than maxmemory allows: commands that need more are refused."
	}
	c.Out.Verbatim("txt", text+"\n")
}

func memoryPurge(c *Context) {
	debug.FreeOSMemory()
	c.Out.OK()
}

func mallocStats(c *Context) {
	m := readMemory()
	var b infoText
	b.num("heap_objects_bytes", m.heap)
	b.num("heap_in_use_bytes", m.inUse)
	b.num("mapped_bytes", m.total)
	c.Out.Verbatim("txt", b.String())
}

// memoryStats has the fields of Redis's, but for those of its hash tables.
func memoryStats(c *Context) {
	srv := c.Server
	m, rss := readMemory(), srv.opts.Process().RSS
	srv.usedMemory()
	keys := 0
	for db := range engine.Databases {
		keys += c.Tx.LenOf(db)
	}
	_, scripts := srv.scripts.cached()
	peak, clients, libs := max(srv.memory.peak.Load(), m.heap), srv.clientMemory(), c.librarySum()
	overhead := clients + int64(scripts+libs.bytes)
	c.Out.Map(27)
	number(c.Out, "peak.allocated", int(peak))
	number(c.Out, "total.allocated", int(m.heap))
	for _, name := range []string{"startup.allocated", "replication.backlog", "clients.slaves"} {
		number(c.Out, name, 0)
	}
	number(c.Out, "clients.normal", int(clients))
	number(c.Out, "cluster.links", 0)
	number(c.Out, "aof.buffer", 0)
	number(c.Out, "lua.caches", scripts)
	number(c.Out, "functions.caches", libs.bytes)
	number(c.Out, "overhead.total", int(overhead))
	number(c.Out, "keys.count", keys)
	number(c.Out, "keys.bytes-per-key", int(m.heap)/max(keys, 1))
	number(c.Out, "dataset.bytes", int(m.heap-overhead))
	double(c.Out, "dataset.percentage", 100*ratio(m.heap-overhead, m.heap))
	double(c.Out, "peak.percentage", 100*ratio(m.heap, peak))
	number(c.Out, "allocator.allocated", int(m.heap))
	number(c.Out, "allocator.active", int(m.inUse))
	number(c.Out, "allocator.resident", int(m.total))
	for _, of := range []struct {
		name string
		a, b int64
	}{
		{"allocator-fragmentation", m.inUse, m.heap}, {"allocator-rss", m.total, m.inUse}, {"rss-overhead", rss, m.total},
	} {
		double(c.Out, of.name+".ratio", ratio(of.a, of.b))
		number(c.Out, of.name+".bytes", int(of.a-of.b))
	}
	double(c.Out, "fragmentation", ratio(rss, m.heap))
	number(c.Out, "fragmentation.bytes", int(rss-m.heap))
}

func double(out *resp.Writer, key string, f float64) {
	out.BulkString(key)
	out.Double(f)
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// clientMemory sums up the buffers of all sessions.
func (srv *Server) clientMemory() int64 {
	var sum int64
	for _, s := range srv.sessions.snapshot() {
		st := s.info.state()
		sum += st.memory()
	}
	return sum
}

// memory is what the buffers of a client take.
func (st *clientState) memory() int64 { return int64(st.unread + st.multiMem + st.room) }
