package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/engine"
)

// bulk writes many keys that stay as they are.
func (n *stateNode) bulk() {
	tx := n.eng.NewTx()
	for i := range 4000 {
		tx.LockAll(time.Now().UnixMilli())
		tx.Put(fmt.Appendf(nil, "bulk:%d", i), bytes.Repeat([]byte("b"), 200), engine.Expiry{})
		tx.Unlock()
	}
}

// remember returns what opens the state that n has now.
func (n *stateNode) remember() func() (Seed, error) {
	n.c.t.Helper()
	snap, err := n.log.Snapshot(context.Background())
	if err != nil {
		n.c.t.Fatal(err)
	}
	n.c.t.Cleanup(func() { snap.Close() })
	return func() (Seed, error) { return engine.NewSeed(snap, snap.Vector(), 42), nil }
}

// strange is a seed that is not what it should be.
type strange struct {
	Seed
	ahead, lies, breaks bool
}

func (s *strange) Vector() crdt.VersionVector {
	v := s.Seed.Vector().Clone()
	if s.ahead {
		v.Set(77, 1)
	}
	return v
}

func (s *strange) OfferAt(at uint64) (uint64, []byte, error) {
	to, offer, err := s.Seed.OfferAt(at)
	if s.lies && at > 1<<36 {
		return at, offer, err
	}
	return to, offer, err
}

func (s *strange) Expand(image []byte) ([]byte, error) {
	if s.breaks {
		return nil, errors.New("it is damaged")
	}
	return s.Seed.Expand(image)
}

// TestAnOlderStateSparesBytes: an instance that joins with one gets what has
// changed, and has what all others have, whatever the older state is.
func TestAnOlderStateSparesBytes(t *testing.T) {
	for _, c := range []struct {
		name   string
		spares bool
		wrap   func(open func() (Seed, error)) func() (Seed, error)
	}{
		{"sound", true, func(open func() (Seed, error)) func() (Seed, error) { return open }},
		{"cannot be opened", false, func(func() (Seed, error)) func() (Seed, error) {
			return func() (Seed, error) { return nil, errors.New("no such file") }
		}},
		{"holds what is lost", false, wrapped(strange{ahead: true})},
		{"stands still", false, wrapped(strange{lies: true})},
		{"is damaged", false, wrapped(strange{breaks: true})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name != "sound" && c.name != "is damaged" {
				t.Skip("with the race detector two will do")
			}
			s := newStates(t)
			one, two := s.add(1), s.add(2)
			s.join()
			one.bulk()
			two.write(0, 60)
			s.agree()
			open := c.wrap(two.remember())
			one.write(60, 90) // with removals
			one.forget()
			three := s.add(3, func(n *stateNode) { n.join, n.seed = true, open })
			s.join()
			s.agree()
			three.write(100, 120)
			s.agree()
			got := three.r.Transfer().Bytes
			if spared := got < 400<<10; got == 0 || spared != c.spares {
				t.Errorf("%d bytes came", got)
			}
		})
	}
}

func wrapped(s strange) func(open func() (Seed, error)) func() (Seed, error) {
	return func(open func() (Seed, error)) func() (Seed, error) {
		return func() (Seed, error) {
			own := s
			var err error
			own.Seed, err = open()
			return &own, err
		}
	}
}

// TestAnOlderStateOverRestarts: the instance crashes again and again while it
// joins; the older state is opened anew, and spares as much.
func TestAnOlderStateOverRestarts(t *testing.T) {
	s := newStates(t)
	one, two := s.add(1), s.add(2)
	s.join()
	one.bulk()
	s.agree()
	open := one.remember()
	two.stop() // the source is one
	one.write(60, 90)
	one.forget()
	opened := 0
	one.tap = func(_ uint64, image []byte) []byte { <-time.After(time.Millisecond); return image }
	three := s.add(3, func(n *stateNode) {
		n.join, n.seed = true, func() (Seed, error) { opened++; return open() }
	})
	s.join()
	for i := range 3 {
		percent := float64(i+1) * 20
		eventually(t, "it gets on", func() bool { return three.r.Transfer().Percent > percent })
		three.stop()
		three.fs = three.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
		three.start()
	}
	eventually(t, "it has the state", func() bool { st := three.r.Transfer(); return st.Percent == 100 && !st.Active })
	if got := three.r.Transfer().Bytes; got == 0 || got > 400<<10 || opened < 2 {
		t.Errorf("%d bytes came, the older state was opened %d times", got, opened)
	}
	two.start() // before, it might give its own state, which lacks what the log of one does not hold
	s.agree()
}
