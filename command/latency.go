package command

import (
	"sort"
	"strings"
	"sync"
)

// latencySamples is how many samples of an event LATENCY HISTORY keeps.
const latencySamples = 160

// latencyEvents keeps what was slower than latency-monitor-threshold, by event.
// There are few kinds of events, all named in this package.
type latencyEvents struct {
	mu struct {
		sync.Mutex
		byName map[string]*latencyEvent
	}
}

type latencyEvent struct {
	samples []latencySample // oldest first, at most one per second
	max     int64
}

type latencySample struct{ when, millis int64 }

func (l *latencyEvents) add(name string, when, millis int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.byName == nil {
		l.mu.byName = make(map[string]*latencyEvent)
	}
	e := l.mu.byName[name]
	if e == nil {
		e = &latencyEvent{}
		l.mu.byName[name] = e
	}
	e.max = max(e.max, millis)
	if n := len(e.samples); n > 0 && e.samples[n-1].when == when {
		e.samples[n-1].millis = max(e.samples[n-1].millis, millis)
		return
	}
	if len(e.samples) == latencySamples {
		e.samples = append(e.samples[:0], e.samples[1:]...)
	}
	e.samples = append(e.samples, latencySample{when, millis})
}

// history returns a copy of the samples of an event, and its highest ever.
func (l *latencyEvents) history(name string) (samples []latencySample, high int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.mu.byName[name]; e != nil {
		return append([]latencySample(nil), e.samples...), e.max
	}
	return nil, 0
}

// reset forgets the named events, or all, and returns how many there were.
func (l *latencyEvents) reset(names []string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.mu.byName)
	if len(names) == 0 {
		clear(l.mu.byName)
		return n
	}
	for _, name := range names {
		delete(l.mu.byName, name)
	}
	return n - len(l.mu.byName)
}

var latencyCommands = []*Command{
	{Name: "latency", Summary: "Tells how long things took.", Subcommands: []*Command{
		{Name: "latency|doctor", Summary: "Sums up the slow events.", Handler: latencyDoctor},
		{Name: "latency|graph", Summary: "Draws the samples of an event.", Handler: latencyGraph},
		{Name: "latency|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "latency|histogram", Summary: "Returns how long commands took.", Handler: latencyHistogram},
		{Name: "latency|history", Summary: "Returns the samples of an event.", Handler: latencyHistory},
		{Name: "latency|latest", Summary: "Returns the last sample of every event.", Handler: latencyLatest},
		{Name: "latency|reset", Summary: "Forgets events.", Handler: latencyReset},
	}},
}

func latencyDoctor(c *Context) {
	text := "No slow events were seen.\n"
	if c.S.set.monitor == 0 {
		text = "Slow events are not watched. Use CONFIG SET latency-monitor-threshold <milliseconds> to begin.\n"
	} else if n := len(c.Server.latency.names()); n > 0 {
		text = "Slow events: " + strings.Join(c.Server.latency.names(), ", ") + ". See LATENCY HISTORY and SLOWLOG GET.\n"
	}
	c.Out.Verbatim("txt", text)
}

func (l *latencyEvents) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for n := range l.mu.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func latencyHistory(c *Context) {
	samples, _ := c.Server.latency.history(string(c.Args[2]))
	c.Out.Array(len(samples))
	for _, s := range samples {
		c.Out.Array(2)
		c.Out.Int(s.when)
		c.Out.Int(s.millis)
	}
}

func latencyLatest(c *Context) {
	l := &c.Server.latency
	names := l.names()
	l.mu.Lock()
	defer l.mu.Unlock()
	c.Out.Array(len(names))
	for _, name := range names {
		e := l.mu.byName[name]
		last := e.samples[len(e.samples)-1]
		c.Out.Array(4)
		c.Out.BulkString(name)
		c.Out.Int(last.when)
		c.Out.Int(last.millis)
		c.Out.Int(e.max)
	}
}

func latencyReset(c *Context) {
	var names []string
	for _, a := range c.Args[2:] {
		names = append(names, string(a))
	}
	c.Out.Int(int64(c.Server.latency.reset(names)))
}

// latencyHistogram shows, per command, how many calls took at most a power of
// two of microseconds. Redis's bounds are a little wider; ours are exact.
func latencyHistogram(c *Context) {
	var cmds []*Command
	for _, a := range c.Args[2:] {
		if cmd := c.Server.table.byFullName(a); cmd != nil {
			cmds = append(append(cmds, cmd), cmd.Subcommands...)
		}
	}
	if len(c.Args) == 2 {
		cmds = c.Server.table.all
	}
	var used []CommandStats
	for _, cmd := range cmds {
		if st := c.Server.commandStats(cmd); st.Calls > 0 {
			used = append(used, st)
		}
	}
	c.Out.Map(len(used))
	for i := range used {
		c.Out.BulkString(used[i].Name)
		histogramReply(c, &used[i])
	}
}

func histogramReply(c *Context, st *CommandStats) {
	type step struct{ micros, calls int64 }
	var steps []step
	var calls int64
	b := 0
	for micros := int64(1); calls < int64(st.Calls) && b < histBuckets; micros *= 2 {
		before := calls
		for b < histBuckets && BucketBound(b) <= micros*1000 {
			calls += int64(st.Hist[b])
			b++
		}
		if calls > before {
			steps = append(steps, step{micros, calls})
		}
	}
	c.Out.Map(2)
	c.Out.BulkString("calls")
	c.Out.Int(int64(st.Calls))
	c.Out.BulkString("histogram_usec")
	c.Out.Map(len(steps))
	for _, s := range steps {
		c.Out.Int(s.micros)
		c.Out.Int(s.calls)
	}
}
