package scenario

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

// appends is a history of appends: every region has a list that only it writes.
// Each entry says how much of every list its author had seen: "12;3,11,7" is the
// 12th entry, written when the lists had 3, 11 and 7 entries in its sight.
type appends struct {
	regions []string
	mu      sync.Mutex
	acked   map[string]int // entries of each list that were acknowledged
	looks   int
	faults  []string
}

func (a *appends) fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, fmt.Sprintf(format, args...))
}

// look reads all lists at once.
func (a *appends) look(ctx context.Context, cl *redis.Client) ([][]string, error) {
	var got []*redis.StringSliceCmd
	_, err := cl.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, r := range a.regions {
			got = append(got, p.LRange(ctx, "appends:"+r, 0, -1))
		}
		return nil
	})
	view := make([][]string, len(got))
	for i, g := range got {
		view[i] = g.Val()
	}
	return view, err
}

// judge checks that a view is causally closed: entries in their author's order
// without a gap, and with each entry all that its author had seen.
func (a *appends) judge(view [][]string) error {
	for i, list := range view {
		for n, entry := range list {
			number, seen, ok := strings.Cut(entry, ";")
			if !ok || number != strconv.Itoa(n) {
				return fmt.Errorf("entry %d of %s is %q", n, a.regions[i], entry)
			}
			for j, text := range strings.Split(seen, ",") {
				if least, err := strconv.Atoi(text); err != nil || len(view[j]) < least {
					return fmt.Errorf("entry %q of %s is there, but of %s only %d entries", entry, a.regions[i], a.regions[j], len(view[j]))
				}
			}
		}
	}
	return nil
}

// session is one client of a region: it looks, and appends what it saw. It must
// never see less than before, nor less than it wrote itself.
func (a *appends) session(ctx context.Context, c *cluster.Cluster, at int) {
	region := a.regions[at]
	cl := newClient(c.Node(region).Addr())
	defer cl.Close()
	before := make([]int, len(a.regions))
	for made := 0; ctx.Err() == nil; {
		view, err := a.look(ctx, cl)
		if err != nil {
			return // the end, or a node that is down: the session is over
		}
		if err := a.judge(view); err != nil {
			a.fault("in %s: %v", region, err)
			return
		}
		var seen []string
		for i, list := range view {
			if len(list) < before[i] || i == at && len(list) < made {
				a.fault("in %s: %d entries of %s, %d before, %d written", region, len(list), a.regions[i], before[i], made)
			}
			before[i] = len(list)
			seen = append(seen, strconv.Itoa(len(list)))
		}
		entry := fmt.Sprintf("%d;%s", made, strings.Join(seen, ","))
		if err := cl.RPush(context.WithoutCancel(ctx), "appends:"+region, entry).Err(); err != nil {
			return
		}
		made++
		a.mu.Lock()
		a.acked[region] = made
		a.looks++
		a.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestCausalAppends: sessions in three regions append to lists what they see of
// all lists, while links are cut, held, delayed and damaged. Every view is
// causally closed, sessions read their writes and never go back, and in the end
// every acknowledged entry is in every region, in its author's order.
func TestCausalAppends(t *testing.T) {
	r := begin(t, cluster.Options{})
	a := &appends{regions: r.c.Regions, acked: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range a.regions {
		wg.Go(func() { a.session(ctx, r.c, i) })
	}
	for range 12 {
		x, y := r.pair()
		switch r.rng.IntN(4) {
		case 0:
			r.c.Net.Cut(x, y)
		case 1:
			r.c.Net.Hold(x, y)
		case 2:
			r.c.Net.Delay(x, y, time.Duration(r.rng.IntN(100))*time.Millisecond)
		case 3:
			r.c.Net.Damage(x, y, 20)
		}
		r.wait(time.Duration(200+r.rng.IntN(300)) * time.Millisecond)
		if r.rng.IntN(2) == 0 {
			r.c.Net.HealAll()
		}
	}
	stop()
	wg.Wait()
	r.finish()
	for _, f := range a.faults {
		t.Error(f)
	}
	for _, region := range a.regions {
		view, err := a.look(t.Context(), r.c.Client(region))
		r.must(err)
		if err := a.judge(view); err != nil {
			t.Errorf("in the end, in %s: %v", region, err)
		}
		for i, list := range view {
			if of := a.regions[i]; len(list) < a.acked[of] || a.acked[of] == 0 {
				t.Errorf("%s has %d entries of %s, %d were acknowledged", region, len(list), of, a.acked[of])
			}
		}
	}
	t.Logf("%d looks and appends: %v", a.looks, a.acked)
}

// The checker sees what it is for.
func TestAppendsAreJudged(t *testing.T) {
	a := &appends{regions: []string{"a", "b"}}
	for _, row := range []struct {
		view [][]string
		ok   bool
	}{
		{[][]string{{"0;0,0", "1;1,1"}, {"0;0,0"}}, true},
		{[][]string{{"0;0,0", "1;1,1"}, {}}, false},
		{[][]string{{"1;1,0"}, {}}, false},
		{[][]string{{"1;0,0", "0;0,0"}, {}}, false},
		{[][]string{{"0;0,0", "0;0,0"}, {}}, false},
	} {
		if err := a.judge(row.view); (err == nil) != row.ok {
			t.Errorf("%q: %v", row.view, err)
		}
	}
}
