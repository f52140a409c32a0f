package regions

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

const (
	writersPerRegion = 2
	mostPipelined    = 8
	writePause       = time.Millisecond      // between two writes of a writer
	failurePause     = 30 * time.Millisecond // before a writer dials again
	keptCommands     = 30_000                // per writer, for reports
	shownCommands    = 25                    // per key in a report
)

// storm is writers in all regions at once.
type storm struct {
	c    *cluster.Cluster
	stop context.CancelFunc
	wg   sync.WaitGroup
	all  []*writer
}

// writer sends random commands to one region over one connection at a time. It
// is its goroutine's until the storm has ended.
type writer struct {
	region string
	addr   string
	cmds   *oracle.Commands
	conn   *oracle.Conn
	done   []sent // the last keptCommands
	count  int
	fault  error // of the server
}

// sent is a command and what came of it.
type sent struct {
	at    time.Time
	db    string
	args  []string
	reply string
}

// startStorm starts the writers.
func startStorm(ctx context.Context, c *cluster.Cluster, seed uint64) *storm {
	ctx, stop := context.WithCancel(ctx)
	s := &storm{c: c, stop: stop}
	for i := range len(names) * writersPerRegion {
		region := names[i%len(names)]
		w := &writer{region: region, addr: c.Node(region).Addr(), cmds: newCommands(seed + uint64(i)<<32)}
		s.all = append(s.all, w)
		s.wg.Go(func() { w.run(ctx) })
	}
	return s
}

// end stops the writers, waits for them and returns the first fault.
func (s *storm) end() error {
	s.stop()
	s.wg.Wait()
	for _, w := range s.all {
		if w.fault != nil {
			return fmt.Errorf("%s: %w", w.region, w.fault)
		}
	}
	return nil
}

func (s *storm) count() (n int) {
	for _, w := range s.all {
		n += w.count
	}
	return n
}

func (w *writer) run(ctx context.Context) {
	defer w.hangUp()
	db := "0"
	for ctx.Err() == nil && w.fault == nil {
		if w.conn == nil {
			db = "0"
			if w.conn, _ = oracle.Dial(w.addr); w.conn == nil { // the node is down
				pause(ctx, failurePause)
				continue
			}
		}
		var batch [][]string
		for n := 1 + w.cmds.Rand().IntN(mostPipelined); len(batch) < n; {
			batch = append(batch, next(w.cmds)...)
		}
		began := time.Now()
		replies, err := w.conn.Pipeline(batch)
		for i, args := range batch {
			reply := "?"
			if i < len(replies) {
				reply = replies[i].Head
				w.note(replies[i], args)
			}
			w.keep(sent{began, db, args, reply})
			if strings.EqualFold(args[0], "select") && reply == "+OK" {
				db = args[1]
			}
		}
		if err != nil {
			w.hangUp()
		}
		pause(ctx, writePause)
	}
}

func (w *writer) note(rep oracle.Reply, args []string) {
	if err := fault(rep); err != nil && w.fault == nil {
		w.fault = fmt.Errorf("%s: %w", oracle.Line(args), err)
	}
}

func (w *writer) keep(s sent) {
	w.count++
	if len(w.done) == keptCommands {
		w.done = slices.Delete(w.done, 0, keptCommands/2)
	}
	w.done = append(w.done, s)
}

func (w *writer) hangUp() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// history names what was last sent that is about a key, in any database.
func (s *storm) history(key string) string {
	type line struct {
		region string
		sent
	}
	var lines []line
	for _, w := range s.all {
		for _, x := range w.done {
			name := strings.ToLower(x.args[0])
			if slices.Contains(x.args[1:], key) || name == "exec" || strings.HasPrefix(name, "flush") {
				lines = append(lines, line{w.region, x})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, l := range lines[max(0, len(lines)-shownCommands):] {
		fmt.Fprintf(&b, "    %s %s db %s: %.300s -> %.60s\n", l.at.Format("05.000"), l.region, l.db, oracle.Line(l.args), l.reply)
	}
	return b.String()
}

// trouble is what may break, and how it is mended.
type trouble struct {
	name string
	do   func(ctx context.Context, c *cluster.Cluster, a, b string) error
}

var troubles = []trouble{
	{"cut", func(_ context.Context, c *cluster.Cluster, a, b string) error { c.Net.Cut(a, b); return nil }},
	{"hold", func(_ context.Context, c *cluster.Cluster, a, b string) error { c.Net.Hold(a, b); return nil }},
	{"cut one way", func(_ context.Context, c *cluster.Cluster, a, b string) error { c.Net.CutOneWay(a, b); return nil }},
	{"isolate", func(_ context.Context, c *cluster.Cluster, a, _ string) error { c.Net.Isolate(a); return nil }},
	{"cut all", func(_ context.Context, c *cluster.Cluster, _, _ string) error { c.Net.CutAll(); return nil }},
	{"reset", func(_ context.Context, c *cluster.Cluster, a, b string) error { c.Net.Reset(a, b); return nil }},
	{"delay", func(_ context.Context, c *cluster.Cluster, a, b string) error {
		c.Net.Delay(a, b, 20*time.Millisecond)
		return nil
	}},
	{"damage", func(_ context.Context, c *cluster.Cluster, a, b string) error { c.Net.Damage(a, b, 50); return nil }},
	{"kill", func(ctx context.Context, c *cluster.Cluster, a, _ string) error {
		if err := c.Node(a).Kill(); err != nil {
			return err
		}
		return c.Node(a).Restart(ctx)
	}},
	{"kill two", func(ctx context.Context, c *cluster.Cluster, a, b string) error {
		for _, region := range []string{a, b} {
			if err := c.Node(region).Kill(); err != nil {
				return err
			}
		}
		if err := c.Node(b).Restart(ctx); err != nil {
			return err
		}
		return c.Node(a).Restart(ctx)
	}},
	{"stop", func(ctx context.Context, c *cluster.Cluster, a, _ string) error {
		if err := c.Node(a).Stop(); err != nil {
			return err
		}
		return c.Node(a).Restart(ctx)
	}},
	{"freeze", func(ctx context.Context, c *cluster.Cluster, a, _ string) error {
		if err := c.Node(a).Pause(); err != nil {
			return err
		}
		pause(ctx, time.Second)
		return c.Node(a).Resume()
	}},
}

// rage lets one trouble follow the other until the time is over, then heals
// everything. It returns what it did.
func rage(ctx context.Context, c *cluster.Cluster, r *rand.Rand, d time.Duration) (did []string, err error) {
	defer c.Net.HealAll()
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		order, t := r.Perm(len(names)), troubles[r.IntN(len(troubles))]
		a, b := names[order[0]], names[order[1]]
		did = append(did, fmt.Sprintf("%s %s %s", t.name, a, b))
		if err := t.do(ctx, c, a, b); err != nil {
			return did, fmt.Errorf("%s: %w", did[len(did)-1], err)
		}
		pause(ctx, time.Duration(50+r.IntN(700))*time.Millisecond)
		if r.IntN(2) == 0 {
			c.Net.HealAll()
			pause(ctx, time.Duration(r.IntN(300))*time.Millisecond)
		}
	}
	return did, nil
}
