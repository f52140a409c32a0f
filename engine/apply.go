package engine

import (
	"fmt"

	"crdb/crdt"
	"crdb/oplog"
)

// applier is the scratch space of Apply, which one goroutine calls at a time.
type applier struct {
	ent   entry
	op    crdt.Op
	group []oplog.Entry
	built map[int]*crdt.Op   // large ones of group, by index
	lent  bool               // op's buffers are those of a built one
	alone bool               // the op is the only one of its block
	edits crdt.Edits         // of the block
	seen  crdt.VersionVector // what an op can have seen that is checked
}

// keepGroup is the largest group whose room is kept, in ops.
const keepGroup = 1024

// release lets go of the block that was applied.
func (a *applier) release() {
	a.alone = false
	a.edits.Reset()
	if a.lent {
		a.op, a.lent = crdt.Op{}, false
	}
	clear(a.built)
	a.op.Trim()
	clear(a.group[:cap(a.group)])
	if cap(a.group) > keepGroup {
		a.group = nil
	}
}

// build decodes the large ops of the group, and builds what they add, so that little
// is left to be done under the locks. skip is that of applyGroup.
func (a *applier) build(e *Engine, skip func(r int, d crdt.Dot) bool) error {
	clear(a.built)
	for i := range a.group {
		en := &a.group[i]
		if len(en.Op) < e.opts.Sizes.BuildFrom {
			continue
		}
		key, err := crdt.OpKey(en.Op)
		if err != nil {
			return fmt.Errorf("op %v: %w", en.Dot, err)
		}
		h := e.hash(key)
		if skip != nil && skip(partOf(h)*rangesPerPart+subOf(fragOf(h)), en.Dot) {
			continue
		}
		op := &crdt.Op{}
		if err := crdt.BuildOp(op, en.Op, en.Dot); err != nil {
			return fmt.Errorf("op %v: %w", en.Dot, err)
		}
		if a.built == nil {
			a.built = map[int]*crdt.Op{}
		}
		a.built[i] = op
	}
	return nil
}

// decode makes op that of an entry of the group.
func (a *applier) decode(i int) error {
	if op := a.built[i]; op != nil {
		a.op, a.lent = *op, true
		return a.note(i)
	}
	if a.lent {
		a.op, a.lent = crdt.Op{}, false
	}
	if err := crdt.DecodeOp(&a.op, a.group[i].Op); err != nil {
		return fmt.Errorf("op %v: %w", a.group[i].Dot, err)
	}
	return a.note(i)
}

// note lets the op be one that edits behind it may name, and looks at it if it is one.
func (a *applier) note(i int) error {
	if err := a.edits.Note(&a.op, a.group[i].Dot); err != nil {
		return fmt.Errorf("op %v: %w", a.group[i].Dot, err)
	}
	return nil
}

// Check decodes every op of a block, so that a block which is sound outside but
// not inside is refused before anything of it is stored or applied. An op may have
// seen what the block depends on, and what its author wrote before. Check must
// not run at the same time as Apply.
func (e *Engine) Check(b *oplog.Block) error {
	a := &e.apply
	a.edits.Reset()
	defer a.edits.Reset()
	a.seen = append(a.seen[:0], b.Deps...)
	return b.Each(func(en oplog.Entry) error {
		a.seen.Set(en.Dot.Replica, en.Dot.Time-1)
		err := crdt.CheckOp(&a.op, en.Op, a.seen)
		if err == nil {
			err = a.edits.Note(&a.op, en.Dot)
		}
		if err != nil {
			return fmt.Errorf("op %v: %w", en.Dot, err)
		}
		return nil
	})
}

// Apply applies a block of another replica, group by group, in the order of
// its log. The caller delivers blocks in causal order (C1), each once, after
// oplog.Log.Receive, and never two at a time. Its ops are visible on return.
func (e *Engine) Apply(b *oplog.Block) error { return e.ApplySteps(b, func(int) {}) }

// stepOps is how many ops ApplySteps applies between two pauses: some tenths of
// a millisecond. A larger group is not interrupted.
const stepOps = 256

// ApplySteps is Apply that calls between, with no lock held, after every stepOps
// ops or so and with their number, for who wants to pause.
func (e *Engine) ApplySteps(b *oplog.Block, between func(ops int)) error {
	a := &e.apply
	a.group = a.group[:0]
	now := e.opts.Wall()
	a.alone = b.Ops == 1
	defer a.release()
	step := 0
	err := b.Each(func(en oplog.Entry) error {
		a.group = append(a.group, en)
		step++
		if en.Group {
			return nil
		}
		if step > stepOps {
			between(step)
			step = 0
			now = e.opts.Wall()
		}
		err := e.applyGroup(a, now, nil)
		a.group = a.group[:0]
		if e.ready.any.Load() {
			e.serveReady()
		}
		return err
	})
	e.stats.remoteBlocks.Add(1)
	e.stats.remoteOps.Add(int64(b.Ops))
	e.applied()
	return err
}

