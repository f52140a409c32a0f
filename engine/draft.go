package engine

import (
	"runtime"
	"slices"

	"crdb/crdt"
)

// RENAME, MOVE and COPY write all elements of a key under another one. What takes
// time of that, to encode the op and to build what it makes, is done before: in
// steps, with the source's partition locked for one step at a time, and by a
// goroutine that nobody waits for (Draft). When the keys are locked for the command,
// and the source has not changed since, the op is logged as it is and the collection
// put in its place: only the dot of the op, which nobody knows before, is filled in
// under the lock, some nanoseconds per element. If it has changed again and again, all
// is done under the lock.

// draftTries is how often a draft is begun anew because its key has changed.
const draftTries = 3

// draft is a copy of an object as it was at a revision.
type draft struct {
	*crdt.Draft
	o        *object
	revision uint32
	moves    bool
}

func (d *draft) isOf(o *object, moves bool) bool {
	return d != nil && d.o == o && d.revision == o.revision && d.moves == moves
}

// worthDraft reports whether a key is so large that it is copied by a draft.
func (n *entry) worthDraft() bool {
	if n.isFlat() {
		return false
	}
	o, s := n.object(), &n.p.eng.opts.Sizes
	return o.Kept() >= s.DraftFrom || o.Bytes() >= s.DraftBytes
}

// IsLarge reports whether it takes long to copy the key.
func (t *Tx) IsLarge(key []byte) bool {
	n := &t.src
	n.find(t.e, t.db, key)
	return n.shows(t.now) && n.worthDraft() && len(n.load().Cell.Siblings) == 0
}

// maxDrafts bounds the drafts that a Tx holds: for a transaction that renames several
// large keys. The others are copied under the lock.
const maxDrafts = 8

// Draft prepares the copy of a large key that Copy, or with moves Rename or Move, is
// about to make; of others nothing is prepared. No locks are held, and everybody else
// can use the key meanwhile. DropDrafts gives it back.
func (t *Tx) Draft(now int64, key []byte, moves bool) {
	if len(t.drafts) == maxDrafts {
		return
	}
	p := &t.e.parts[partOf(t.e.hash(key))]
	for range draftTries {
		d := &draft{moves: moves}
		for more := true; more; {
			p.mu.Lock()
			more = d.step(t, now, key)
			p.mu.Unlock()
			runtime.Gosched()
		}
		if d.Draft != nil {
			t.drafts = append(t.drafts, d)
			return
		}
	}
}

// DropDrafts gives back what Draft has prepared and nothing has used.
func (t *Tx) DropDrafts() { t.drafts = nil }

// step takes some elements more and reports whether there are others. It gives the
// draft up if the key has changed. The partition is locked.
func (d *draft) step(t *Tx, now int64, key []byte) (more bool) {
	n := entry{p: &t.e.parts[partOf(t.e.hash(key))]}
	n.find(t.e, t.db, key)
	if !n.shows(now) || !n.worthDraft() || d.o != nil && !d.isOf(n.object(), d.moves) {
		d.Draft = nil
		return false
	}
	if d.o == nil {
		d.o, d.revision = n.object(), n.object().revision
		if d.Draft = d.o.Draft(t.e.self, d.moves); d.Draft == nil {
			return false
		}
	}
	return d.o.DraftStep(d.Draft, t.e.opts.Sizes.DraftStep)
}

// draftOf returns the draft of a large key: the one that was prepared, if it is still
// right, or one that is made now. It is nil if the key is not large.
func (t *Tx) draftOf(n *entry, moves bool) *draft {
	if !n.worthDraft() {
		return nil
	}
	o := n.object()
	for i, d := range t.drafts {
		if d.isOf(o, moves) {
			t.drafts = slices.Delete(t.drafts, i, i+1) // a draft becomes the copy
			t.e.stats.drafts.Add(1)
			return d
		}
	}
	d := &draft{o: o, revision: o.revision, moves: moves}
	if d.Draft = o.Draft(t.e.self, moves); d.Draft == nil {
		return nil
	}
	for o.DraftStep(d.Draft, t.e.opts.Sizes.DraftStep) {
		// The next elements.
	}
	return d
}

// place writes a draft to a key that does not show.
func (t *Tx) place(dst []byte, d *draft) {
	n := t.change(dst)
	t.op.Reset(d.Kind(), uint8(t.db), dst)
	if err := n.obj.PrepareChange(&t.op, d.Type()); err != nil {
		panic(err) // the key has just been deleted
	}
	if d.Type() != crdt.TypeStream {
		d.Into(&t.op, &d.o.Object)
		t.issue(n)
		return
	}
	s, from := n.obj.Stream(), d.o.Stream()
	s.Begin()
	s.PrepareFillApart(&t.op, t.e.self, from)
	d.Into(&t.op, &d.o.Object)
	t.issue(n)
	t.brought(n, dst)
	n.copyReads(from)
}
