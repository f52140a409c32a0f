package sim

import (
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// fault breaks something, waits, and mends it. It returns early when the load
// ends; what it has left is mended then.
type fault func(r *run, rng *rand.Rand)

// faults are all kinds of faults by name: those of one place or one link, and
// those of the membership.
var faults, memberFaults = map[string]fault{
	"cut":    cut,
	"oneway": oneWay,
	"flap":   flap,
	"reset":  reset,
	"replay": replay,
	"delay":  delay,
	"slow":   slow,
	"flip":   flip,
	"link":   dropLink,
	"crash":  crash,
	"stop":   restart,
	"away":   away,
	"full":   full,
	"eio":    breakDisk,
	"step":   step,
	"freeze": freeze,
	"drift":  drift,
	"verify": verify,
}, map[string]fault{
	"backup":  takeBackup,
	"grow":    grow,
	"shrink":  drain,
	"force":   forceOut,
	"update":  update,
	"rewind":  rewind,
	"clone":   startClone,
	"recover": recoverSome,
	"setback": setBack,
	"rivals":  rivals,
	"lone":    dropLinks,
	"other":   keepAnother,
}

// placeKinds are those of one place or link that were there from the beginning; see
// memberKinds.
func placeKinds() []string { return without(faults, "verify") }

// laterKinds are those that memberKinds leaves out.
var laterKinds = []string{"setback", "rivals", "lone", "other"}

// memberKinds are those of membership that were there from the beginning: one
// more would make other runs of all seeds. Config.drawMembers draws the rest.
func memberKinds() []string {
	return without(memberFaults, laterKinds...)
}

func without(all map[string]fault, names ...string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(s string) bool { return slices.Contains(names, s) })
}

// inject lets one kind of fault happen again and again.
func (r *run) inject(kind string) {
	rng := r.rand("fault " + kind)
	f := faults[kind]
	if f == nil {
		f = memberFaults[kind]
	}
	for r.wait(upTo(rng, 4*time.Second)) {
		if r.calm.Load() {
			continue
		}
		r.faults.Add(1)
		f(r, rng)
	}
}

// upTo is a random duration, short ones being more likely.
func upTo(rng *rand.Rand, d time.Duration) time.Duration {
	f := rng.Float64()
	return time.Duration(f*f*float64(d)) + time.Millisecond
}

func (r *run) anyNode(rng *rand.Rand) *node { return r.nodes[rng.IntN(len(r.nodes))] }

// anyPair picks two different nodes.
func (r *run) anyPair(rng *rand.Rand) (a, b *node) {
	i := rng.IntN(len(r.nodes))
	j := (i + 1 + rng.IntN(len(r.nodes)-1)) % len(r.nodes)
	return r.nodes[i], r.nodes[j]
}

// setCut cuts a direction, or mends it.
func (r *run) setCut(a, b *node, cut bool) {
	cut = cut && !r.calm.Load()
	r.net.Change(a.name, b.name, func(l *line) { l.cut = cut })
}

// longCut is longer than a link stays up without being heard of.
const longCut = 8 * time.Second

func cut(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	r.trace("%s and %s are cut apart", a.name, b.name)
	r.setCut(a, b, true)
	r.setCut(b, a, true)
	r.wait(upTo(rng, longCut))
	lost := rng.IntN(2) == 0
	r.trace("%s and %s are joined again, connections lost: %v", a.name, b.name, lost)
	if lost {
		r.net.Reset(a.name, b.name)
	}
	r.setCut(a, b, false)
	r.setCut(b, a, false)
}

func oneWay(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	r.trace("nothing gets from %s to %s", a.name, b.name)
	r.setCut(a, b, true)
	r.wait(upTo(rng, longCut))
	r.trace("%s reaches %s again", a.name, b.name)
	r.setCut(a, b, false)
}

func flap(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	r.trace("the link of %s and %s flaps", a.name, b.name)
	for range 2 + rng.IntN(10) {
		r.setCut(a, b, true)
		r.setCut(b, a, true)
		r.wait(upTo(rng, 400*time.Millisecond))
		if rng.IntN(2) == 0 {
			r.net.Reset(a.name, b.name)
		}
		r.setCut(a, b, false)
		r.setCut(b, a, false)
		r.wait(upTo(rng, 400*time.Millisecond))
	}
}

func reset(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	r.trace("the connections of %s and %s are reset", a.name, b.name)
	r.net.Reset(a.name, b.name)
}

func delay(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	d, j := upTo(rng, 500*time.Millisecond), upTo(rng, 500*time.Millisecond)
	r.trace("%s to %s takes %v and up to %v more", a.name, b.name, d, j)
	r.net.Change(a.name, b.name, func(l *line) { l.latency, l.jitter = d, j })
}

