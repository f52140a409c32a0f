package peer

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// notices collects what a replica is told.
type notices struct {
	mu  sync.Mutex
	all []Notice
}

func (s *notices) take(n Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, n)
}

func (s *notices) has(kind NoticeKind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.all {
		if n.Kind == kind {
			return true
		}
	}
	return false
}

// String is for messages of tests.
func (s *notices) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("%+v", s.all)
}

// asRun makes a replica tell its run and collect notices.
func asRun(run uint64, to *notices) func(*Options) {
	return func(o *Options) { o.Run, o.Notice = run, to.take }
}

// copyOf opens a second replica with the identity and the disk of n, which
// nobody dials. It is not among the cluster's nodes.
func (n *clusterNode) copyOf(run uint64, to *notices) *clusterNode {
	n.c.t.Helper()
	fs := n.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})
	c := &clusterNode{c: n.c, id: n.id, fs: fs, dir: n.dir, tune: asRun(run, to)}
	at := n.c.listeners[n.addr]
	c.open()
	n.c.mu.Lock()
	n.c.listeners[n.addr] = at
	n.c.mu.Unlock()
	n.c.t.Cleanup(func() {
		if c.server != nil {
			c.close()
		}
	})
	return c
}

// D2: a copy that runs beside its original is refused; the original goes on.
func TestACopyBesideItsOriginalIsRefused(t *testing.T) {
	var ones, copies notices
	c := newCluster(t, false)
	one := c.add(1, asRun(11, &ones))
	two := c.add(2, asRun(22, &notices{}))
	c.join()
	c.connected()
	one.toy.write("add", "a")
	c.converge()
	beside := one.copyOf(12, &copies)
	beside.r.SetMembers(c.members())
	eventually(t, "the copy is told", func() bool { return copies.has(NoticeCloned) })
	one.toy.write("add", "b")
	two.toy.write("add", "c")
	c.converge()
	if ones.has(NoticeCloned) || ones.has(NoticeLostLog) {
		t.Errorf("the original was accused: %v", &ones)
	}
	eventually(t, "the original is seen", func() bool { return two.r.SeesOtherRun(1, 12) }) // two heartbeats without a word hide it
	if two.r.SeesOtherRun(1, 11) {
		t.Error("the copy is seen in place of the original")
	}
}

// Where nobody answers at the address, the follower that was there first stays.
func TestTheFirstOfTwoFollowersStays(t *testing.T) {
	var ones, copies notices
	c := newCluster(t, false)
	one := c.add(1, func(o *Options) { asRun(11, &ones)(o); o.Timing.LinkTimeout = 2 * time.Hour })
	two := c.add(2, func(o *Options) { // to it a follower lives for two of its heartbeats, whatever a busy machine does
		o.Run, o.Timing.Heartbeat, o.Timing.LinkTimeout = 22, time.Hour, 100*time.Millisecond
	})
	members := c.members()
	one.r.SetMembers(members)
	for i := range members {
		if members[i].Replica == 1 {
			members[i].Addr = "nowhere"
		}
	}
	two.r.SetMembers(members)
	eventually(t, "replica 1 follows", func() bool { return two.linkTo(1).Out.Connected })
	beside := one.copyOf(12, &copies)
	beside.r.SetMembers(c.members())
	eventually(t, "the copy is told", func() bool { return copies.has(NoticeCloned) })
	if ones.has(NoticeCloned) {
		t.Errorf("the original was accused: %v", &ones)
	}
}

// A restart is not a copy, however fast it is.
func TestARestartIsNoCopy(t *testing.T) {
	var ones notices
	c := newCluster(t, false)
	one, two := c.add(1, asRun(11, &ones)), c.add(2, asRun(22, &notices{}))
	two.r.SetMembers(c.members()) // the second knows the first before that one dials
	one.r.SetMembers(c.members())
	c.connected()
	for run := range uint64(5) {
		one.toy.write("add", "x")
		one.tune = asRun(100+run, &ones)
		one.restart()
		c.connected()
		c.converge()
	}
	if ones.String() != "[]" {
		t.Errorf("a restart was accused: %v", &ones)
	}
}

// D2: a replica that came back with an older disk learns it from its peers.
func TestAnOldDiskIsNoticed(t *testing.T) {
	var ones notices
	c := newCluster(t, false)
	one, _ := c.add(1, asRun(11, &ones)), c.add(2)
	c.join()
	one.toy.write("add", "a")
	c.converge()
	old := one.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0})
	one.toy.write("add", "b")
	c.converge()
	one.close()
	one.fs = old
	one.open()
	one.r.SetMembers(c.members())
	eventually(t, "it is noticed", func() bool { return ones.has(NoticeLostLog) })
	eventually(t, "the check sees it", func() bool { // when the other has it on disk
		end, err := c.nodes[2].r.EndOf(1)
		return err == nil && one.r.CheckOwn(2, end) != nil
	})
}

// What a peer says of the membership reaches control.
func TestNoticesOfMembership(t *testing.T) {
	var ones, threes notices
	c := newCluster(t, false)
	version := uint64(1)
	c.add(1, asRun(11, &ones))
	c.add(2, func(o *Options) { o.ConfigVersion = func() uint64 { return version } })
	three := c.add(3, asRun(33, &threes))
	members := c.members()
	three.r.SetMembers(members)
	members = members[:0]
	for _, m := range c.members() {
		if m.Replica != 3 {
			members = append(members, m)
		}
	}
	for _, id := range []crdt.ReplicaID{1, 2} {
		c.nodes[id].r.SetMembers(members)
	}
	eventually(t, "the newer version is noticed", func() bool { return ones.has(NoticeNewer) })
	eventually(t, "the stranger is told", func() bool { return threes.has(NoticeStranger) })
}
