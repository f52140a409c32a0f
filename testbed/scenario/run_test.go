package scenario

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

const (
	// settleTimeout is how long healed regions may take to agree.
	settleTimeout = 20 * time.Second
	// everysecLoss is how much a node killed under everysec may forget.
	everysecLoss = time.Second
)

// run is one scenario on its way.
type run struct {
	*testing.T
	c      *cluster.Cluster
	load   *Load
	rng    *rand.Rand
	fsync  string
	factor float64
	broken map[string]bool // regions whose clients may see errors
}

// begin starts a cluster with load on it.
func begin(t *testing.T, opts cluster.Options) *run {
	t.Helper()
	seed := seedFor(t)
	r := &run{T: t, fsync: opts.Fsync, factor: factor(t), broken: map[string]bool{}}
	r.rng = rand.New(rand.NewPCG(seed, 1))
	r.c = cluster.StartTest(t, opts)
	r.load = StartLoad(t.Context(), r.c, seed)
	t.Cleanup(r.load.Stop)
	r.wait(300 * time.Millisecond)
	return r
}

// seedFor returns the seed of this run and prints it.
func seedFor(t *testing.T) uint64 {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("CRDB_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("CRDB_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("seed: CRDB_SEED=%d", seed)
	return seed
}

func factor(t *testing.T) float64 {
	text := os.Getenv("CRDB_SCENARIO_FACTOR")
	if text == "" {
		return 1
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("CRDB_SCENARIO_FACTOR: %v", err)
	}
	return f
}

// wait lets the load and the trouble go on for a while.
func (r *run) wait(d time.Duration) {
	select {
	case <-time.After(time.Duration(float64(d) * r.factor)):
	case <-r.Context().Done():
	}
}

// region picks one at random.
func (r *run) region() string { return r.c.Regions[r.rng.IntN(len(r.c.Regions))] }

// pair picks two different regions at random.
func (r *run) pair() (string, string) {
	order := r.rng.Perm(len(r.c.Regions))
	return r.c.Regions[order[0]], r.c.Regions[order[1]]
}

func (r *run) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// kill ends a node at once and tells the model what it may have forgotten.
func (r *run) kill(region string) {
	r.Helper()
	r.broken[region] = true
	began := time.Now()
	r.must(r.c.Node(region).Kill())
	if r.fsync != "always" {
		r.load.Model.Forgive(region, began.Add(-everysecLoss), time.Now())
	}
}

// stop ends a node in good order: it forgets nothing.
func (r *run) stop(region string) {
	r.Helper()
	r.broken[region] = true
	r.must(r.c.Node(region).Stop())
}

func (r *run) restart(region string) {
	r.Helper()
	began := time.Now()
	r.must(r.c.Node(region).Restart(r.Context()))
	r.must(r.c.WaitServing(r.Context(), region))
	r.Logf("%s serves again %v after its start", region, time.Since(began).Round(time.Millisecond))
}

// heal makes the network well.
func (r *run) heal() {
	r.Helper()
	r.c.Net.HealAll()
	if r.c.Spaces != nil {
		r.must(r.c.Spaces.HealAll())
	}
}

// finish ends the load, heals everything and judges the outcome.
func (r *run) finish() {
	r.Helper()
	r.wait(300 * time.Millisecond)
	r.load.Stop()
	r.heal()
	ctx, cancel := context.WithTimeout(r.Context(), settleTimeout)
	defer cancel()
	began := time.Now()
	if err := r.c.Sync(ctx); err != nil {
		r.Fatalf("the healed regions do not catch up: %v", err)
	}
	r.Logf("writes %v; caught up %v after the heal", r.load.Model.Count(), time.Since(began).Round(time.Millisecond))
	if err := r.c.Agree(ctx); err != nil {
		r.Errorf("after the heal: %v", err)
	}
	if err := r.load.Model.Check(ctx, r.c.Client(r.c.Regions[0])); err != nil {
		r.Errorf("against the acknowledged writes: %v", err)
	}
	for region, err := range r.load.Failures() {
		if !r.broken[region] {
			r.Errorf("%s was up all the time, but a client saw: %v", region, err)
		}
	}
}
