package scenario

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

const (
	retentionBudget = 8 << 20
	retentionVolume = 64 << 20 // bytes written past the member that is away
	retentionValue  = 16 << 10
	retentionKeys   = 200 // values are overwritten: live data stays small
	retentionGrowth = 96 << 20
)

// TestAwayPastTheBudget keeps a region away, under load and with writes of its
// own that nobody has, until the log of the others is cut beyond what it has
// acknowledged; frozen, and cut off from both others. When it is back it gets a
// state transfer by itself, and nobody has lost an acknowledged write. The
// memory of the others stays as it was.
func TestAwayPastTheBudget(t *testing.T) {
	for name, away := range map[string]func(r *run, far string) (back func()){
		"frozen": func(r *run, far string) func() {
			r.must(r.c.Node(far).Pause())
			return func() { r.must(r.c.Node(far).Resume()) }
		},
		"cut off": func(r *run, far string) func() {
			r.c.Net.Isolate(far)
			return r.c.Net.HealAll
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := begin(t, cluster.Options{Config: []string{fmt.Sprintf("log-retention %d", retentionBudget)}})
			home, far := r.c.Regions[0], r.c.Regions[2]
			for _, region := range r.c.Regions {
				r.broken[region] = true // a frozen region answers late, and alarms are expected
			}
			r.fill(home, 2*retentionBudget)
			before, err := r.c.Node(home).Usage()
			r.must(err)
			back := away(r, far)
			r.fill(home, retentionVolume)
			r.until(home, "the log is cut", func() bool { return r.gauge(home, "crdb_log_cuts_total") > 0 })
			r.until(home, "memory is what it was, but for garbage", func() bool {
				after, err := r.c.Node(home).Usage()
				r.must(err)
				r.Logf("memory %d MiB before, %d MiB after; log %.0f bytes", before.Resident>>20, after.Resident>>20, r.gauge(home, "crdb_log_bytes"))
				return after.Resident <= before.Resident+retentionGrowth
			})
			began := time.Now()
			back()
			r.until(far, "the state is transferred", func() bool { return r.gauge(far, "crdb_transfer_keys_total") > 0 })
			r.until(far, "the transfer ends", func() bool { return r.gauge(far, "crdb_transfer_active") == 0 })
			r.Logf("%.0f keys, %.0f bytes transferred within %v", r.gauge(far, "crdb_transfer_keys_total"),
				r.gauge(far, "crdb_transfer_bytes"), time.Since(began).Round(time.Millisecond))
			r.finish()
		})
	}
}

// fill writes so many bytes of all types.
func (r *run) fill(region string, volume int) {
	r.Helper()
	cl := r.c.Client(region)
	large := strings.Repeat("v", retentionValue)
	for n := range volume / retentionValue {
		_, err := cl.Pipelined(r.Context(), func(p redis.Pipeliner) error {
			key := strconv.Itoa(n % retentionKeys)
			p.Set(r.Context(), "fill:"+key, large, 0)
			p.ZIncrBy(r.Context(), "fill:z:"+key, 1.5, strconv.Itoa(n%7))
			p.RPush(r.Context(), "fill:l:"+key, n)
			p.LTrim(r.Context(), "fill:l:"+key, -10, -1)
			p.IncrBy(r.Context(), "fill:c:"+key, int64(n))
			return nil
		})
		r.must(err)
	}
}

// gauge reads a metric without labels, or the first of its name.
func (r *run) gauge(region, name string) float64 {
	r.Helper()
	page, err := r.c.Node(region).Get(r.Context(), "/metrics")
	r.must(err)
	for line := range strings.Lines(page) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == '{' || rest[0] == ' ') {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64)
			r.must(err)
			return v
		}
	}
	return 0
}

func (r *run) until(region, what string, ok func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 3*settleTimeout)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			r.Fatalf("%s: in vain: %s", region, what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
