package sim

import (
	"context"
	"sync"
	"time"

	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
)

// watcher stands between replication and the engine of an instance, and looks
// at every block and image that passes (S1, S2, S9).
type watcher struct {
	i    *instance
	at   crdt.VersionVector // applied, of the others; the pump's alone
	wake chan struct{}
	once sync.Once // of close: an instance may be closed again
	stop chan struct{}
	done sync.WaitGroup
}

func newWatcher(i *instance) *watcher {
	return &watcher{i: i, at: i.log.Received(), wake: make(chan struct{}, 1), stop: make(chan struct{})}
}

// begin starts to follow the own log.
func (w *watcher) begin() {
	w.i.log.OnDurable(func() { signal(w.wake) })
	w.done.Add(1)
	go w.follow()
}

func (w *watcher) close() {
	w.once.Do(func() { close(w.stop) })
	w.done.Wait()
}

// follow adds the own blocks to the history as they become durable.
func (w *watcher) follow() {
	defer w.done.Done()
	i, r := w.i, w.i.p.n.run
	at := crdt.Timestamp(0)
	for _, b := range i.log.Bounds() {
		if b.Replica == i.id {
			at = b.Prev
		}
	}
	for {
		blocks, err := i.log.Read(i.id, at, 1<<20)
		if err != nil {
			i.p.alive(func() { r.trace("%s: its log cannot be read: %v", i.p.n.name, err) })
			return
		}
		for _, b := range blocks {
			i.p.alive(func() { r.register.wrote(i, b) })
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
func (w *watcher) Check(b *oplog.Block) error {
	w.i.p.alive(func() { w.i.p.n.run.register.took(w.i, b) })
	return w.i.engine.Check(b)
}

// Apply implements peer.Applier.
func (w *watcher) Apply(b *oplog.Block) error {
	w.i.p.alive(func() { w.look(b) })
	w.at.Set(b.Replica, b.Last)
	return w.i.engine.Apply(b)
}

func (w *watcher) look(b *oplog.Block) {
	r, name := w.i.p.n.run, w.i.p.n.name
	if at := w.at.Get(b.Replica); b.Prev != at {
		r.fail("S2: %s applies (%v, %v] of replica %d at %v", name, b.Prev, b.Last, b.Replica, at)
	}
	for _, e := range b.Deps {
		here := w.at.Get(e.Replica)
		if e.Replica == w.i.id {
			here = w.i.log.Issued().Time
		}
		if here < e.Time {
			r.fail("S2: %s applies (%v, %v] of replica %d, which depends on %v of replica %d, at %v",
				name, b.Prev, b.Last, b.Replica, e.Time, e.Replica, here)
		}
	}
	if b.Replica == w.i.id {
		r.fail("S2: %s applies a block of its own", name)
	}
}

// CaptureAt implements peer.Images.
func (w *watcher) CaptureAt(at uint64, more crdt.VersionVector) ([]byte, crdt.VersionVector, uint64, error) {
	return w.i.engine.CaptureAt(at, more)
}

// EndOfState implements peer.Images.
func (w *watcher) EndOfState() uint64 { return w.i.engine.EndOfState() }

// SizeOf implements peer.Images.
func (w *watcher) SizeOf(head []byte) (int, error) { return w.i.engine.SizeOf(head) }

// MergeAt implements peer.Images.
func (w *watcher) MergeAt(at uint64, image []byte, least crdt.VersionVector, mark func(uint64) []byte, between func()) (uint64, int, error) {
	next, keys, err := w.i.engine.MergeAt(at, image, least, mark, between)
	if im, e := engine.DecodeImage(image); err == nil && e == nil {
		w.i.p.alive(func() { w.i.p.n.run.register.merged(w.i, im.Vector) })
	}
	return next, keys, err
}

// Shorten implements peer.Images.
func (w *watcher) Shorten(offer []byte) func(image []byte) ([]byte, error) {
	shorten := w.i.engine.Shorten(offer)
	return func(image []byte) ([]byte, error) {
		short, err := shorten(image)
		w.i.p.n.run.spared.Add(int64(len(image) - len(short)))
		return short, err
	}
}

// Jump implements peer.Images.
func (w *watcher) Jump(ctx context.Context, ends []oplog.Tip, mark []byte) error {
	err := w.i.engine.Jump(ctx, ends, mark)
	if err != nil {
		return err
	}
	for _, t := range ends {
		if t.Replica != w.i.id && t.Time > w.at.Get(t.Replica) {
			w.at.Set(t.Replica, t.Time)
		}
	}
	w.i.p.alive(func() { w.i.p.n.run.register.jumped(w.i) })
	return nil
}

// Vector implements peer.Images.
func (w *watcher) Vector() crdt.VersionVector { return w.i.engine.Vector() }

// HoldForgotten implements peer.Images.
func (w *watcher) HoldForgotten() (crdt.VersionVector, func()) { return w.i.engine.HoldForgotten() }

// SaveTo implements peer.Images.
func (w *watcher) SaveTo(ctx context.Context, vv crdt.VersionVector) error {
	return w.i.engine.SaveTo(ctx, vv)
}

// NoteForgotten implements peer.Images.
func (w *watcher) NoteForgotten(ctx context.Context, vv crdt.VersionVector) error {
	return w.i.engine.NoteForgotten(ctx, vv)
}

// grace is how long what was on its way when a member left may still arrive.
const grace = time.Second
