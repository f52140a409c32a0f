package oplog

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// imageAt is an image of range 7 that covers replica 2 up to t.
func imageAt(t crdt.Timestamp, mark string) Image {
	return Image{Range: 7, Vector: crdt.VersionVector{{Replica: 2, Time: t}}, Data: []byte("image"), Mark: []byte(mark)}
}

// D5: an own op that saw an image is on disk only with it; its block depends on
// what the image covers, and is replayed after what was received, not after
// that.
func TestOwnBlocksAfterAnImage(t *testing.T) {
	fs := vfs.NewCrashableMem()
	o := testOptions(fs, 1)
	o.After = time.After
	l := open(t, o)
	two := newRemote(2)
	first := two.block(nil, "a")
	if err := l.Receive(first); err != nil {
		t.Fatal(err)
	}
	writeOps(t, l, 1)
	ahead := first.Last + 1000
	id, err := l.ReceiveImage(imageAt(ahead, "m1"))
	if err != nil || id.Range != 7 {
		t.Fatal(id, err)
	}
	saw := writeOps(t, l, 1)[0] // its sync brings the image along
	if saw.Time <= ahead {
		t.Fatalf("an op after the image got %v, the image covers %v", saw.Time, ahead)
	}
	b := readAll(t, l, 1, saw.Time-1)[0]
	if b.Deps.Get(2) != ahead {
		t.Fatalf("deps %v", b.Deps)
	}
	o.FS = fs.CrashClone(vfs.CrashCloneCfg{})
	again := open(t, o)
	if again.Raised().Get(2) != ahead || again.Received().Get(2) != first.Last {
		t.Fatalf("raised %v, received %v", again.Raised(), again.Received())
	}
	stored := 0
	err = again.Images(func(got ImageID, im Image, whole bool) error {
		stored++
		if got != id || !whole || string(im.Data) != "image" || im.Vector.Get(2) != ahead {
			t.Errorf("%v %+v %v", got, im, whole)
		}
		return nil
	})
	if err != nil || stored != 1 {
		t.Fatal(stored, err)
	}
	if mark, err := again.GetMeta(MarkName); err != nil || string(mark) != "m1" {
		t.Fatalf("mark %q, %v", mark, err)
	}
	var order []crdt.Timestamp
	err = again.Replay(nil, func(b *Block) error { order = append(order, b.Last); return nil })
	if err != nil || len(order) != 3 || order[2] != saw.Time {
		t.Fatalf("replayed %v, %v", order, err)
	}
}

// D6: a jump is durable with its mark, drops the blocks before it, and the log
// goes on behind it, also after a crash.
func TestJump(t *testing.T) {
	fs := vfs.NewCrashableMem()
	o := testOptions(fs, 1)
	o.After = time.After
	l := open(t, o)
	two := newRemote(2)
	if err := l.Receive(two.block(nil, "a")); err != nil {
		t.Fatal(err)
	}
	missed := two.block(nil, "b")
	tip := Tip{2, missed.Last, missed.Hash()}
	if err := l.Jump(t.Context(), []Tip{tip}, nil); err == nil {
		t.Fatal("it jumped to what no image covers")
	}
	if _, err := l.ReceiveImage(imageAt(missed.Last, "under way")); err != nil {
		t.Fatal(err)
	}
	if err := l.Jump(t.Context(), []Tip{tip, {1, 5, 5}}, []byte("done")); err != nil {
		t.Fatal(err)
	}
	check := func(l *Log) {
		t.Helper()
		if l.Received().Get(2) != missed.Last || l.Durable().Get(2) != missed.Last {
			t.Fatalf("received %v, durable %v", l.Received(), l.Durable())
		}
		if d, hash, err := l.LastHash(2); d.Time != missed.Last || hash != missed.Hash() || err != nil {
			t.Fatalf("the log ends at %v with %x, %v", d, hash, err)
		}
		if _, err := l.Read(2, 0, 1<<20); !errors.Is(err, ErrTruncated) {
			t.Fatalf("the blocks before the jump: %v", err)
		}
		if mark, _ := l.GetMeta(MarkName); string(mark) != "done" {
			t.Fatalf("mark %q", mark)
		}
	}
	check(l)
	o.FS = fs.CrashClone(vfs.CrashCloneCfg{})
	l = open(t, o)
	check(l)
	l.Truncate(l.Durable()) // nothing to drop
	next := two.block(nil, "c")
	if err := l.Receive(next); err != nil {
		t.Fatal(err)
	}
	sync_(t, l)
	if got := readAll(t, l, 2, missed.Last); len(got) != 1 || got[0].Last != next.Last {
		t.Fatalf("%d blocks behind the jump", len(got))
	}
	o.FS = o.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	l = open(t, o)
	n := 0
	err := l.Replay(crdt.VersionVector{{Replica: 2, Time: missed.Last}}, func(b *Block) error { n++; return nil })
	if err != nil || n != 1 {
		t.Fatalf("replayed %d, %v", n, err)
	}
	if err := l.Replay(nil, func(*Block) error { return nil }); !errors.Is(err, ErrTruncated) {
		t.Fatalf("replay from the beginning: %v", err)
	}
}

// Bad images are refused and leave nothing behind.
func TestRefusedImages(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 1))
	for name, c := range map[string]struct {
		im   Image
		want error
	}{
		"own ops that are not here": {Image{Vector: crdt.VersionVector{{Replica: 1, Time: 5}}}, ErrForeign},
		"too far ahead":             {imageAt(crdt.TimestampAt(testWall+10_000), ""), ErrClock},
		"no such range":             {Image{Range: MaxRanges}, nil},
	} {
		if _, err := l.ReceiveImage(c.im); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(l.Raised()) != 0 {
		t.Errorf("raised %v", l.Raised())
	}
}
