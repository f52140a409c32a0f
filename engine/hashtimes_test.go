package engine

import (
	"fmt"
	"testing"

	"crdb/crdt"
)

func always(int64) bool { return true }

func words(s ...string) (out [][]byte) {
	for _, w := range s {
		out = append(out, []byte(w))
	}
	return out
}

// read returns what n shows of a key.
func (n *node) read(key string) (s string) {
	n.do(func(tx *Tx) { s = show(tx, []byte(key)) })
	return s
}

// twoNodes are an idle pair whose walls stand still until they are moved.
func twoNodes(t *testing.T) (a, b *node, later func(ms int64)) {
	wall := clockAt(1_700_000_000_000)
	a, b = idlePair(t, wall)
	return a, b, func(ms int64) { wall.Add(ms) }
}

const hashNow = 1_700_000_000_000

// TestFieldsExpireAtTheirOwner: past the deadline both hide the field; only its
// owner removes it, and the other one follows.
func TestFieldsExpireAtTheirOwner(t *testing.T) { // X1
	a, b, later := twoNodes(t)
	key := []byte("h")
	a.do(func(tx *Tx) {
		tx.HashSet(key, words("f", "1", "g", "2"))
		tx.HashExpire(key, words("f"), hashNow+1000, always)
	})
	syncAll([]*node{a, b})
	if got, want := b.read("h"), "hash [f=1 until 1700000001000 g=2] 0"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	later(1001)
	for _, n := range []*node{a, b} {
		if got := n.read("h"); got != "hash [g=2] 0" {
			t.Errorf("past the deadline: %s", got)
		}
	}
	if n := b.expire(); n != 0 {
		t.Errorf("the other one has removed %d", n)
	}
	if n := a.expire(); n != 1 || a.eng.Stats().ExpiredFields != 1 {
		t.Errorf("the owner has removed %d, counted %d", n, a.eng.Stats().ExpiredFields)
	}
	syncAll([]*node{a, b})
	b.do(func(tx *Tx) {
		if h := tx.change(key).obj.Hash(); h.Len() != 1 || h.Dated() {
			t.Errorf("%d fields are kept", h.Len())
		}
	})
}

// TestAnybodySweepsAfterTheGracePeriod: an owner that is no member any more does not
// keep fields for ever.
func TestAnybodySweepsAfterTheGracePeriod(t *testing.T) { // X1
	a, b, later := twoNodes(t)
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("h"), words("f", "1", "g", "2"))
		tx.HashExpire([]byte("h"), words("f"), hashNow+1000, always)
	})
	syncAll([]*node{a, b})
	later(1001 + b.eng.opts.ExpiryGrace.Milliseconds())
	if n := b.expire(); n != 1 {
		t.Errorf("%d removed", n)
	}
}

// TestLastFieldTakesTheKey: a hash none of whose fields shows does not exist.
func TestLastFieldTakesTheKey(t *testing.T) {
	a, b, later := twoNodes(t)
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("h"), words("f", "1", "g", "2"))
		tx.HashExpire([]byte("h"), words("f"), hashNow+1000, always)
		tx.HashExpire([]byte("h"), words("g"), hashNow+2000, always)
	})
	syncAll([]*node{a, b})
	later(2001)
	b.do(func(tx *Tx) {
		if tx.Exists([]byte("h")) || tx.Type([]byte("h")) != TypeNone || len(scanAll(tx)) != 0 {
			t.Error("the key is there")
		}
		if _, err := tx.SetAdd([]byte("h"), words("m")); err != nil { // not of the wrong type
			t.Error(err)
		}
	})
	syncAll([]*node{a, b})
	if got := a.read("h"); got != "set [m] 0" {
		t.Errorf("the write deletes first: %s", got)
	}
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("k"), words("f", "1"))
		tx.HashExpire([]byte("k"), words("f"), hashNow+3000, always)
	})
	later(2000)
	a.expire()
	a.do(func(tx *Tx) {
		if n := tx.peek([]byte("k")); n != nil || tx.ent.rec != nil {
			t.Error("the key stays")
		}
	})
}

