package regions

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// TestStorm lets writers and troubles loose on all regions at once, several
// times over what the time before has left.
func TestStorm(t *testing.T) {
	seed, c := firstSeed(t), cluster.StartTest(t, options())
	const rounds = 3
	for round := range uint64(rounds) {
		s := startStorm(t.Context(), c, seed+round)
		did, err := rage(t.Context(), c, rand.New(rand.NewPCG(seed+round, 1)), seconds(t, 40)/rounds)
		if fault := s.end(); fault != nil {
			t.Errorf("REGIONS_SEED=%d: %v", seed, fault)
		}
		if err != nil {
			t.Fatalf("REGIONS_SEED=%d: %v", seed, err)
		}
		t.Logf("%d commands over %d troubles: %s", s.count(), len(did), strings.Join(did, ", "))
		before, differ, err := agree(t.Context(), c)
		if err != nil || len(differ) > 0 {
			t.Fatalf("REGIONS_SEED=%d: %s\n%s", seed, verdict(differ, err), histories(c, s, differ))
		}
		t.Logf("alike on %d keys", len(before))
		if round == rounds-1 {
			remember(t, c, before)
		}
	}
}

// remember kills all nodes and demands that they come back as they were, but
// for what has expired.
func remember(t *testing.T, c *cluster.Cluster, before state) {
	t.Helper()
	before = atRest(t, c, before)
	for _, region := range c.Regions {
		if err := c.Node(region).Kill(); err != nil {
			t.Fatal(err)
		}
	}
	for _, region := range c.Regions {
		if err := c.Node(region).Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after, differ, err := agree(t.Context(), c)
	if err != nil || len(differ) > 0 {
		t.Fatalf("after kill -9 of all: %s", verdict(differ, err))
	}
	for at, was := range before {
		if is := after[at]; is != was && is.shows != "goes soon" {
			t.Errorf("after kill -9 of all: %s", difference{at, map[string]seen{"before": was, "after": is}})
		}
	}
}

// atRest returns what the regions have once nothing has changed for a while. A field
// of a hash that is past its deadline does not show, but counts in the digest until
// its owner has removed it.
func atRest(t *testing.T, c *cluster.Cluster, before state) state {
	t.Helper()
	for {
		pause(t.Context(), sweepTime)
		now, differ, err := agree(t.Context(), c)
		if err != nil || len(differ) > 0 {
			t.Fatalf("at rest: %s", verdict(differ, err))
		}
		now, before = lasting(now), lasting(before)
		if maps.Equal(before, now) {
			return now
		}
		before = now
	}
}

// lasting is s without what goes soon.
func lasting(s state) state {
	s = maps.Clone(s)
	maps.DeleteFunc(s, func(_ place, x seen) bool { return x.shows == "goes soon" })
	return s
}

// sweepTime is longer than owners take to remove what is past its deadline.
const sweepTime = 500 * time.Millisecond

// histories tells of some of the differences what each region has, and how it came.
func histories(c *cluster.Cluster, s *storm, differ []difference) string {
	var b strings.Builder
	for _, d := range differ[:min(len(differ), 4)] {
		for _, region := range c.Regions {
			fmt.Fprintf(&b, "%s explains %s: %s\n", region, d.at.key, explain(c.Node(region).Addr(), d.at))
		}
		b.WriteString(d.at.key + " was last in:\n" + s.history(d.at.key))
	}
	return b.String()
}

func explain(addr string, at place) string {
	conn, err := oracle.Dial(addr)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	reps, err := conn.Pipeline([][]string{{"SELECT", strconv.Itoa(at.db)}, {"PEXPIRETIME", at.key}, {"CRDT.EXPLAIN", at.key}})
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("until %s, %s", reps[1], reps[2])
}
