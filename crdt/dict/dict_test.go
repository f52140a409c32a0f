package dict

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// check asserts T1 and T2.
func check(t *testing.T, d *Dict) {
	t.Helper()
	n := 0
	for i, s := range d.dir {
		span := 1 << (d.depth - s.depth)
		if d.dir[i&^(span-1)] != s {
			t.Fatalf("T2: entry %d", i)
		}
		if i%span != 0 {
			continue
		}
		last := uint32(0)
		for j, sl := range s.slots {
			if sl == 0 {
				continue
			}
			n++
			if slotHash(sl) < last {
				t.Fatalf("T1: order at slot %d", j)
			}
			last = slotHash(sl)
			for k := s.home(last); k < j; k++ {
				if s.slots[k] == 0 {
					t.Fatalf("T1: hole before slot %d", j)
				}
			}
		}
	}
	if n != d.n {
		t.Fatalf("Len %d, found %d", d.n, n)
	}
}

// counted is what Bytes should be.
func counted(d *Dict) int {
	total := dictBytes + 8*len(d.dir)
	for i := 0; i < len(d.dir); {
		s := d.dir[i]
		total += s.bytes()
		i += 1 << (d.depth - s.depth)
	}
	for _, r := range d.big {
		total += bigBytes + r.bytes()
	}
	return total
}

// eachIs asserts that Each meets what m has.
func eachIs(t *testing.T, seed uint64, d *Dict, m map[string]string) {
	t.Helper()
	seen := 0
	d.Each(func(k, v []byte) bool {
		if m[string(k)] != string(v) {
			t.Fatalf("seed %d: each %q", seed, k)
		}
		seen++
		return true
	})
	if seen != len(m) {
		t.Fatalf("seed %d: each saw %d of %d", seed, seen, len(m))
	}
}

func TestAgainstMap(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		bits := []uint{32, 32, 12, 3, 0}[seed/5%5] // few bits: many equal hashes
		hash := func(k string) uint32 {
			h := uint32(Hash(seed, []byte(k)) >> 32)
			return h &^ uint32(1<<(32-bits)-1)
		}
		d, m := &Dict{}, map[string]string{}
		keys := []int{20, 300, 5000, 8, 40}[seed%5]
		if bits < 12 {
			keys = min(keys, 20)
		}
		sizes := []int{200, 20}[seed%2]
		for op := range 20000 {
			k := fmt.Sprintf("key:%d", rnd.IntN(keys))
			if rnd.IntN(1000) == 0 && (keys > 20 || sizes == 200) {
				lo := uint64(rnd.Uint32())
				d.Expect(lo, lo+uint64(rnd.Uint32()>>rnd.IntN(8)), rnd.IntN(1000), rnd.IntN(100_000))
			}
			switch rnd.IntN(10) {
			case 0, 1, 2:
				ok := d.Delete(hash(k), []byte(k))
				if _, had := m[k]; had != ok {
					t.Fatalf("seed %d op %d: delete %q = %v", seed, op, k, ok)
				}
				delete(m, k)
			default:
				size := rnd.IntN(sizes)
				if rnd.IntN(500) == 0 {
					size = bigRecord + rnd.IntN(5000)
				}
				v := string(bytes.Repeat([]byte{byte(op)}, size))
				fresh := d.Put(hash(k), []byte(k), []byte(v))
				if _, had := m[k]; had == fresh {
					t.Fatalf("seed %d op %d: put %q fresh=%v", seed, op, k, fresh)
				}
				m[k] = v
			}
			if op%100 == 0 {
				check(t, d)
			}
		}
		check(t, d)
		if got, want := d.Bytes(), counted(d); got != want {
			t.Fatalf("seed %d: %d bytes, counted %d", seed, got, want)
		}
		if d.Len() != len(m) {
			t.Fatalf("seed %d: Len %d want %d", seed, d.Len(), len(m))
		}
		for k, v := range m {
			if got, ok := d.Get(hash(k), []byte(k)); !ok || string(got) != v {
				t.Fatalf("seed %d: get %q: %v", seed, k, ok)
			}
		}
		eachIs(t, seed, d, m)
		for k := range m {
			d.Delete(hash(k), []byte(k))
		}
		if d.Len() != 0 || len(d.dir) != 0 || d.Bytes() != counted(d) {
			t.Fatalf("seed %d: not empty", seed)
		}
	}
}

