package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"crdb/control/api"
)

// setBack sets the clock of one member back for good while, and lets another one
// crash without anybody hearing of it, and come back at once. Who is asked at its
// start has only its own clock, and what it heard: it must not take the old life
// of the member for another process (S9).
func setBack(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	defer r.quiet()() // nothing else says again what the old life has said
	members := r.members()
	if len(members) < fewest || r.over() {
		return
	}
	n := pick(rng, members)
	asked := pick(rng, slices.DeleteFunc(members, func(x *node) bool { return x == n }))
	pause(settled)
	i := n.instance()
	if i == nil || r.register.isDoomed(i.id) {
		return
	}
	d := 10*time.Second + upTo(rng, time.Hour)
	r.trace("the clock of %s is set back by %v", asked.name, d)
	asked.clock.set(-d)
	defer asked.clock.mend()
	i.p.crash(100, true)
	r.net.Move(n.name)
	r.restart(n)
	for range 20 {
		x, err := r.op.health(n)
		switch {
		case err == nil && x.Status == api.CodeCloned:
			r.fail("S9: %s was restarted, and is taken for a copy: %s", n.name, x.Alarm)
			return
		case err == nil && x.Status == "", !r.wait(300 * time.Millisecond):
			return
		}
	}
}

// health is what a node says of its instance.
func (o *operator) health(n *node) (*api.HealthReport, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return o.at(n).LocalHealth(ctx, o.guid)
}
