package scenario

import (
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestLinks breaks links between nodes that stay up: every write everywhere
// must be acknowledged all the time and none may be lost.
func TestLinks(t *testing.T) {
	for _, s := range []struct {
		name    string
		trouble func(*run)
	}{
		{"one region cut off", isolate},
		{"all regions cut off", cutAll},
		{"cut one way", cutOneWay},
		{"held as by a pulled cable", hold},
		{"delay", delay},
		{"slow link", slow},
		{"flapping", flap},
		{"resets", resets},
		{"damaged bytes", damage},
	} {
		t.Run(s.name, func(t *testing.T) {
			r := begin(t, cluster.Options{})
			s.trouble(r)
			r.finish()
		})
	}
}

func isolate(r *run) {
	r.c.Net.Isolate(r.region())
	r.wait(2 * time.Second)
}

func cutAll(r *run) {
	r.c.Net.CutAll()
	r.wait(2 * time.Second)
}

func cutOneWay(r *run) {
	from, to := r.pair()
	r.Logf("no byte from %s to %s", from, to)
	r.c.Net.CutOneWay(from, to)
	r.wait(2 * time.Second)
}

// hold lasts longer than a node waits for a sign of life, so that both ends
// give the link up.
func hold(r *run) {
	a, b := r.pair()
	r.c.Net.Hold(a, b)
	r.wait(7 * time.Second)
}

func delay(r *run) {
	a, b := r.pair()
	r.c.Net.Delay(a, b, 150*time.Millisecond)
	r.wait(2 * time.Second)
}

func slow(r *run) {
	a, b := r.pair()
	r.c.Net.Bandwidth(a, b, 8<<10)
	r.wait(2 * time.Second)
}

func flap(r *run) {
	for range 12 {
		a, b := r.pair()
		r.c.Net.Cut(a, b)
		r.wait(time.Duration(50+r.rng.IntN(150)) * time.Millisecond)
		r.c.Net.Heal(a, b)
		r.wait(time.Duration(r.rng.IntN(100)) * time.Millisecond)
	}
}

func resets(r *run) {
	for range 15 {
		r.c.Net.Reset(r.pair())
		r.wait(120 * time.Millisecond)
	}
}

func damage(r *run) {
	a, b := r.pair()
	r.c.Net.Damage(a, b, 20)
	r.wait(2 * time.Second)
}
