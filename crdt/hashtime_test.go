package crdt

import (
	"fmt"
	"testing"
)

// dumpHash copies the fields and their deadlines into v, and panics if the
// index of deadlines and the fields disagree.
func dumpHash(h *Hash, v *view) {
	first, last, dated, orphans := int64(0), int64(0), 0, 0
	h.At(0).Each(func(f, val []byte) bool {
		v.hash[string(f)] = string(val)
		at, ok := h.Deadline(f)
		if !ok {
			panic(fmt.Sprintf("field %q has no deadline", f))
		}
		if at == 0 {
			return true
		}
		v.times[string(f)] = at
		if dated++; first == 0 || at < first {
			first = at
		}
		last = max(last, at)
		return true
	})
	h.each(func(name, rec []byte) {
		if rec[0] == shapeDated && !cellLive(rec) {
			orphans++
		}
	})
	if dated < h.Len() {
		last = 0
	}
	if h.FirstDeadline() != first || h.LastDeadline() != last || h.Dated() != (dated > 0) || h.times != nil && h.times.orphans.len() != orphans {
		panic(fmt.Sprintf("index says %d to %d, %v; the fields say %d to %d, %d orphans", h.FirstDeadline(), h.LastDeadline(), h.times, first, last, orphans))
	}
}

// TestFieldsPastTheirDeadline: they do not show, count or come up, but stay in
// the state, and what is left behind is what a client sees.
func TestFieldsPastTheirDeadline(t *testing.T) {
	w, o := &writer{id: 1}, &Object{}
	w.hset(o, "a", "1", "b", "2", "c", "3")
	w.hexpire(o, "a", 100)
	w.hexpire(o, "b", 200)
	digest := o.Digest()
	for _, c := range []struct {
		now  int64
		want string
	}{{0, "abc"}, {100, "abc"}, {101, "bc"}, {200, "bc"}, {201, "c"}} {
		h := o.Hash().At(c.now)
		shown := map[byte]bool{}
		each, scanned := "", map[byte]bool{}
		h.Each(func(f, _ []byte) bool { shown[f[0]] = true; return true })
		h.Scan(0, 100, func(f, _ []byte) { scanned[f[0]] = true })
		for _, f := range "abc" {
			name := []byte(string(f))
			_, got := h.Get(nil, name)
			_, dated := h.Deadline(name)
			if got != shown[byte(f)] || got != scanned[byte(f)] || got != dated || got == h.Past(name) {
				t.Errorf("at %d field %c: get %v, each %v, scan %v, deadline %v, past %v", c.now, f, got, shown[byte(f)], scanned[byte(f)], dated, h.Past(name))
			}
			if got {
				each += string(f)
			}
		}
		if each != c.want || h.Shown() != len(c.want) || h.Len() != 3 || o.Digest() != digest {
			t.Errorf("at %d: %q, %d shown of %d, want %q", c.now, each, h.Shown(), h.Len(), c.want)
		}
		rnd := uint64(0)
		for range 50 {
			f, _, ok := h.Random(func() uint64 { rnd += 0x9e3779b97f4a7c15; return rnd * 0xbf58476d1ce4e5b9 })
			if !ok || !shown[f[0]] {
				t.Errorf("at %d: random field %q", c.now, f)
			}
		}
	}
	h := o.Hash().At(150)
	op := &Op{Kind: KindHashSet}
	if h.PrepareSet(op, list([]string{"a", "x", "b", "y"})) != 1 {
		t.Error("a field past its deadline is not new")
	}
	if err := o.PrepareChange(op, TypeHash); err != nil {
		t.Fatal(err)
	}
	op.Reset(KindHashRemove, 0, nil)
	op.whole = o
	if n := h.PrepareRemove(op, list([]string{"a", "b", "c"})); n != 2 || op.Kind != KindDelete {
		t.Errorf("%d removed by kind %d: the last that show take the key", n, op.Kind)
	}
}

// TestSweepIsTheOwners: the replica that set the deadline that counts removes
// the field, others only where they enforce its deadlines.
func TestSweepIsTheOwners(t *testing.T) {
	a, b := &writer{id: 1}, &writer{id: 2, time: 100}
	o := &Object{}
	a.hset(o, "a", "1", "b", "2", "keep", "3")
	a.hexpire(o, "a", 100)
	b.hexpire(o, "b", 200)
	for _, c := range []struct {
		r         ReplicaID
		due, late int64
		want      int
	}{{1, 100, 0, 0}, {1, 101, 0, 1}, {2, 101, 0, 0}, {2, 150, 101, 1}, {2, 201, 0, 1}, {1, 201, 0, 1}, {1, 500, 300, 2}} {
		op := &Op{Kind: KindHashRemove}
		if n, looked := o.Hash().PrepareSweep(op, enforcedBy(c.r, c.late), c.due, 10); n != c.want || len(op.Elems) != n || looked < n {
			t.Errorf("replica %d at %d, late before %d: %d fields, want %d", c.r, c.due, c.late, n, c.want)
		}
	}
	op := &Op{Kind: KindHashRemove}
	o.Hash().PrepareSweep(op, func(ReplicaID, int64) bool { return true }, 500, 10)
	a.time = 300
	a.do(o, op)
	if h := o.Hash(); h.Len() != 1 || h.times != nil {
		t.Errorf("%d fields, index %v", h.Len(), h.times)
	}
}