// OnApplied makes f hear, after the fact, that Vector covers more operations of
// other regions than before. f must not block; nil ends it.
func (e *Engine) OnApplied(f func()) {
	if f == nil {
		f = func() {}
	}
	e.onApplied.Store(&f)
}

// applied tells whoever waits for the vector to rise.
func (e *Engine) applied() {
	if f := e.onApplied.Load(); f != nil {
		(*f)()
	}
}

// applyGroup applies the collected ops so that nobody sees a part of them
// (C2). skip, during recovery, tells which ops the checkpoint already holds.
func (e *Engine) applyGroup(a *applier, now int64, skip func(r int, d crdt.Dot) bool) error {
	if err := a.build(e, skip); err != nil {
		return err
	}
	mask := uint64(0)
	for i := range a.group {
		if err := a.decode(i); err != nil {
			return err
		}
		if a.op.Kind == crdt.KindFlush {
			mask = ^uint64(0)
			break
		}
		mask |= 1 << partOf(e.hash(a.op.Key))
	}
	e.lock(mask)
	defer e.unlock(mask)
	for i := range a.group {
		if len(a.group) > 1 {
			if err := a.decode(i); err != nil {
				return err
			}
		}
		e.applyOp(a, a.group[i].Dot, now, skip)
	}
	if last := a.group[len(a.group)-1].Dot; last.Replica != e.self {
		e.vec.Lock()
		e.vec.applied.Raise(last)
		e.vec.Unlock()
	}
	return nil
}

// applyOp applies the decoded op; its partitions are locked.
func (e *Engine) applyOp(a *applier, d crdt.Dot, now int64, skip func(r int, d crdt.Dot) bool) {
	if a.op.Kind == crdt.KindFlush {
		e.applyFlush(a, d, now, skip)
		return
	}
	n := &a.ent
	n.find(e, int(a.op.DB), a.op.Key)
	if skip != nil && skip(rangeOf(n), d) || n.p.raised.covers(n.frag, d) {
		return // T2
	}
	n.dot = d
	edit := a.op.Edit.Base != 0
	if edit && e.applyEdit(a, d, now) {
		return
	}
	a.edits.Make(&a.op, d)
	if e.applyPlain(a, d, now) {
		return
	}
	a.op.Owned = a.op.Owned || a.alone && len(a.op.Value) >= e.log.LargeOp() // it stays in its block, which nobody changes
	n.load()
	if skip == nil {
		e.contest(n, &a.op, d)
	}
	n.unused = a.op.Flags&crdt.Expired != 0
	n.fades = a.op.Kind == crdt.KindDelete && a.op.Flags&crdt.Expired != 0 && n.rec != nil && n.flags()&recFades != 0 &&
		(n.deadline() == 0 || d.Time.Millis() <= n.deadline())
	n.obj.Apply(&a.op, d)
	n.settle(now, &a.op)
	if edit {
		n.keepPrivate(d)
	}
}

func rangeOf(n *entry) int {
	return n.part*rangesPerPart + subOf(n.frag)
}

// applyPlain is the short way for what is most common: a plain string over an
// absent key or over a plain string that its author has seen, and a counter
// that only its author counts.
func (e *Engine) applyPlain(a *applier, d crdt.Dot, now int64) bool {
	op, n := &a.op, &a.ent
	if op.Kind == crdt.KindIncr {
		return e.applyIncr(a, d, now)
	}
	if op.Kind != crdt.KindPut || op.Flags != 0 || op.Deadline != 0 || len(op.Shares) > 0 || len(op.Elems) > 0 ||
		len(op.Value) > maxFlat || op.Gap.Len > 0 {
		return false
	}
	if n.rec != nil {
		if !n.isFlat() {
			return false
		}
		seen, _, ok := crdt.PlainRecord(n.body())
		if !ok || !op.Clear.Covers(seen) {
			return false
		}
	}
	n.storePlain(op, d, now)
	return true
}

// applyIncr is applyPlain for an increment of integers.
func (e *Engine) applyIncr(a *applier, d crdt.Dot, now int64) bool {
	op, n := &a.op, &a.ent
	total, delta, create, ok := op.PlainIncr()
	switch {
	case !ok:
		return false
	case n.rec == nil:
		if !create || total != delta {
			return false
		}
		n.storeShare(op, d, now)
		return true
	case create || !n.isFlat():
		return false
	}
	if _, _, ok = crdt.RecordShare(n.body(), d.Replica); ok {
		n.addShare(op, d, total, now)
	}
	return ok
}

func (e *Engine) applyFlush(a *applier, d crdt.Dot, now int64, skip func(r int, d crdt.Dot) bool) {
	all := skip == nil && a.op.Clear.Descends(e.vector()) && !e.anyAhead()
	for i := range e.parts {
		if skip == nil {
			e.flushPartition(&e.parts[i], &a.ent, &a.op, d, now, all)
			continue
		}
		e.flushKeys(&e.parts[i], &a.ent, &a.op, d, now, skip) // a replay: some checkpoints hold it already
	}
}
