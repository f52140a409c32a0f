package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"crdb/crdt"
	"crdb/oplog"
)

// memSource is a Source in memory: the copy of a snapshot.
type memSource struct {
	vector crdt.VersionVector
	ranges map[oplog.RangeID]crdt.VersionVector
	keys   [][2][]byte
	blocks []*oplog.Block
}

// copySnapshot copies what is on disk, with all of the log above the ranges.
func copySnapshot(log *oplog.Log) (*memSource, error) {
	snap, err := log.Snapshot(context.Background())
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	m := &memSource{vector: snap.Vector()}
	if m.ranges, err = snap.RangeVectors(); err != nil {
		return nil, err
	}
	err = snap.EachState(nil, nil, func(key, value []byte) error {
		m.keys = append(m.keys, [2][]byte{bytes.Clone(key), bytes.Clone(value)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	low := m.vector
	for id := range oplog.RangeID(oplog.MaxRanges) {
		low = meet(low, m.ranges[id])
	}
	return m, snap.Replay(low, func(b *oplog.Block) error {
		m.blocks = append(m.blocks, must(oplog.DecodeBlock(bytes.Clone(b.Bytes()))))
		return nil
	})
}

func (m *memSource) RangeVectors() (map[oplog.RangeID]crdt.VersionVector, error) {
	return m.ranges, nil
}

func (m *memSource) EachState(start, end []byte, fn func(key, value []byte) error) error {
	for _, k := range m.keys {
		if bytes.Compare(k[0], start) < 0 || end != nil && bytes.Compare(k[0], end) >= 0 {
			continue
		}
		if err := fn(k[0], k[1]); err != nil {
			return err
		}
	}
	return nil
}

func (m *memSource) Replay(from crdt.VersionVector, fn func(b *oplog.Block) error) error {
	for _, b := range m.blocks {
		if b.Last > from.Get(b.Replica) {
			if err := fn(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// remember keeps what n has on disk, for somebody who joins later.
func (m *transferModel) remember(n *modelNode) error {
	if n.joining || n.sess != nil {
		return nil
	}
	src, err := copySnapshot(n.log)
	if errors.Is(err, oplog.ErrAhead) {
		return nil
	}
	if err == nil {
		m.older = append(m.older, src)
	}
	return err
}

// giveSeed gives an instance that joins an older state, if there is one.
func (m *transferModel) giveSeed(n *modelNode) {
	if len(m.older) > 0 {
		src := m.older[len(m.older)-1]
		n.seed = NewSeed(src, src.vector, 42)
	}
}

// spare sends an image as it comes to who has an older state.
func (m *transferModel) spare(n, o *modelNode, im *Image) (*Image, error) {
	if n.seed == nil || !n.sess.First || !oplog.VectorOf(n.sess.Tips).Descends(n.seed.Vector()) {
		return im, nil
	}
	if at := uint64(n.sess.Cursor); at >= n.offerTo {
		var err error
		if n.offerTo, n.offer, err = n.seed.OfferAt(at); err != nil {
			return nil, err
		}
	}
	short, err := o.eng.Shorten(n.offer)(im.Bytes())
	if err != nil {
		return nil, err
	}
	m.spared += len(im.Bytes()) - len(short)
	whole, err := n.seed.Expand(short)
	if err != nil {
		return nil, err
	}
	return DecodeImage(whole)
}

var spareValue = bytes.Repeat([]byte("v"), 300)

func spareKey(i int) []byte { return fmt.Appendf(nil, "key:%d", i) }

// older fills a node and returns what it holds then.
func older(t *testing.T, from *node) *memSource {
	t.Helper()
	from.do(func(tx *Tx) {
		for i := range 20_000 {
			tx.Put(spareKey(i), spareValue, Expiry{})
		}
		tx.Select(3)
		for i := range 300 {
			tx.SetAdd(spareKey(i), [][]byte{[]byte("a"), []byte("b"), spareKey(i)})
			tx.HashSet(fmt.Appendf(nil, "hash:%d", i), [][]byte{[]byte("f"), spareValue, []byte("g"), spareValue})
			tx.Incr(fmt.Appendf(nil, "count:%d", i), 5)
			tx.ListPush(fmt.Appendf(nil, "list:%d", i), false, [][]byte{spareValue, spareValue})
		}
	})
	if err := from.eng.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	from.do(func(tx *Tx) { tx.Put(spareKey(1), []byte("in the log"), Expiry{}) })
	if err := from.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return must(copySnapshot(from.log))
}

// statesIn tells what an image says, however it says it: a small collection lies in a
// flat record here and element by element there.
func statesIn(t *testing.T, image []byte) (out []string) {
	t.Helper()
	im, err := DecodeImage(image)
	if err != nil {
		t.Fatal(err)
	}
	out = append(out, fmt.Sprint(im.Range, im.First, im.Last, im.Vector))
	err = im.Each(func(k *ImageKey) error {
		out = append(out, fmt.Sprintf("%d %q %x", k.DB, k.Key, k.Object.Sum()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestShortenedImages: who has an older state gets what has changed, and makes
// the whole state of it; what is gone since is gone.
func TestShortenedImages(t *testing.T) {
	if testing.Short() {
		t.Skip("much work of one goroutine")
	}
	from, to := newNode(t, 1, clockAt(1_700_000_000_000)), newNode(t, 2, clockAt(1_700_000_000_000))
	src, err := older(t, from), error(nil)
	from.do(func(tx *Tx) {
		tx.Put(spareKey(2), []byte("changed"), Expiry{})
		tx.Delete(spareKey(3))
		tx.Put([]byte("new"), spareValue, Expiry{})
		tx.Select(3)
		tx.SetRemove(spareKey(4), [][]byte{[]byte("a")})
		tx.HashDelete([]byte("hash:5"), [][]byte{[]byte("f")})
		tx.Incr([]byte("count:6"), 1)
		tx.ListPop([]byte("list:7"), true, 1, func([]byte) {})
	})
	seed := NewSeed(src, src.vector, 42)
	all, sent, names := 0, 0, map[string]bool{}
	offered, offer := uint64(0), []byte(nil)
	for at := uint64(0); at < uint64(EndPosition); {
		if at >= offered {
			if offered, offer, err = seed.OfferAt(at); err != nil || offered <= at || len(offer) > maxOffer*sumBytes {
				t.Fatalf("an offer at %d up to %d of %d bytes: %v", at, offered, len(offer), err)
			}
		}
		im := must(from.eng.Capture(Position(at), nil))
		image, next := im.Bytes(), uint64(im.Next())
		short, err := from.eng.Shorten(offer)(image)
		if err != nil {
			t.Fatal(err)
		}
		if len(short) < len(image) {
			if _, err := DecodeImage(short); !errors.Is(err, ErrImage) {
				t.Fatalf("an image without some of its keys is merged: %v", err)
			}
		}
		whole, err := seed.Expand(short)
		if err != nil || !slices.Equal(statesIn(t, whole), statesIn(t, image)) {
			t.Fatalf("%d bytes, sent as %d, became %d: %v", len(image), len(short), len(whole), err)
		}
		im.Each(func(k *ImageKey) error {
			if bytes.Contains(short, k.raw) { // it came
				names[string(k.Key)] = true
			}
			return nil
		})
		if _, _, err := to.eng.MergeAt(at, whole, nil, func(uint64) []byte { return nil }, nil); err != nil {
			t.Fatal(err)
		}
		all, sent, at = all+len(image), sent+len(short), next
	}
	same(t, "copy", from.dump(), to.dump())
	if sent > all/20 || fmt.Sprint(names) != "map[count:6:true hash:5:true key:2:true key:4:true list:7:true new:true]" {
		t.Errorf("%d of %d bytes were sent; %v", sent, all, names)
	}
}

// TestDamagedShortImages changes every byte of one, with the checksum as it was
// and with the right one, and cuts it off everywhere; what names a key that was
// not offered, or names one twice, is refused.
func TestDamagedShortImages(t *testing.T) {
	n := filled(t, 1)
	if err := n.log.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	src := must(copySnapshot(n.log))
	seed := NewSeed(src, src.vector, 42)
	tried := 0
	for at := uint64(0); at < uint64(EndPosition) && tried < 4; {
		to, offer, err := seed.OfferAt(at)
		if err != nil {
			t.Fatal(err)
		}
		for begin := at; at < to && tried < 4; {
			im := must(n.eng.Capture(Position(at), nil))
			image := im.Bytes()
			at = uint64(im.Next())
			short := must(n.eng.Shorten(offer)(image))
			if len(short) == len(image) {
				continue
			}
			tried++
			damageShort(t, short, func(b []byte) ([]byte, error) {
				must2(seed.OfferAt(begin))
				return seed.Expand(b)
			})
		}
	}
	if tried == 0 {
		t.Error("no image was shortened")
	}
}

func must2(_ uint64, _ []byte, err error) {
	if err != nil {
		panic(err)
	}
}

func damageShort(t *testing.T, short []byte, expand func([]byte) ([]byte, error)) {
	t.Helper()
	im := must(decodeImage(short))
	for i := range short {
		bad := bytes.Clone(short)
		bad[i] ^= 0x41
		if whole, err := expand(bad); err == nil {
			if _, err = DecodeImage(whole); err == nil {
				t.Fatalf("byte %d of %d changed: accepted", i, len(short))
			}
		}
		if i >= imageHeader && i < len(short)-imageCRC { // as an enemy does it
			if whole, err := expand(endImage(bad[:len(bad)-imageCRC], im.Last)); err == nil {
				if im, err := DecodeImage(whole); err == nil {
					im.Each(func(*ImageKey) error { return nil })
				}
			}
		}
		if _, err := expand(short[:i]); err == nil && i >= imageHeader {
			t.Fatalf("cut at %d of %d: accepted", i, len(short))
		}
	}
	twice := append(bytes.Clone(short[:len(short)-imageCRC]), im.records...)
	if _, err := expand(endImage(twice, im.Last)); !errors.Is(err, ErrImage) {
		t.Errorf("a key that is left out twice: %v", err)
	}
	none := NewSeed(&memSource{}, nil, 42) // it has offered nothing
	if _, err := none.Expand(short); !errors.Is(err, ErrImage) {
		t.Errorf("keys that were not offered: %v", err)
	}
}