// enforcedBy is what a replica enforces that deletes for others what is past late.
func enforcedBy(r ReplicaID, late int64) func(ReplicaID, int64) bool {
	return func(owner ReplicaID, at int64) bool { return owner == r || at < late }
}

// TestOrphanDeadlines: a deadline whose field was removed concurrently waits for
// its owner, and is not what a new field gets.
func TestOrphanDeadlines(t *testing.T) {
	a, b := &writer{id: 1}, &writer{id: 2}
	x, y := &Object{}, &Object{}
	set, d1 := a.hset(x, "f", "1", "g", "2")
	applyBytes(y, set, d1)
	b.time = a.time
	exp, d2 := a.hexpire(x, "f", 100)
	del, d3 := b.hdel(y, "f")
	applyBytes(x, del, d3)
	applyBytes(y, exp, d2)
	if x.Digest() != y.Digest() || !x.Residue() || x.Hash().Len() != 1 {
		t.Fatal("the states differ, or nothing stays")
	}
	op := &Op{Kind: KindHashRemove}
	if n := x.Hash().PrepareOrphans(op, enforcedBy(2, 100)); n != 0 {
		t.Errorf("another's orphan: %d", n)
	}
	b.time = a.time + 5
	b.hincr(y, "f", 3)
	if at, ok := y.Hash().Deadline([]byte("f")); at != 0 || !ok || y.Residue() {
		t.Errorf("the new field has deadline %d, %v", at, ok)
	}
	if n := x.Hash().PrepareOrphans(op, enforcedBy(1, 0)); n != 1 {
		t.Errorf("orphans of their owner: %d", n)
	}
	if n := x.Hash().PrepareOrphans(&Op{Kind: KindHashRemove}, enforcedBy(2, 101)); n != 1 {
		t.Errorf("another's orphan after the grace period: %d", n)
	}
	a.do(x, op)
	if x.Residue() || x.Hash().kept() != 1 {
		t.Error("the orphan stays")
	}
}

// TestHashWithoutDeadlinesStaysPlain: fields cost what they did, also when
// their deadline has come and gone.
func TestHashWithoutDeadlinesStaysPlain(t *testing.T) {
	w, o := &writer{id: 1}, &Object{}
	w.hset(o, "f", "v")
	w.hexpire(o, "f", 100)
	w.hset(o, "f", "w")
	if rec, _ := o.Hash().get([]byte("f")); rec[0] != shapePlain || o.Hash().times != nil {
		t.Errorf("%x", rec)
	}
}

// TestManyOrphansAreLookedAtInTurn: more of them than are looked at in one go, the
// caller's among them, and all of these are found.
func TestManyOrphansAreLookedAtInTurn(t *testing.T) {
	const many, own = 3*orphanLooks + 100, 50
	a, b := &writer{id: 1}, &writer{id: 2}
	x := &Object{}
	for i := range many {
		f := fmt.Sprint("f", i)
		w := a
		if i%(many/own) == 0 {
			w = b
		}
		a.hset(x, f, "1")
		del := &Op{Kind: KindHashRemove}
		x.Hash().see(del, []byte(f)) // and not the deadline
		w.time = a.time
		w.hexpire(x, f, int64(100+i))
		a.time = w.time
		a.do(x, del)
	}
	if n := x.Hash().times.orphans.len(); n != many {
		t.Fatalf("%d orphans", n)
	}
	found := 0
	for range many/orphanLooks + 2 {
		op := &Op{Kind: KindHashRemove}
		n := x.Hash().PrepareOrphans(op, enforcedBy(2, 0))
		if found += n; n > 0 {
			a.do(x, op)
		}
	}
	if left := x.Hash().times.orphans.len(); found < own || left != many-found {
		t.Errorf("%d were found, %d are left", found, left)
	}
}

// TestManyDueFieldsAreLookedAtInTurn: behind more of them that are another's to
// remove than are looked at in one go are the caller's, and these are found.
func TestManyDueFieldsAreLookedAtInTurn(t *testing.T) {
	const limit, others, own = 5, 3 * sweepLooks * 5, 12
	a, b := &writer{id: 1}, &writer{id: 2}
	x := &Object{}
	for i := range others + own {
		w, f := a, fmt.Sprint("f", i)
		if i >= others {
			w = b
		}
		a.hset(x, f, "1")
		w.time = a.time
		w.hexpire(x, f, int64(100+i))
		a.time = w.time
	}
	found := 0
	for range 2 * (others/(sweepLooks*limit) + own/limit + 2) {
		op := &Op{Kind: KindHashRemove}
		n, looked := x.Hash().PrepareSweep(op, enforcedBy(2, 0), 100+others+own, limit)
		if n > limit || looked > sweepLooks*limit {
			t.Fatalf("%d of %d in one go", n, looked)
		}
		if found += n; n > 0 {
			b.time = a.time
			b.do(x, op)
			a.time = b.time
		}
	}
	if found != own || x.Hash().Len() != others {
		t.Errorf("%d of %d found, %d fields are left", found, own, x.Hash().Len())
	}
}
