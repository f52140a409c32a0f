package sim

import (
	"sync"

	"crdb/crdt"
	"crdb/oplog"
)

// watcher stands between replication and the engine of a program, and looks at
// every block that passes (S1, S2).
type watcher struct {
	p    *program
	at   crdt.VersionVector // applied, of the others; the pump's alone
	wake chan struct{}
	stop chan struct{}
	done sync.WaitGroup
}

func newWatcher(p *program) *watcher {
	return &watcher{p: p, at: p.log.Received(), wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// begin starts to follow the own log.
func (w *watcher) begin() {
	w.p.log.OnDurable(func() { signal(w.wake) })
	w.done.Add(1)
	go w.follow()
}

func (w *watcher) close() {
	close(w.stop)
	w.done.Wait()
}

// follow adds the own blocks to the history as they become durable.
func (w *watcher) follow() {
	defer w.done.Done()
	p, h := w.p, w.p.n.run.history
	at := crdt.Timestamp(0)
	for _, b := range p.log.Bounds() {
		if b.Replica == p.n.id {
			at = b.Prev
		}
	}
	for {
		blocks, err := p.log.Read(p.n.id, at, 1<<20)
		if err != nil {
			p.alive(func() { p.n.run.trace("%s: its log cannot be read: %v", p.n.name, err) })
			return
		}
		for _, b := range blocks {
			p.alive(func() { h.add(b, "read at its author") })
			at = b.Last
		}
		if len(blocks) > 0 {
			continue
		}
		select {
		case <-w.wake:
		case <-w.stop:
			return
		}
	}
}

// Check implements peer.Checker.
func (w *watcher) Check(b *oplog.Block) error { return w.p.engine.Check(b) }

// Apply implements peer.Applier.
func (w *watcher) Apply(b *oplog.Block) error {
	w.p.alive(func() { w.look(b) })
	w.at.Set(b.Replica, b.Last)
	return w.p.engine.Apply(b)
}

func (w *watcher) look(b *oplog.Block) {
	r, name := w.p.n.run, w.p.n.name
	r.history.add(b, "applied at "+name)
	if at := w.at.Get(b.Replica); b.Prev != at {
		r.fail("S2: %s applies (%v, %v] of replica %d at %v", name, b.Prev, b.Last, b.Replica, at)
	}
	for _, e := range b.Deps {
		here := w.at.Get(e.Replica)
		if e.Replica == w.p.n.id {
			here = w.p.log.Issued().Time
		}
		if here < e.Time {
			r.fail("S2: %s applies (%v, %v] of replica %d, which depends on %v of replica %d, at %v",
				name, b.Prev, b.Last, b.Replica, e.Time, e.Replica, here)
		}
	}
	if b.Replica == w.p.n.id {
		r.fail("S2: %s applies a block of its own", name)
	}
}