func scanAll(tx *Tx) (keys []string) {
	for c := uint64(0); ; {
		c = tx.Scan(c, 100, func(k []byte, _ Type) { keys = append(keys, string(k)) })
		if c == 0 {
			return keys
		}
	}
}

// TestLongestFieldDeadlineWins: what semantics there are between regions.
func TestLongestFieldDeadlineWins(t *testing.T) {
	key := []byte("h")
	expire := func(ms int64) func(tx *Tx) {
		return func(tx *Tx) { tx.HashExpire(key, words("f"), hashNow+ms, always) }
	}
	persist := func(tx *Tx) { tx.HashPersist(key, words("f")) }
	set := func(tx *Tx) { tx.HashSet(key, words("f", "7")) }
	incr := func(tx *Tx) { tx.HashIncr(key, []byte("f"), 2) }
	for _, c := range []struct {
		name string
		a, b func(tx *Tx)
		want string
	}{
		{"two deadlines", expire(1000), expire(5000), "hash [f=1 until 1700000005000] 0"},
		{"a deadline and PERSIST", expire(1000), persist, "hash [f=1] 0"},
		{"a deadline and a write", expire(1000), set, "hash [f=7] 0"},
		{"a deadline and an increment", expire(1000), incr, "hash [f=3 until 1700000001000] 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b, _ := twoNodes(t)
			a.do(func(tx *Tx) { tx.HashSet(key, words("f", "1")) })
			syncAll([]*node{a, b})
			a.do(c.a)
			b.do(c.b)
			syncAll([]*node{a, b})
			for _, n := range []*node{a, b} {
				if got := n.read("h"); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			}
		})
	}
}

// TestWritesToFieldsPastTheirDeadline at a replica that may only hide them.
func TestWritesToFieldsPastTheirDeadline(t *testing.T) {
	a, b, later := twoNodes(t)
	key := []byte("h")
	a.do(func(tx *Tx) {
		tx.HashSet(key, words("f", "5", "g", "6", "keep", "7"))
		tx.HashExpire(key, words("f", "g"), hashNow+1000, always)
	})
	syncAll([]*node{a, b})
	later(1001)
	b.do(func(tx *Tx) {
		if sum, err := tx.HashIncr(key, []byte("f"), 2); sum != 2 || err != nil {
			t.Errorf("increment: %d, %v", sum, err)
		}
		if n, _ := tx.HashDelete(key, words("g")); n != 0 {
			t.Errorf("%d deleted", n)
		}
		if out, _ := tx.HashExpire(key, words("g"), hashNow+9000, always); out[0] != FieldMissing {
			t.Errorf("HEXPIRE: %v", out)
		}
		if n, _ := tx.HashSet(key, words("g", "8")); n != 1 {
			t.Errorf("%d new", n)
		}
	})
	syncAll([]*node{a, b})
	for _, n := range []*node{a, b} {
		if got := n.read("h"); got != "hash [f=2 g=8 keep=7] 0" {
			t.Error(got)
		}
	}
}

