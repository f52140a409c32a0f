package peer

import (
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func (w *world) partition(d *datadriven.TestData, cut bool) {
	a, b := parseID(arg(d, 0)), parseID(arg(d, 1))
	for _, at := range []pair{{a, b}, {b, a}} {
		if w.cut[at] = cut; cut {
			w.hangUp(at)
		}
	}
}

func (w *world) tick(d *datadriven.TestData) {
	n := 1
	if len(d.CmdArgs) > 0 {
		n, _ = strconv.Atoi(arg(d, 0))
	}
	for range n {
		w.tickAll()
	}
}

func (w *world) tickAll() {
	for _, id := range w.order {
		p := w.nodes[id]
		atomic.AddInt64(&p.wall, 50)
		if !p.crashed {
			p.pump.gate.Tick()
			w.pumpOn(p)
		}
	}
}

func (w *world) clock(d *datadriven.TestData) {
	p := w.node(d, 0)
	delta, _ := strconv.ParseInt(arg(d, 1), 10, 64)
	w.printf("wall clock of %d: %d", p.id, atomic.AddInt64(&p.wall, delta))
}

func (w *world) crash(p *puppet) {
	p.crashed = true
	for _, id := range w.order {
		w.hangUp(pair{p.id, id})
		w.hangUp(pair{id, p.id})
	}
	clone := p.fs.CrashClone(vfs.CrashCloneCfg{})
	w.shut(p)
	p.fs = clone
}

func (w *world) shut(p *puppet) {
	if err := p.r.Close(); err != nil {
		w.t.Fatal(err)
	}
	if err := p.log.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) restart(p *puppet) {
	p.crashed = false
	w.open(p)
	w.printf("%v", p.toy.vector())
}

func (w *world) snapshot(d *datadriven.TestData) {
	p := w.node(d, 0)
	p.saved = p.fs.CrashClone(vfs.CrashCloneCfg{})
}

func (w *world) rollback(d *datadriven.TestData) {
	p := w.node(d, 0)
	w.crash(p)
	p.fs = p.saved
	w.restart(p)
}

// stabilize lets everything happen until nothing changes.
func (w *world) stabilize(*datadriven.TestData) {
	for range 200 {
		moved := false
		for _, a := range w.order {
			for _, b := range w.order {
				for a != b && w.step(pair{a, b}, "") {
					moved = true
				}
			}
		}
		for _, a := range w.order {
			for _, b := range w.order {
				if a != b && w.ackOn(pair{a, b}, false) {
					moved = true
				}
			}
		}
		busy := false
		for _, id := range w.order {
			busy = busy || !w.nodes[id].crashed && w.nodes[id].pump.gate.Busy()
		}
		if !moved && !busy {
			return
		}
		if !moved {
			w.tickAll()
		}
	}
	w.printf("does not become stable")
}

func (w *world) showLog(d *datadriven.TestData) {
	p := w.node(d, 0)
	for _, id := range w.order {
		blocks, err := p.log.Read(id, 0, 1<<20)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range blocks {
			w.printf("(%v, %v]@%d deps %v", b.Prev, b.Last, b.Replica, b.Deps)
		}
	}
}

var holdNames = map[holdReason]string{holdDeps: "dependencies", holdClock: "the clock", holdPoisoned: "poisoned"}

func (w *world) held(d *datadriven.TestData) {
	for _, q := range w.node(d, 0).pump.gate.queues {
		if q.len() > 0 {
			w.printf("%d block(s) of %d up to %v: %s", q.len(), q.replica, q.tail, holdNames[q.hold])
		}
	}
}

func (w *world) fingerprint(*datadriven.TestData) {
	var seen []string
	for _, id := range w.order {
		if p := w.nodes[id]; !p.crashed {
			seen = append(seen, p.toy.fingerprint())
			w.printf("%d %s", id, seen[len(seen)-1])
		}
	}
	if slices.Sort(seen); seen[0] == seen[len(seen)-1] {
		w.printf("all equal")
	}
}

func (w *world) problems() {
	for _, id := range w.order {
		for _, f := range w.nodes[id].toy.problems() {
			w.printf("BROKEN at %d: %s", id, f)
		}
	}
}

func (w *world) close() {
	for _, p := range w.nodes {
		if !p.crashed {
			w.shut(p)
		}
	}
}
