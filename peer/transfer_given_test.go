package peer

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"crdb/engine"
	"crdb/proto/peerpb"
)

// A member that asks for the state and takes nothing of it holds one place of those that
// there are, however often it asks, and none when it is no member any more. Nothing could
// be forgotten for as long as it likes.
func TestAFollowerThatTakesNothing(t *testing.T) {
	c := newStates(t)
	one, two := c.add(1), c.add(2)
	var w watched
	one.stop()
	one.watch(&w, func(*Options) {})
	one.open()
	c.join()
	c.agree()
	noise := rand.New(rand.NewPCG(1, 2))
	tx := one.eng.NewTx()
	for i := range 192 { // more than gRPC holds for who does not read
		value := make([]byte, 64<<10)
		for j := range value {
			value[j] = byte(noise.Uint32())
		}
		tx.LockAll(time.Now().UnixMilli())
		tx.Put(fmt.Appendf(nil, "k%d", i), value, engine.Expiry{})
		tx.Unlock()
	}
	c.agree()
	conn, err := two.r.connect(one.addr, new(atomic.Uint64))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range maxServed {
		s, err := peerpb.NewReplicationClient(conn).Transfer(t.Context(), &peerpb.TransferRequest{Identity: two.r.identity(1)})
		if err == nil {
			_, err = s.Recv()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it holds one place", func() bool { return len(one.r.giving) == 1 && w.held.Load() == 1 })
	one.r.SetMembers([]Member{{1, regionOf(1), one.addr}})
	eventually(t, "it holds none", func() bool { return len(one.r.giving) == 0 && w.held.Load() == 0 })
}