// TestExpect: a Dict filled in order of hash, of which a slice after the other is
// expected, takes about as much memory as one that grew, and hardly grows.
func TestExpect(t *testing.T) {
	const n, pieces = 100_000, 40
	type pair struct {
		h   uint32
		key []byte
	}
	pairs := make([]pair, n)
	var grown Dict
	for i := range pairs {
		key := fmt.Appendf(nil, "key:%d", i)
		pairs[i] = pair{uint32(Hash(7, key) >> 32), key}
		grown.Put(pairs[i].h, key, make([]byte, 20))
	}
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Compare(a.h, b.h) })
	var d Dict
	copies := 0
	for i, p := range pairs {
		if i%(n/pieces) == 0 {
			lo := uint64(i) << 32 / n
			d.Expect(lo, lo+1<<32/pieces, n/pieces, n/pieces*EntrySize(9, 20))
		}
		before := d.Bytes()
		if d.Put(p.h, p.key, make([]byte, 20)); d.Bytes() != before {
			copies++
		}
	}
	check(t, &d)
	if d.Bytes() != counted(&d) || d.Bytes() > grown.Bytes()*11/10 {
		t.Errorf("%d bytes, counted %d; one that grew has %d", d.Bytes(), counted(&d), grown.Bytes())
	}
	if copies > n/200 {
		t.Errorf("%d segments were copied for %d entries", copies, n)
	}
	d.Expect(0, 1<<32, n, n*EntrySize(9, 20))
	if before := d.Bytes(); before > grown.Bytes()*11/10 {
		t.Errorf("%d bytes after expecting what is there", before)
	}
	d = Dict{} // of large ones, which lie elsewhere
	d.Expect(0, 1<<32, 2000, 2000*EntrySize(10, 100_000))
	if d.Bytes() > 100_000 {
		t.Errorf("%d bytes for 2000 large entries", d.Bytes())
	}
	d = Dict{}
	for _, bad := range [][4]int{{5, 5, 100, 100}, {9, 3, 100, 100}, {0, 10, 0, 0}, {0, 10, -3, 5}, {1 << 40, 1 << 41, 100, 100}, {0, 1 << 32, 5, 5}} {
		d.Expect(uint64(bad[0]), uint64(bad[1]), bad[2], bad[3])
	}
	if d.Bytes() > 32+500 {
		t.Errorf("%d bytes for nothing", d.Bytes())
	}
}

// TestSeedIsNeverIrrelevant: no bytes that a client could choose make the hash
// independent of the secret seed, whatever follows them.
func TestSeedIsNeverIrrelevant(t *testing.T) {
	for _, block := range []uint64{0, k0, k1, k2} {
		for _, pad := range []int{0, 3, 8, 20} {
			seen := map[uint64]bool{}
			for seed := range uint64(50) {
				for tail := range byte(4) {
					key := binary.LittleEndian.AppendUint64(nil, block)
					key = append(key, bytes.Repeat([]byte{tail}, 8)...)
					seen[Hash(seed, append(key, make([]byte, pad)...))] = true
				}
			}
			if len(seen) != 200 {
				t.Errorf("block %x pad %d: %d of 200 hashes differ", block, pad, len(seen))
			}
		}
	}
}