// TestCopiesTakeFieldDeadlines, those that have passed left out.
func TestCopiesTakeFieldDeadlines(t *testing.T) {
	a, _, later := twoNodes(t)
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("h"), words("f", "5", "g", "6", "keep", "7"))
		tx.HashExpire([]byte("h"), words("f"), hashNow+1000, always)
		tx.HashExpire([]byte("h"), words("g"), hashNow+5000, always)
	})
	later(1001)
	a.do(func(tx *Tx) {
		tx.Copy([]byte("h"), []byte("copy"), 0)
		tx.Rename([]byte("h"), []byte("renamed"))
	})
	for _, key := range []string{"copy", "renamed"} {
		if got := a.read(key); got != "hash [g=6 until 1700000005000 keep=7] 0" {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// TestManyFieldsExpireInBatches: no more than a batch at a time, none forgotten.
func TestManyFieldsExpireInBatches(t *testing.T) {
	a, _, later := twoNodes(t)
	a.do(func(tx *Tx) {
		for i := range 1000 {
			f := fmt.Sprint("f", i)
			tx.HashSet([]byte("h"), words(f, "v"))
			tx.HashExpire([]byte("h"), words(f), hashNow+1000+int64(i%7), always)
		}
		tx.HashSet([]byte("h"), words("keep", "v"))
	})
	later(2000)
	total := 0
	for n := a.expire(); n > 0; n = a.expire() {
		if total += n; n > 2*expireBatch {
			t.Errorf("%d in one go", n)
		}
	}
	if got := a.read("h"); total != 1000 || got != "hash [keep=v] 0" {
		t.Errorf("%d removed, left %s", total, got)
	}
}

// TestOrphanDeadlinesAreForgotten once the background looks at them, where they were
// set, or anywhere once that is no member any more.
func TestOrphanDeadlinesAreForgotten(t *testing.T) {
	for _, gone := range []bool{false, true} {
		a, b, _ := twoNodes(t)
		b.eng.opts.Member = func(id crdt.ReplicaID) bool { return !gone }
		if gone {
			a, b = b, a
		}
		orphanIsForgotten(t, a, b, gone)
	}
}

// orphanIsForgotten has the first of two nodes forget an orphan, which the other must
// not; the deadline is the first one's, unless that is gone.
func orphanIsForgotten(t *testing.T, a, b *node, gone bool) {
	t.Helper()
	setter, other := a, b
	if gone {
		setter, other = b, a
	}
	key := []byte("h")
	a.do(func(tx *Tx) { tx.HashSet(key, words("f", "1", "g", "2")) })
	syncAll([]*node{a, b})
	setter.do(func(tx *Tx) { tx.HashPersist(key, words("f")) })
	other.do(func(tx *Tx) { tx.HashDelete(key, words("f")) })
	syncAll([]*node{a, b})
	residue := func(n *node) (found bool) {
		n.do(func(tx *Tx) { found = tx.change(key).obj.Residue() })
		return found
	}
	if !residue(a) || !residue(b) {
		t.Fatal("no deadline without a field")
	}
	if !gone {
		b.eng.forgetResidues(b.eng.NewTx())
		if !residue(b) {
			t.Error("another one's was removed")
		}
	}
	a.eng.forgetResidues(a.eng.NewTx())
	syncAll([]*node{a, b})
	if residue(a) || residue(b) {
		t.Error("it stays")
	}
}

// TestVolatileEvictionLeavesDatedFieldsAlone: such a hash has no deadline.
func TestVolatileEvictionLeavesDatedFieldsAlone(t *testing.T) {
	a, _, _ := twoNodes(t)
	a.do(func(tx *Tx) {
		tx.HashSet([]byte("h"), words("f", "5"))
		tx.HashExpire([]byte("h"), words("f"), hashNow+1000, always)
		if tx.ExpiresOf(0) != 0 {
			t.Error("counted as a key with a deadline")
		}
		p := tx.ent.p
		if _, key, _ := tx.sample(p, true); key != nil {
			t.Errorf("%s would be evicted", key)
		}
	})
}

// TestHiddenHashesAreSweptToo: fields of a hash that another type hides.
func TestHiddenHashesAreSweptToo(t *testing.T) {
	a, b, later := twoNodes(t)
	key := []byte("k")
	a.do(func(tx *Tx) {
		tx.HashSet(key, words("f", "5"))
		tx.HashExpire(key, words("f"), hashNow+1000, always)
	})
	later(1)
	b.do(func(tx *Tx) { tx.SetAdd(key, words("m")) })
	syncAll([]*node{a, b})
	later(1001)
	if got := a.read("k"); got != "set [m] 0" {
		t.Fatal(got)
	}
	a.expire()
	syncAll([]*node{a, b})
	for _, n := range []*node{a, b} {
		if got := n.read("k"); got != "set [m] 0" {
			t.Error(got)
		}
		n.do(func(tx *Tx) {
			if o := tx.change(key).obj; o.Hash().Len() != 0 || o.Type() != crdt.TypeSet {
				t.Errorf("%d fields are kept", o.Hash().Len())
			}
		})
	}
}
