package peer

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mutes are connections that can fall silent without being closed, as when a
// machine loses its power.
type mutes struct {
	mu  sync.Mutex
	all []*mute
}

type mute struct {
	net.Conn
	silent atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (m *mute) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if m.silent.Load() {
		<-m.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (m *mute) Write(b []byte) (int, error) {
	if m.silent.Load() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

func (m *mute) Close() error {
	m.once.Do(func() { close(m.closed) })
	return m.Conn.Close()
}

// over makes dial return connections that silence stops.
func (s *mutes) over(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		m := &mute{Conn: c, closed: make(chan struct{})}
		s.mu.Lock()
		s.all = append(s.all, m)
		s.mu.Unlock()
		return m, nil
	}
}

func (s *mutes) silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.all {
		m.silent.Store(true)
	}
}

// setBack are replicas 1 and 2, of which 2 has a wall clock that can be set, and
// whose connections can fall silent.
func setBack(t *testing.T, ones *notices) (one, two *clusterNode, lines *mutes, clock *atomic.Int64) {
	c := newCluster(t, false)
	lines, clock = &mutes{}, &atomic.Int64{}
	one = c.add(1, func(o *Options) {
		asRun(11, ones)(o)
		o.Dial, o.Timing.LinkTimeout = lines.over(o.Dial), time.Hour
	})
	two = c.add(2, func(o *Options) {
		wall := o.Wall
		o.Run, o.Wall = 22, func() int64 { return wall() + clock.Load() }
		o.Dial, o.Timing.LinkTimeout = lines.over(o.Dial), time.Hour
	})
	return one, two, lines, clock
}

// D2: a process that has ended does not look alive, and its successor not like a
// copy, because the wall clock of who is asked was set back.
func TestAClockSetBackMakesNoCopy(t *testing.T) {
	one, two, lines, clock := setBack(t, &notices{})
	one.c.join()
	one.c.connected()
	eventually(t, "replica 1 is heard", func() bool { return two.r.SeesOtherRun(1, 12) })
	clock.Store(-time.Hour.Milliseconds())
	lines.silence()
	eventually(t, "nobody is seen in place of replica 1", func() bool { return !two.r.SeesOtherRun(1, 12) })
}

// The same where nobody answers at the address and the successor follows at once.
func TestAClockSetBackKeepsNobodyOut(t *testing.T) {
	var ones notices
	one, two, lines, clock := setBack(t, &ones)
	members := one.c.members()
	one.r.SetMembers(members)
	for i := range members {
		if members[i].Replica == 1 {
			members[i].Addr = "nowhere"
		}
	}
	two.r.SetMembers(members)
	eventually(t, "replica 1 follows", func() bool { return two.linkTo(1).Out.Connected })
	lines.silence()
	clock.Store(-time.Hour.Milliseconds())
	next := one.copyOf(12, &ones)
	next.r.SetMembers(one.c.members())
	eventually(t, "its successor follows", func() bool { return next.linkTo(2).In.State == StateConnected })
	if ones.has(NoticeCloned) {
		t.Errorf("the successor was accused: %v", &ones)
	}
}