func TestScanSeesEverythingThatStays(t *testing.T) { // T3
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		d := &Dict{}
		put := func(k string) { d.Put(uint32(Hash(seed, []byte(k))>>32), []byte(k), nil) }
		for i := range 1000 {
			put(fmt.Sprintf("stay:%d", i))
		}
		seen := map[string]int{}
		cursor := uint64(0)
		for calls := 0; ; calls++ {
			cursor = d.Scan(cursor, 10, func(k, _ []byte) { seen[string(k)]++ })
			if cursor == 0 {
				break
			}
			for range 50 {
				put(fmt.Sprintf("new:%d", rnd.IntN(1<<20)))
			}
			for range 20 {
				k := fmt.Sprintf("new:%d", rnd.IntN(1<<20))
				d.Delete(uint32(Hash(seed, []byte(k))>>32), []byte(k))
			}
		}
		for i := range 1000 {
			if k := fmt.Sprintf("stay:%d", i); seen[k] != 1 {
				t.Fatalf("seed %d: %q seen %d times", seed, k, seen[k])
			}
		}
	}
}

func TestRandomReachesEverything(t *testing.T) {
	d := &Dict{}
	rnd := rand.New(rand.NewPCG(1, 1))
	const n = 2000
	for i := range n {
		k := fmt.Sprint(i)
		d.Put(uint32(Hash(0, []byte(k))>>32), []byte(k), nil)
	}
	hits := map[string]int{}
	for range n * 50 {
		k, _, ok := d.Random(rnd.Uint64)
		if !ok {
			t.Fatal("empty")
		}
		hits[string(k)]++
	}
	if len(hits) < n*999/1000 {
		t.Fatalf("only %d of %d ever chosen", len(hits), n)
	}
	for k, c := range hits {
		if c > 50*6 {
			t.Fatalf("%q chosen %d times, 50 expected", k, c)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	b.ReportAllocs()
	d := &Dict{}
	key := make([]byte, 0, 32)
	val := make([]byte, 80)
	for i := 0; b.Loop(); i++ {
		key = fmt.Appendf(key[:0], "key:%012d", i%1000000)
		d.Put(uint32(Hash(0, key)>>32), key, val)
	}
	b.ReportMetric(float64(d.Bytes())/float64(d.Len()), "B/entry")
}

func BenchmarkGet(b *testing.B) {
	d := &Dict{}
	keys := make([][]byte, 100000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
		d.Put(uint32(Hash(0, keys[i])>>32), keys[i], make([]byte, 80))
	}
	for i := 0; b.Loop(); i++ {
		k := keys[i%len(keys)]
		d.Get(uint32(Hash(0, k)>>32), k)
	}
}

// TestRandomIsFair: no entry comes up more often than chance has it, in tables
// of many sizes and in thinned ones.
func TestRandomIsFair(t *testing.T) {
	const each = 60 // draws for each entry
	for _, c := range []struct{ entries, kept int }{{1, 1}, {7, 7}, {100, 100}, {700, 700}, {3000, 3000}, {9000, 9000}, {9000, 1000}} {
		rnd := rand.New(rand.NewPCG(uint64(c.entries), 3))
		var d Dict
		hash := func(k string) uint32 { return uint32(Hash(7, []byte(k)) >> 32) }
		for i := range c.entries {
			k := fmt.Sprint("key", i)
			d.Put(hash(k), []byte(k), nil)
		}
		for i := c.kept; i < c.entries; i++ {
			k := fmt.Sprint("key", i)
			d.Delete(hash(k), []byte(k))
		}
		times := map[string]int{}
		for range each * c.kept {
			k, _, _ := d.Random(rnd.Uint64)
			times[string(k)]++
		}
		chi := 0.0
		for i := range c.kept {
			diff := float64(times[fmt.Sprint("key", i)] - each)
			chi += diff * diff / each
		}
		free := float64(c.kept - 1) // chi is about this, within six standard deviations
		if limit := free + 6*math.Sqrt(2*free); chi > limit {
			t.Errorf("%d of %d: chi square %.0f, at most %.0f", c.kept, c.entries, chi, limit)
		}
	}
}
