package sim

import (
	"math/rand/v2"
	"slices"
	"sync"

	"crdb/control/api"
)

// rivals lets two operators change the membership at the same time, who do not
// know of each other and ask two members. Of two changes that follow the same
// configuration at most one is decided.
func rivals(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	members, spares := r.members(), r.spares()
	if len(members) < fewest || len(spares) == 0 {
		return
	}
	first := pick(rng, members)
	second := pick(rng, slices.DeleteFunc(members, func(n *node) bool { return n == first }))
	a, b := pick(rng, spares), pick(rng, spares)
	var both sync.WaitGroup
	both.Go(func() { r.op.addAt(first, a) })
	both.Go(func() { r.op.addAt(second, b) })
	both.Wait()
}

// addAt adds an instance on n, as the member at coordinates.
func (o *operator) addAt(at, n *node) {
	o.modify(at, "adds "+n.name, &api.Modify{AddInstances: []api.Instance{{Cluster: api.Cluster{Name: n.admin()}}}})
}
