package control

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// stampIn is the timestamp of a moment from now.
func stampIn(d time.Duration) uint64 { return uint64(time.Now().Add(d).UnixMilli()) << 16 }

func (i *fakeInstance) holdByClock(clock uint64, held ...api.Position) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.holds.Clock, i.holds.Held = clock, held
}

func (i *fakeInstance) tolerated() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tolerates
}

// What is held anywhere is accepted everywhere, by all members that answer.
func TestReleaseHeld(t *testing.T) {
	d, nodes := three(t)
	guid := nodes[0].create(describeOn("cart", nodes...)).GUID
	release := func(n *testNode, id int) *api.Task {
		t.Helper()
		return n.wait(n.c.Release(context.Background(), guid, id))
	}
	if k := release(nodes[0], 0); k.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(k.Errors), "nothing is held") {
		t.Errorf("%+v", k)
	}
	if _, err := nodes[0].c.Release(context.Background(), guid, 9); !api.IsCode(err, api.CodeNotFound) {
		t.Error(err)
	}
	far, further := stampIn(time.Hour), stampIn(2*time.Hour)
	nodes[1].fake(guid).holdByClock(1, api.Position{ID: 3, Time: far})
	nodes[2].fake(guid).holdByClock(further)
	check := func(want ...uint64) {
		t.Helper()
		for i, n := range nodes {
			if got := n.fake(guid).tolerated(); got != want[i] {
				t.Errorf("node %d: %d, want %d", i+1, got, want[i])
			}
		}
	}
	nodes[2].host.skew.Store(int64(time.Hour)) // still wrong
	if k := release(nodes[0], 3); k.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(k.Errors), "set it first") {
		t.Errorf("%+v", k)
	}
	check(0, 0, 0)
	nodes[2].host.skew.Store(0)
	if k := release(nodes[0], 2); k.Status != api.TaskFailed {
		t.Errorf("%+v", k)
	}
	if k := release(nodes[0], 3); k.Status != api.TaskFinished || len(k.Warnings) > 0 {
		t.Errorf("%+v", k)
	}
	check(further, further, further)

	d.cut.Store(nodes[2].AdminAddr(), true)
	nodes[0].client.CloseIdleConnections()
	if k := release(nodes[0], 0); k.Status != api.TaskFinished || !strings.Contains(fmt.Sprint(k.Warnings), "goes on holding") {
		t.Errorf("%+v", k)
	}
	check(far, far, further)
}
