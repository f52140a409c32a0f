package engine

import (
	"fmt"
	"testing"
)

// What was noted under one kind of policy is read as such under the other.
func TestUsageAcrossPolicies(t *testing.T) {
	const now = 1_700_000_000_000
	u := &Usage{Frequency: true, LogFactor: 10, DecayTime: 1}
	counted := minuteOf(now)<<8 | 7
	if got := idle(counted, now+10*60_000); got != 600 {
		t.Errorf("a key last counted ten minutes ago is idle for %d seconds", got)
	}
	timed := uint32(now / 1000)
	if got := idle(timed, now+5000); got != 5 {
		t.Errorf("idle for %d seconds, not 5", got)
	}
	if got := u.decayed(timed, now); got != freshUse {
		t.Errorf("a key whose uses were not counted has %d, not %d", got, freshUse)
	}
	if got := u.decayed(timed, now+3*60_000); got != freshUse-3 {
		t.Errorf("after three minutes it has %d", got)
	}
	if got := u.decayed(counted, now); got != 7 {
		t.Errorf("a key counted 7 has %d", got)
	}
}

// usedKeys writes to keys of all forms: small and large collections, and strings.
var usedKeys = map[string]func(tx *Tx, key []byte, i int) error{
	"plain":   func(tx *Tx, key []byte, i int) error { tx.Put(key, fmt.Append(nil, i), Expiry{}); return nil },
	"string":  func(tx *Tx, key []byte, i int) error { tx.Put(key, make([]byte, 3000+i), Expiry{}); return nil },
	"counter": func(tx *Tx, key []byte, i int) error { _, err := tx.Incr(key, int64(i)); return err },
	"list": func(tx *Tx, key []byte, i int) error {
		_, err := tx.ListPush(key, false, [][]byte{fmt.Append(nil, i)})
		return err
	},
	"set": func(tx *Tx, key []byte, i int) error {
		_, err := tx.SetAdd(key, [][]byte{fmt.Append(nil, i)})
		return err
	},
	"hash": func(tx *Tx, key []byte, i int) error {
		_, err := tx.HashIncr(key, fmt.Append(nil, i), 1)
		return err
	},
	"zset": func(tx *Tx, key []byte, i int) error {
		_, _, err := tx.ZSetAdd(key, [][]byte{fmt.Append(nil, i)}, []float64{1}, ScoreRule{})
		return err
	},
	"stream": func(tx *Tx, key []byte, i int) error {
		_, _, err := tx.StreamAdd(key, &StreamAdd{Auto: true, Fields: [][]byte{key, key}})
		return err
	},
}

// TestWritesAreUses: a key that is written is used, here and where the operation comes,
// whatever it holds: the others are evicted first.
func TestWritesAreUses(t *testing.T) {
	for _, frequency := range []bool{false, true} {
		a, b := newNode(t, 1, clockAt(1_700_000_000_000)), newNode(t, 2, clockAt(1_700_000_000_000))
		for _, n := range []*node{a, b} {
			n.eng.NoteUsage(Usage{Frequency: frequency, LogFactor: 10, DecayTime: 1})
		}
		for i := range 200 {
			a.wall.Add(100)
			a.do(func(tx *Tx) {
				for name, write := range usedKeys {
					if err := write(tx, []byte(name), i); err != nil {
						t.Fatal(name, err)
					}
				}
			})
		}
		b.wall.Store(a.wall.Load())
		b.pull(a)
		for _, n := range []*node{a, b} {
			n.do(func(tx *Tx) {
				for name := range usedKeys {
					idle, there := tx.Idle([]byte(name))
					freq, _ := tx.Freq([]byte(name))
					if !there || idle > 0 || frequency && freq <= freshUse {
						t.Errorf("region %d, frequency %v: %s there %v, idle for %d s, used %d", n.id, frequency, name, there, idle, freq)
					}
				}
			})
		}
	}
}

// TestNoTouch: who wants to leave no trace (CLIENT NO-TOUCH) leaves none by writes either,
// but on what he makes.
func TestNoTouch(t *testing.T) {
	for _, frequency := range []bool{false, true} {
		n := newNode(t, 1, clockAt(1_700_000_000_000))
		n.eng.NoteUsage(Usage{Frequency: frequency, LogFactor: 10, DecayTime: 1})
		for i := range 80 {
			n.do(func(tx *Tx) {
				tx.NoTouch(i >= 40)
				for name, write := range usedKeys {
					if err := write(tx, []byte(name), i); err != nil {
						t.Fatal(name, err)
					}
				}
				tx.Put([]byte("new"), nil, Expiry{})
				tx.Delete([]byte("new"))
				tx.Put([]byte("new"), nil, Expiry{})
				if idle, there := tx.Idle([]byte("new")); !there || idle != 0 {
					t.Errorf("frequency %v: a new key there %v, idle for %d s", frequency, there, idle)
				}
			})
			if i == 40 {
				n.wall.Add(60_000)
			}
		}
		n.do(func(tx *Tx) {
			for name := range usedKeys {
				if idle, there := tx.Idle([]byte(name)); !there || idle != 60 {
					t.Errorf("frequency %v: %s there %v, idle for %d s", frequency, name, there, idle)
				}
			}
		})
	}
}

