package scenario

import (
	"fmt"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestNodes kills, stops, pauses and restarts nodes under load, in both
// modes of durability.
func TestNodes(t *testing.T) {
	for _, fsync := range []string{"everysec", "always"} {
		for _, s := range []struct {
			name    string
			trouble func(*run)
		}{
			{"kill one", killOne},
			{"kill one again and again", killOften},
			{"kill all at once", killAll},
			{"kill one while cut off", killCutOff},
			{"stop one", stopOne},
			{"stop all at once", stopAll},
			{"pause one", pauseOne},
		} {
			t.Run(fmt.Sprintf("%s, %s", s.name, fsync), func(t *testing.T) {
				r := begin(t, cluster.Options{Fsync: fsync})
				s.trouble(r)
				r.finish()
			})
		}
	}
}

func killOne(r *run) {
	region := r.region()
	r.wait(everysecLoss + 500*time.Millisecond)
	r.kill(region)
	r.wait(700 * time.Millisecond)
	r.restart(region)
}

func killOften(r *run) {
	region := r.region()
	for range 4 {
		r.wait(time.Duration(r.rng.IntN(300)) * time.Millisecond)
		r.kill(region)
		r.restart(region)
	}
}

func killAll(r *run) {
	r.wait(everysecLoss + 500*time.Millisecond)
	for _, region := range r.c.Regions {
		r.kill(region)
	}
	for _, region := range r.c.Regions {
		r.restart(region)
	}
}

// killCutOff loses what nobody else holds, if the node does not keep it.
func killCutOff(r *run) {
	region := r.region()
	r.c.Net.Isolate(region)
	r.wait(700 * time.Millisecond)
	r.kill(region)
	r.restart(region)
	r.wait(300 * time.Millisecond)
}

func stopOne(r *run) {
	region := r.region()
	r.wait(300 * time.Millisecond)
	r.stop(region)
	r.wait(300 * time.Millisecond)
	r.restart(region)
}

func stopAll(r *run) {
	r.wait(300 * time.Millisecond)
	for _, region := range r.c.Regions {
		r.stop(region)
	}
	for _, region := range r.c.Regions {
		r.restart(region)
	}
}

func pauseOne(r *run) {
	region := r.region()
	r.must(r.c.Node(region).Pause())
	r.wait(2 * time.Second)
	r.must(r.c.Node(region).Resume())
}
