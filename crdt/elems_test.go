package crdt

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// check asserts what elems says of itself.
func (m *elems) check(t *testing.T) {
	t.Helper()
	if m.many != nil {
		if m.few != nil || m.n != 0 || m.many.Len() == 0 {
			t.Fatalf("%d few beside %d many", m.n, m.many.Len())
		}
		return
	}
	n := int32(0)
	m.All(func(_, _ []byte) { n++ })
	if n != m.n || n > maxFew || len(m.few) > maxFewBytes || n == 0 && m.few != nil {
		t.Fatalf("Len %d, found %d in %d bytes", m.n, n, len(m.few))
	}
}

// heldElem is a piece of the memory of elems that somebody has, and what was there.
type heldElem struct{ alias, was []byte }

// TestElems plays random changes on elems and on a map. Few come in the order in which they
// were added, and what was returned of one stays as it was while others change, come and go:
// the names in an operation rely on it.
func TestElems(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m, want, order, held := &elems{}, map[string]string{}, []string(nil), map[string][]heldElem{}
		names := []int{6, 24, 26, 60, 400}[rnd.IntN(5)]
		for range 600 {
			k := fmt.Sprint("name:", rnd.IntN(names))
			size := []int{0, 10, 10, 40, 127, 128, 1130, 3000}[rnd.IntN(5+rnd.IntN(4))]
			delete(held, k)
			switch rnd.IntN(8) {
			case 0, 1:
				m.Delete([]byte(k))
				delete(want, k)
				order = slices.DeleteFunc(order, func(s string) bool { return s == k })
			case 2:
				m.Expect(m.Len()+rnd.IntN(12), rnd.IntN(1500))
			default:
				v := string(bytes.Repeat([]byte{byte(rnd.IntN(256))}, size))
				if m.Put([]byte(k), []byte(v)); !slices.Contains(order, k) {
					order = append(order, k)
				}
				want[k] = v
			}
			m.check(t)
			if rec, ok := m.Get([]byte(k)); ok != slices.Contains(order, k) || string(rec) != want[k] {
				t.Fatalf("seed %d: %q is %x, %v", seed, k, rec, ok)
			}
			for _, list := range held {
				for _, x := range list {
					if !bytes.Equal(x.alias, x.was) {
						t.Fatalf("seed %d: %x has become %x", seed, x.was, x.alias)
					}
				}
			}
			got, came := map[string]string{}, []string(nil)
			m.Each(func(name, rec []byte) bool {
				got[string(name)], came = string(rec), append(came, string(name))
				if rnd.IntN(4) == 0 {
					held[string(name)] = append(held[string(name)], heldElem{name, bytes.Clone(name)}, heldElem{rec, bytes.Clone(rec)})
				}
				return true
			})
			if !maps.Equal(got, want) || m.Len() != len(want) || m.many == nil && !slices.Equal(came, order) {
				t.Fatalf("seed %d: %v and not %v", seed, came, order)
			}
		}
	}
}

// TestScanOfElemsThatGrow: what is there all the time is met once, whether few become many
// or many become none and few meanwhile.
func TestScanOfElemsThatGrow(t *testing.T) {
	for seed := range uint64(500) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		m, seen := &elems{}, map[string]int{}
		stay := rnd.IntN(maxFew)
		for i := range stay {
			m.Put(fmt.Append(nil, "stay", i), make([]byte, 10))
		}
		for cursor, more := uint64(0), true; more; more = cursor != 0 {
			cursor = m.Scan(cursor, 1+rnd.IntN(4), func(name, _ []byte) { seen[string(name)]++ })
			for range rnd.IntN(6) {
				m.Put(fmt.Append(nil, "new", rnd.IntN(40)), make([]byte, rnd.IntN(400)))
			}
			for range rnd.IntN(6 + 30*int(seed%2)) {
				m.Delete(fmt.Append(nil, "new", rnd.IntN(40)))
			}
		}
		for i := range stay {
			if k := fmt.Sprint("stay", i); seen[k] != 1 {
				t.Fatalf("seed %d: %q seen %d times", seed, k, seen[k])
			}
		}
	}
}

// TestScanOfManyThatBecomeFew: a cursor among many goes on where it was if they are gone
// and others have come.
func TestScanOfManyThatBecomeFew(t *testing.T) {
	m := &elems{}
	for i := range 100 {
		m.Put(fmt.Append(nil, "old", i), nil)
	}
	cursor := m.Scan(0, 50, func(_, _ []byte) {})
	for i := range 100 {
		m.Delete(fmt.Append(nil, "old", i))
	}
	want, got := 0, 0
	for i := range 20 {
		name := fmt.Append(nil, "new", i)
		if m.Put(name, nil); uint64(elemHash(name)) >= cursor {
			want++
		}
	}
	if next := m.Scan(cursor, 1, func(_, _ []byte) { got++ }); next != 0 || got != want || got == 20 {
		t.Fatalf("%d of %d from there on, then %d", got, want, next)
	}
}

// TestRandomOfFew: each comes equally often.
func TestRandomOfFew(t *testing.T) {
	m, drawn := &elems{}, map[string]int{}
	if _, _, ok := m.Random(rand.Uint64); ok {
		t.Fatal("one of none")
	}
	for i := range 20 {
		m.Put(fmt.Append(nil, i), nil)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20000 {
		name, _, _ := m.Random(rnd.Uint64)
		drawn[string(name)]++
	}
	for name, n := range drawn {
		if len(drawn) != 20 || n < 800 || n > 1200 {
			t.Errorf("%s came %d times of 20000, of %d", name, n, len(drawn))
		}
	}
}

// TestElemsBytes: the memory is counted as it is.
func TestElemsBytes(t *testing.T) {
	m := &elems{}
	for i := range 60 {
		m.Put(fmt.Append(nil, "name", i), make([]byte, 10))
		want := elemsSize + cap(m.few)
		if m.many != nil {
			want = elemsSize + m.many.Bytes()
		}
		if m.Bytes() != want || m.Bytes() > elemsSize+2048+40*m.Len()*2 {
			t.Fatalf("%d elements take %d bytes, not %d", m.Len(), m.Bytes(), want)
		}
	}
	if m.many == nil || m.many.Len() != 60 {
		t.Fatal("60 are few")
	}
}
