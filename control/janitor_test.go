package control

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"crdb/control/api"
)

// A node that swallows packets keeps the changes of many databases waiting for it, but
// not for each other, and nothing else.
func TestWaitingForManyDatabases(t *testing.T) {
	const many = 3 * maxAsked
	n := startNode(t, "us-east", &dialer{})
	n.Close()
	var dials atomic.Int64
	n.opts.Timing.Call = time.Second
	n.opts.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		dials.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n.start()
	for range many {
		d := &api.Database{GUID: n.newGUID(), Name: "cart", Instances: []api.Instance{{ID: 1, NodeID: "dead", Cluster: api.Cluster{Name: "127.0.0.1:1"}}}}
		if _, err := n.begin(&note{State: noteDeleting, Database: d}); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	clear(n.mu.busy)
	n.mu.Unlock()
	eventually(t, "the dead node is asked", func() bool { return dials.Load() > 0 })
	n.mu.Lock()
	n.mu.drains["a"] = &drain{until: n.opts.Now()}
	n.mu.Unlock()
	begun := time.Now()
	eventually(t, "the lease ends", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.mu.drains["a"] == nil
	})
	if took := time.Since(begun); took > n.opts.Timing.Call/2 {
		t.Errorf("it took %v", took)
	}
	eventually(t, "it is asked of every database", func() bool { return dials.Load() >= many })
}
