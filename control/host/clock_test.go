package host

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"crdb/control"
	"crdb/control/api"
	"crdb/control/conf"
)

// skewed opens a node whose clock is wrong by what skew holds.
func skewed(t *testing.T, s *conf.Settings, skew *atomic.Int64) *control.Node {
	t.Helper()
	n, err := control.Open(control.Options{Settings: s, Rand: crand.Reader,
		Now: func() time.Time { return time.Now().Add(time.Duration(skew.Load())) },
		Dial: func(ctx context.Context, a string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", a)
		},
		OpenHost: Opener(Options{Mono: func() int64 { return int64(time.Since(begun)) }, Rand: rand.Uint64}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// clocks are three regions with a database, and how wrong the clock of each is.
type clocks struct {
	*testing.T
	all   []*control.Node
	ss    []*conf.Settings
	skew  [3]atomic.Int64
	guid  string
	ports []int
}

func newClocks(t *testing.T) *clocks {
	c := &clocks{T: t}
	d := &api.Database{Name: "cart"}
	for i, r := range []string{"us-east", "eu-west", "ap-south"} {
		s := settings(t, r)
		n := skewed(t, s, &c.skew[i])
		c.all, c.ss = append(c.all, n), append(c.ss, s)
		d.Instances = append(d.Instances, api.Instance{Cluster: api.Cluster{Name: n.AdminAddr()}})
	}
	c.guid = c.wait(client(c.all[0]).Create(t.Context(), d)).GUID
	made, err := client(c.all[0]).Database(t.Context(), c.guid)
	if err != nil {
		t.Fatal(err)
	}
	for i := range made.Instances {
		c.ports = append(c.ports, made.Port(i))
	}
	return c
}

// wait waits for a task of the first node.
func (c *clocks) wait(k *api.Task, err error) *api.Task {
	c.Helper()
	if err == nil {
		k, err = client(c.all[0]).Wait(c.Context(), k.ID, time.Millisecond, nil)
	}
	if err != nil || k.Status != api.TaskFinished {
		c.Fatalf("%+v %v", k, err)
	}
	return k
}

// write writes a counter, a set and a string in one region.
func (c *clocks) write(i int) {
	c.Helper()
	for _, cmd := range []string{fmt.Sprintf("INCRBY n %d", 1<<(8*i)), fmt.Sprintf("SADD s from%d", i), fmt.Sprintf("SET k%d %d", i, i)} {
		if got := ask(c.T, c.ports[i], cmd); strings.HasPrefix(got, "-") {
			c.Fatal(cmd, got)
		}
	}
}

func (c *clocks) refused(i int, why string) {
	c.Helper()
	if got := ask(c.T, c.ports[i], "INCR n"); !strings.HasPrefix(got, "-MISCONF") {
		c.Errorf("%s: %q", why, got)
	}
}

// same waits until all regions show the sum, and the other keys.
func (c *clocks) same(n string) {
	c.Helper()
	for _, p := range c.ports {
		eventually(c.T, p, "GET n", n)
		eventually(c.T, p, "SCARD s", ":3")
		eventually(c.T, p, "GET k2", "2")
	}
}

// TestClocksWrongByYears: one region's clock is three years ahead, one's three
// years behind, while all write. Nothing of the future is applied, and the others
// say what they hold. Once the clocks are right an operator releases it; then
// counters and sets are the same everywhere, with everything that was written,
// writes go on, and a restart changes nothing of that (H1).
func TestClocksWrongByYears(t *testing.T) {
	const years = 3 * 365 * 24 * time.Hour
	c := newClocks(t)
	c.write(0)
	for _, p := range c.ports {
		eventually(t, p, "GET n", "1")
	}
	c.skew[0].Store(int64(years))
	c.skew[2].Store(-int64(years))
	c.refused(2, "years behind what it has seen")
	c.write(0)
	c.write(1)
	eventuallyHeld(t, client(c.all[1]), c.guid, "us-east")
	if got := ask(t, c.ports[1], "GET n"); got != "257" {
		t.Error("applied too early:", got)
	}
	eventually(t, c.ports[0], "GET n", "258") // the past is applied at once
	c.skew[0].Store(0)
	c.skew[2].Store(0)
	c.refused(0, "behind its own log")
	c.write(2)
	c.wait(client(c.all[0]).Release(t.Context(), c.guid, 1))
	c.same("65794")
	for i := range c.all {
		c.write(i)
	}
	c.same("131587")
	for i, n := range c.all { // a restart keeps the tolerance
		c.ss[i].AdminPort, c.ss[i].PeerPort = adminPort(t, n), peerPort(t, n)
		n.Close()
		c.all[i] = skewed(t, c.ss[i], &c.skew[i])
		c.write(i)
	}
	c.same("197380")
	c.healthy()
}

// healthy waits until nothing is wrong anywhere. What the others wrote may have come
// through a third node, while a link to one that was restarted waits to try again.
func (c *clocks) healthy() {
	c.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		l, err := client(c.all[1]).HealthReport(c.Context(), c.guid)
		if err != nil || len(l) != 3 {
			c.Fatal(l, err)
		}
		if api.Healthy(l) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			c.Fatalf("%+v", l)
		}
	}
}

// eventuallyHeld waits until the node says that it holds operations of a region.
func eventuallyHeld(t *testing.T, c *api.Client, guid, region string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for {
		h, err := c.LocalHealth(t.Context(), guid)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range h.Connections {
			if k.Name == region && k.Held != nil && k.Held.AheadSeconds > 3600 && !api.Healthy([]api.HealthReport{*h}) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("nothing is held: %+v", h)
		}
	}
}
