package control

import (
	"context"
	"strings"
	"testing"
)

func TestVerify(t *testing.T) {
	_, nodes := three(t)
	db := describeOn("cart", nodes...)
	nodes[0].create(db)
	list, err := nodes[0].c.Databases(context.Background())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	guid := list[0].GUID
	set := func(n *testNode, state uint64) {
		n.host.mu.Lock()
		inst := n.host.mu.open[guid]
		n.host.mu.Unlock()
		inst.mu.Lock()
		inst.state = state
		inst.mu.Unlock()
	}
	for _, n := range nodes {
		set(n, 7)
	}
	r, err := nodes[1].c.Verify(context.Background(), guid)
	if err != nil || !r.Same() || len(r.Regions) != 3 || r.Keys != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if nodes[1].mu.verified[guid].differing != 0 || !nodes[1].mu.verified[guid].complete {
		t.Errorf("%+v", nodes[1].mu.verified[guid])
	}

	set(nodes[2], 8)
	r, err = nodes[1].c.Verify(context.Background(), guid)
	if err != nil || r.Same() || len(r.Differing) != 1 || string(r.Differing[0].Key) != "k" ||
		r.Differing[0].Digests["us-east"] != "0000000000000007" || r.Differing[0].Digests["ap-south"] != "0000000000000008" {
		t.Errorf("%+v %v", r, err)
	}
	if nodes[1].mu.verified[guid].differing != 1 {
		t.Errorf("%+v", nodes[1].mu.verified[guid])
	}

	nodes[2].Close()
	r, err = nodes[1].c.Verify(context.Background(), guid)
	if err != nil || r.Same() || len(r.Differing) != 0 || len(r.Regions) != 2 || len(r.Unreachable) != 1 || r.Unreachable[0].Region != "ap-south" {
		t.Errorf("%+v %v", r, err)
	}
	if v := nodes[1].mu.verified[guid]; v.differing != 1 || v.complete {
		t.Errorf("one of the regions that differ is away: %+v", v)
	}
	before := nodes[1].mu.verified[guid]
	nodes[0].Close()
	if r, err = nodes[1].c.Verify(context.Background(), guid); err != nil || len(r.Regions) != 1 || nodes[1].mu.verified[guid] != before {
		t.Errorf("nothing was compared: %+v %v, %+v", r, err, nodes[1].mu.verified[guid])
	}
	nodes[0].start()
	nodes[2].start()
	set(nodes[0], 7)
	set(nodes[2], 7)
	if r, err = nodes[1].c.Verify(context.Background(), guid); err != nil || !r.Same() || nodes[1].mu.verified[guid].differing != 0 {
		t.Errorf("all are the same again: %+v %v, %+v", r, err, nodes[1].mu.verified[guid])
	}
	if _, err := nodes[1].c.Verify(context.Background(), "00000000-0000-0000-0000-000000000000"); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Error(err)
	}
}