func slow(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	rate := 1000 << rng.IntN(8)
	r.trace("%s to %s takes %d bytes a second", a.name, b.name, rate)
	r.net.Change(a.name, b.name, func(l *line) { l.rate = rate })
	r.wait(upTo(rng, longCut))
	r.net.Change(a.name, b.name, func(l *line) { l.rate = 0 })
}

func flip(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	n := 1 + rng.IntN(3)
	r.trace("%d bits flip on the way from %s to %s", n, a.name, b.name)
	r.net.Change(a.name, b.name, func(l *line) { l.flips = n })
}

func dropLink(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	i := a.instance()
	if i == nil {
		return
	}
	r.trace("%s drops its link to %s", a.name, b.name)
	i.Cut(b.region, true)
	r.wait(upTo(rng, longCut))
	i.Cut(b.region, false)
}

// dropLinks leaves an instance without any link. The admin interfaces of all
// nodes still reach each other.
func dropLinks(r *run, rng *rand.Rand) {
	i := r.anyNode(rng).instance()
	if i == nil {
		return
	}
	r.trace("%s drops all its links", i.p.n.name)
	for _, b := range r.nodes {
		i.Cut(b.region, true)
	}
	r.wait(upTo(rng, longCut))
	for _, b := range r.nodes {
		i.Cut(b.region, false)
	}
}

// replay plays what one node sent to another on a connection again: what was
// said once is heard twice, later.
func replay(r *run, rng *rand.Rand) {
	a, b := r.anyPair(rng)
	if r.net.Replay(rng, a.name, b.name) {
		r.trace("what %s said to %s is said again", a.name, b.name)
	}
}

// hold takes the right to end and start programs on a node.
func (n *node) hold() (release func()) {
	n.power <- struct{}{}
	return func() { <-n.power }
}

func crash(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	defer n.hold()()
	p := n.program()
	if p == nil {
		return
	}
	percent, silent := []int{0, 0, 30, 70, 100}[rng.IntN(5)], rng.IntN(2) == 0
	if rng.IntN(3) > 0 {
		p.disk.AtSync(1+rng.IntN(20), rng.IntN(2) == 0, func() { p.crash(percent, silent) })
		select {
		case <-p.end:
		case <-time.After(2 * time.Second):
		}
	}
	p.crash(percent, silent)
	r.wait(upTo(rng, longCut))
	r.restart(n)
}

func restart(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	defer n.hold()()
	p := n.program()
	if p == nil {
		return
	}
	if err := p.stop(); err != nil {
		r.trace("%s: %v", n.name, err)
	}
	r.wait(upTo(rng, longCut))
	r.restart(n)
}

// away is restart with a long absence: others may give up keeping their logs.
func away(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	defer n.hold()()
	p := n.program()
	if p == nil {
		return
	}
	p.crash(100, true)
	r.wait(upTo(rng, longCut) + longCut)
	r.restart(n)
}

// full fills a disk. A crash and a start find it as full as it was.
func full(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	long := upTo(rng, longCut)
	left := noRoom
	if long%2 == 0 { // the seed's other decisions stay as they were
		left = roomForNames
	}
	r.trace("the disk of %s is full", n.name)
	n.onDisk(func(d *Disk) { d.SetRoom(left) })
	r.wait(long)
	r.trace("the disk of %s has space", n.name)
	n.onDisk(func(d *Disk) { d.SetRoom(roomForAll) })
}

// breakDisk makes all access fail. Somebody notices in the end, and starts the
// node anew on what the disk has kept.
func breakDisk(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	defer n.hold()()
	p := n.program()
	if p == nil {
		return
	}
	r.trace("the disk of %s breaks", n.name)
	p.disk.Break()
	r.wait(upTo(rng, longCut))
	p.crash([]int{0, 50, 100}[rng.IntN(3)], false)
	r.restart(n)
}

func step(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	d := upTo(rng, 40*time.Second)
	if rng.IntN(2) == 0 {
		d = upTo(rng, time.Second)
	}
	if rng.IntN(2) == 0 {
		d = -d
	}
	r.trace("the clock of %s is wrong by %v", n.name, d)
	n.clock.set(d)
	if rng.IntN(3) > 0 {
		r.wait(upTo(rng, longCut))
		n.clock.mend()
		r.trace("the clock of %s is right", n.name)
	}
}

func freeze(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	r.trace("the clock of %s stands still", n.name)
	n.clock.freeze()
	r.wait(upTo(rng, longCut))
	n.clock.mend()
	r.trace("the clock of %s goes again", n.name)
}

func drift(r *run, rng *rand.Rand) {
	n := r.anyNode(rng)
	rate := rng.Float64() - 0.5
	r.trace("the clock of %s drifts by %.0f %%", n.name, 100*rate)
	n.clock.drift(rate)
	r.wait(upTo(rng, longCut))
	n.clock.mend()
}
