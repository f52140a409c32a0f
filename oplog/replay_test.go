package oplog

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// A replay that ends early closes each of its iterators once: Pebble gives a closed one
// to the next who asks for one.
func TestReplayThatFails(t *testing.T) {
	l := open(t, testOptions(vfs.NewMem(), 3))
	one, two := newRemote(1), newRemote(2)
	for _, m := range []*remote{one, two} {
		if err := l.Receive(m.block(nil, "op")); err != nil {
			t.Fatal(err)
		}
	}
	sync_(t, l)
	tails, err := tailsOf(l.store.db)
	if err != nil {
		t.Fatal(err)
	}
	byValue := map[crdt.ReplicaID]tail{}
	for id, t := range tails {
		byValue[id] = *t
	}
	r := replay{}
	defer r.close()
	if err := r.open(l.store.db, byValue, nil); err != nil || len(r.heads) != 2 {
		t.Fatal(err, len(r.heads))
	}
	full := errors.New("the disk of the backup is full")
	_, err = r.round(func(b *Block) error {
		if b.Replica == 2 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) {
		t.Fatal(err)
	}
	for _, h := range r.heads {
		if h.block == nil {
			t.Errorf("the iterator of replica %d is closed again", h.r)
		}
	}
}
