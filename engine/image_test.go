package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"crdb/crdt"
)

// filled returns a node with keys of all types in two databases.
func filled(t *testing.T, id crdt.ReplicaID) *node {
	n := newNode(t, id, clockAt(1_700_000_000_000))
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 400 {
		n.do(func(tx *Tx) { randomOp(tx, rnd, n.wall.Load()) })
	}
	return n
}

// images captures all of a node.
func images(n *node) (list []*Image) {
	for at := Position(0); at < EndPosition; {
		im := must(n.eng.Capture(at, nil))
		if im.Start() != at || im.Next() <= at {
			n.t.Fatalf("image from %d to %d, asked for %d", im.Start(), im.Next(), at)
		}
		list, at = append(list, im), im.Next()
	}
	return list
}

func TestImagesCopyEverything(t *testing.T) {
	from, to := filled(t, 1), newNode(t, 2, clockAt(1_700_000_000_000))
	for _, im := range images(from) {
		back, err := DecodeImage(im.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.eng.Merge(back, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "copy", from.dump(), to.dump())
	if from.eng.Digest() != to.eng.Digest() {
		t.Fatal("digests differ")
	}
	to.close()
	to.open()
	same(t, "after a restart", from.dump(), to.dump())
	if err := to.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	to.close()
	to.open()
	same(t, "from a checkpoint", from.dump(), to.dump())
}

func TestImagesAreCutBySize(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	value := make([]byte, DefaultSizes.SliceBytes*7/10)
	var keys [][]byte
	for i := 0; len(keys) < 4; i++ { // keys of one range, in two databases
		k := []byte{byte(i), byte(i >> 8), byte(i >> 16)}
		if h := n.eng.hash(k); partOf(h) == 5 && subOf(fragOf(h)) == 3 {
			keys = append(keys, k)
		}
	}
	for i, k := range keys {
		n.do(func(tx *Tx) { tx.Select(i % 2); tx.Put(k, value, Expiry{}) })
	}
	seen, parts := 0, 0
	for _, im := range images(n) {
		if im.Range != 5*rangesPerPart+3 {
			continue
		}
		parts++
		if len(im.Bytes()) > DefaultSizes.SliceBytes+len(value)+1000 {
			t.Errorf("an image of %d bytes", len(im.Bytes()))
		}
		im.Each(func(k *ImageKey) error { seen++; return nil })
	}
	if seen != 4 || parts < 2 {
		t.Errorf("%d keys in %d images", seen, parts)
	}
}

// A key that no image may hold is named, and only counted beyond that.
func TestACaptureNamesAKeyThatIsTooLarge(t *testing.T) {
	n := newNode(t, 1, clockAt(1_700_000_000_000))
	n.eng.opts.Sizes.ImageBytes = 4 << 10
	key := []byte("large")
	n.do(func(tx *Tx) {
		for i := range 500 {
			tx.SetAdd(key, [][]byte{fmt.Appendf(nil, "member-%030d", i)})
			tx.Put(fmt.Append(nil, i), []byte("small"), Expiry{})
		}
	})
	h := n.eng.hash(key)
	for i := range partitions * rangesPerPart {
		part, lo := i/rangesPerPart, uint64(i%rangesPerPart)<<rangeShift
		_, err := n.eng.Capture(Position(part)<<32|Position(lo), nil)
		if here := part == partOf(h) && i%rangesPerPart == subOf(fragOf(h)); errors.Is(err, ErrTooLarge) != here {
			t.Errorf("range %d: %v", i, err)
		} else if here && !strings.Contains(err.Error(), `"large" in database 0`) {
			t.Error(err)
		}
	}
	c := capture{e: n.eng, p: &n.eng.parts[partOf(h)], rng: partOf(h)*rangesPerPart + subOf(fragOf(h)), lo: uint64(fragOf(h)) >> rangeShift << rangeShift}
	if c.slice(nil); len(c.buf) > 5<<10 || c.most < 500*37 {
		t.Errorf("%d bytes were copied of %d", len(c.buf), c.most)
	}
}

// What an image brought counts as ahead until the own vector covers it, whenever
// the next checkpoint forgets about it.
func TestAheadUntilCovered(t *testing.T) {
	a, b := idlePair(t, clockAt(1_700_000_000_000))
	a.do(func(tx *Tx) { tx.Put([]byte("k"), []byte("v"), Expiry{}) })
	for _, im := range images(a) {
		if _, err := b.eng.Merge(im, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if b.eng.Ahead() == 0 {
		t.Error("nothing is ahead after a merge")
	}
	b.pull(a)
	if n := b.eng.Ahead(); n != 0 {
		t.Errorf("%d slices are ahead of a vector that covers them", n)
	}
}

// TestDamagedImages changes every byte, and cuts off at every length.
func TestDamagedImages(t *testing.T) {
	n := filled(t, 1)
	n.do(func(tx *Tx) { // small images, of a key each
		tx.Put([]byte("a"), []byte("value"), Expiry{})
		tx.Incr([]byte("b"), 7)
		tx.SetAdd([]byte("c"), [][]byte{[]byte("x"), []byte("y")})
		tx.ListPush([]byte("d"), true, [][]byte{[]byte("x"), []byte("y")})
		tx.HashSet([]byte("e"), [][]byte{[]byte("x"), []byte("y")})
		tx.ZSetAdd([]byte("f"), [][]byte{[]byte("x")}, []float64{1}, ScoreRule{})
	})
	to := newNode(t, 2, clockAt(1_700_000_000_000))
	tried := 0
	for _, im := range images(n) {
		if im.Empty() || len(im.Bytes()) > 400 {
			continue
		}
		if tried++; tried > 6 {
			break
		}
		for i := range im.Bytes() {
			bad := append([]byte(nil), im.Bytes()...)
			bad[i] ^= 0x41
			if _, err := DecodeImage(bad); !errors.Is(err, ErrImage) {
				t.Fatalf("byte %d changed: %v", i, err)
			}
			if _, err := DecodeImage(bad[:i]); !errors.Is(err, ErrImage) {
				t.Fatalf("cut at %d: %v", i, err)
			}
			if i < imageHeader || i >= len(bad)-imageCRC {
				continue
			}
			resealed, err := DecodeImage(endImage(bad[:len(bad)-imageCRC:len(bad)-imageCRC], im.Last))
			if err == nil { // sound outside: it must not do harm
				_, err = to.eng.decodeKeys(resealed, nil)
			}
			if err != nil && !errors.Is(err, ErrImage) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	if tried == 0 {
		t.Fatal("no image to damage")
	}
}

func FuzzImage(f *testing.F) {
	f.Add(endImage(beginImage(nil, 0, 0, nil), 10))
	f.Fuzz(func(t *testing.T, data []byte) {
		im, err := DecodeImage(data)
		if err == nil {
			err = im.Each(func(*ImageKey) error { return nil })
		}
		if err != nil && !errors.Is(err, ErrImage) {
			t.Fatal(err)
		}
	})
}

// TestForgedImages: an image with elements that its vector does not cover is refused,
// though the key says that it has seen nothing.
func TestForgedImages(t *testing.T) {
	k := []byte("key")
	field := func(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }
	for name, write := range map[string]func(tx *Tx){
		"set":     func(tx *Tx) { tx.SetAdd(k, manyNames(1)) },
		"hash":    func(tx *Tx) { tx.HashSet(k, manyNames(2)) },
		"counter": func(tx *Tx) { tx.HashIncr(k, []byte("x"), 1) },
		"zset":    func(tx *Tx) { tx.ZSetAdd(k, manyNames(1), []float64{1}, ScoreRule{}) },
		"list":    func(tx *Tx) { tx.ListPush(k, true, manyNames(1)) },
		"hll":     func(tx *Tx) { tx.HLLAdd(k, manyNames(1), 3000) },
		"many":    func(tx *Tx) { tx.SetAdd(k, manyNames(100)) },
	} {
		n := newNode(t, 1, clockAt(1_700_000_000_000))
		n.do(write)
		for _, im := range images(n) {
			if im.Empty() {
				continue
			}
			forge := func(vv crdt.VersionVector) error {
				data := crdt.AppendVector(bytes.Clone(im.Bytes()[:imageHeader]), vv)
				err := im.Each(func(k *ImageKey) error {
					data = append(append(data, 0, 0), field(k.Key)...)
					data = append(data, field(new(crdt.Object).AppendHeader(nil))...)
					k.Object.EachElem(func(t crdt.Type, name, rec []byte) {
						data = append(append(append(data, byte(t)), field(name)...), field(rec)...)
					})
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				forged, err := DecodeImage(endImage(data, im.Last))
				if err == nil {
					_, err = n.eng.decodeKeys(forged, nil)
				}
				return err
			}
			if err := forge(im.Vector); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			less := im.Vector.Clone()
			less.Set(1, less.Get(1)-1)
			if err := forge(less); !errors.Is(err, ErrImage) {
				t.Errorf("%s, forged: %v", name, err)
			}
		}
	}
}

func manyNames(n int) (names [][]byte) {
	for i := range n {
		names = append(names, fmt.Append(nil, "name", i))
	}
	return names
}