// TestMovesKeepUses: a key that is moved under another name, or to another database, has
// been used as often as before; a copy is new.
func TestMovesKeepUses(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.eng.NoteUsage(Usage{Frequency: true, LogFactor: 10, DecayTime: 1})
	n.do(func(tx *Tx) {
		for name, write := range usedKeys {
			src, dst := []byte(name), []byte("new "+name)
			if err := write(tx, src, 0); err != nil {
				t.Fatal(name, err)
			}
			tx.SetFreq(src, 200)
			tx.Copy(src, dst, 0)
			if uses, there := tx.Freq(dst); !there || uses != freshUse {
				t.Errorf("a copy of %s there %v, used %d", name, there, uses)
			}
			tx.Rename(src, dst)
			tx.Move(dst, 1)
			tx.Select(1)
			if uses, there := tx.Freq(dst); !there || uses != 200 {
				t.Errorf("%s there %v, used %d", name, there, uses)
			}
			tx.Select(0)
		}
	})
}

// TestForgettingIsNoUse: nor is what happens to a key without anybody's doing.
func TestForgettingIsNoUse(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	keys := [][]byte{[]byte("forgets"), []byte("expires")}
	n.do(func(tx *Tx) {
		for i := range 40 {
			for _, key := range keys {
				if _, err := tx.HashIncr(key, fmt.Append(nil, i), 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := tx.HashDelete(keys[0], [][]byte{[]byte("1")}); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.HashExpire(keys[1], [][]byte{[]byte("1")}, tx.Now()+10, func(int64) bool { return true }); err != nil {
			t.Fatal(err)
		}
	})
	n.wall.Add(60_000)
	tx := n.eng.NewTx()
	for i := range partitions {
		tx.expirePartition(i)
	}
	n.eng.forgetResidues(tx)
	n.do(func(tx *Tx) {
		for _, key := range keys {
			idle, _ := tx.Idle(key)
			if size, err := tx.HashLen(key); idle != 60 || size != 39 || err != nil {
				t.Errorf("%s: idle for %d s, %d fields, %v", key, idle, size, err)
			}
		}
	})
}

// TestUsesBeginAnewAtAStart: when keys were used last is not saved; whoever looks for
// those that nobody uses any more must not take all of them for it.
func TestUsesBeginAnewAtAStart(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.do(func(tx *Tx) {
		for i := range 40 {
			for name, write := range usedKeys {
				if err := write(tx, []byte(name), i); err != nil {
					t.Fatal(name, err)
				}
			}
		}
	})
	if err := n.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	n.do(func(tx *Tx) { tx.Put([]byte("another"), nil, Expiry{}) }) // which the log brings back
	n.close()
	n.wall.Add(100_000)
	n.open()
	n.wall.Add(5000)
	n.do(func(tx *Tx) {
		for name := range usedKeys {
			if idle, there := tx.Idle([]byte(name)); !there || idle != 5 {
				t.Errorf("%s: there %v, idle for %d s", name, there, idle)
			}
		}
		if idle, there := tx.Idle([]byte("another")); !there || idle != 5 {
			t.Errorf("another: there %v, idle for %d s", there, idle)
		}
	})
}

// TestWritesInVainAreUses: what a command finds for writing is used, also where there is
// nothing to be done.
func TestWritesInVainAreUses(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	none := [][]byte{[]byte("none")}
	vain := map[string]func(tx *Tx, key []byte) error{
		"list": func(tx *Tx, key []byte) error { _, err := tx.ListRemove(key, 0, none[0]); return err },
		"set":  func(tx *Tx, key []byte) error { _, err := tx.SetRemove(key, none); return err },
		"hash": func(tx *Tx, key []byte) error { _, err := tx.HashDelete(key, none); return err },
		"zset": func(tx *Tx, key []byte) error { _, err := tx.ZSetRemove(key, none); return err },
		"hll":  func(tx *Tx, key []byte) error { _, err := tx.HLLAdd(key, [][]byte{key}, 3000); return err },
	}
	for i := range 40 {
		n.do(func(tx *Tx) {
			for name := range vain {
				write := usedKeys[name]
				if name == "hll" {
					write = func(tx *Tx, key []byte, _ int) error { return vain["hll"](tx, key) }
				}
				if err := write(tx, []byte(name), i); err != nil {
					t.Fatal(name, err)
				}
			}
		})
	}
	n.wall.Add(60_000)
	n.do(func(tx *Tx) {
		for name, write := range vain {
			err := write(tx, []byte(name))
			if idle, there := tx.Idle([]byte(name)); !there || idle != 0 || err != nil {
				t.Errorf("%s: there %v, idle for %d s, %v", name, there, idle, err)
			}
		}
	})
}
