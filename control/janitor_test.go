package control

import (
	"context"
	"errors"
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
	free := make(chan struct{})
	n.opts.Timing.Call = time.Minute
	n.opts.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		dials.Add(1)
		select {
		case <-free:
		case <-ctx.Done():
		}
		return nil, errors.New("no answer")
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
	eventually(t, "the lease ends", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.mu.drains["a"] == nil
	})
	if dials.Load() > maxAsked {
		t.Errorf("%d calls wait at a time", dials.Load())
	}
	close(free)
	eventually(t, "it is asked of every database", func() bool { return dials.Load() >= many })
}

// A change that was posted while the clock was far ahead is asked about as soon as the
// clock is right; so is an instance that was prepared then.
func TestPostedWhileTheClockWasAhead(t *testing.T) {
	_, nodes, guid := four(t)
	ctx := context.Background()
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, setting(4))
	if err != nil {
		t.Fatal(err)
	}
	fresh := describeOn("fresh", nodes[1:3]...)
	fresh.GUID = nodes[0].newGUID()
	if err := nodes[0].resolve(ctx, fresh, func(c string, err error) { t.Fatal(c, err) }); err != nil {
		t.Fatal(err)
	}
	n := nodes[1]
	n.host.skew.Store(int64(48 * time.Hour))
	x, err := nodes[0].beginChange(ctx, &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err == nil {
		defer nodes[0].idle(guid)
		err = nodes[0].forget(x)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = n.Post(ctx, &api.Post{Database: c.next, Base: c.base, Coordinator: nodes[0].c.Base})
	if err == nil {
		_, err = n.Prepare(ctx, &api.Prepare{Database: fresh, Coordinator: nodes[0].c.Base})
	}
	if err != nil {
		t.Fatal(err)
	}
	n.host.skew.Store(0)
	agreeOn(t, guid, 1, n)
	eventually(t, "what was prepared is dropped", func() bool { return n.database(fresh.GUID) == nil })
}

// The coordinator of a change swallows packets: the others are asked all the same what
// they have in force.
func TestCoordinatorThatSwallowsPackets(t *testing.T) {
	_, nodes, guid := four(t)
	n, ctx := nodes[1], context.Background()
	n.Close()
	silent := nodes[0].AdminAddr()
	n.opts.Timing.Call = 100 * time.Millisecond
	n.opts.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		if addr == silent {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
	n.opts.Settings.BootCheck = 100 * time.Millisecond
	n.start()
	r, _ := nodes[0].find(guid)
	c, err := nodes[0].plan(r.Database, setting(4))
	for _, m := range []*testNode{n, nodes[2]} {
		if err == nil {
			err = m.Post(ctx, &api.Post{Database: c.next, Base: c.base, Coordinator: nodes[0].c.Base})
		}
	}
	if err == nil {
		err = nodes[2].Commit(ctx, c.next)
	}
	if err != nil {
		t.Fatal(err)
	}
	agreeOn(t, guid, 2, n)
}
