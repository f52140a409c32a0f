package peer

import (
	"context"
	"net"
	"testing"
	"time"
)

// thinConn lets a portion of bytes through at a time, and takes a while for each.
type thinConn struct {
	net.Conn
	portion int
	each    time.Duration
}

func (s *thinConn) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b[:min(len(b), s.portion)])
	<-time.After(s.each)
	return n, err
}

// thin makes all that a replica dials slow to read.
func (c *cluster) thin(portion int, each time.Duration, more func(o *Options)) func(o *Options) {
	return func(o *Options) {
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := c.dial(ctx, addr)
			return &thinConn{conn, portion, each}, err
		}
		more(o)
	}
}

// A large block takes longer than a handshake may. It is fetched all the same, as
// long as something comes.
func TestAFetchMayTakeLong(t *testing.T) {
	c := newCluster(t, false)
	patience := 200 * time.Millisecond
	one := c.add(1, c.thin(64<<10, 8*time.Millisecond, func(o *Options) { o.Timing.Handshake = patience }))
	c.add(2)
	three := c.add(3)
	c.join()
	c.connected()
	one.r.Cut(regionOf(3), true)
	eventually(t, "the link is cut", func() bool { return !three.linkTo(1).Out.Connected })
	begun := time.Now()
	three.toy.write("add", "big#"+noise(2<<20))
	c.converge()
	if took := time.Since(begun); took < 3*patience/2 {
		t.Errorf("it took %v only, and shows nothing", took)
	}
}

func TestPatienceWithAFetch(t *testing.T) {
	const silence = 10 * time.Second
	for _, x := range []struct {
		passed time.Duration
		came   int
		want   time.Duration
	}{
		{0, 0, silence},
		{silence, 0, 0},
		{time.Hour, 1 << 30, silence},                              // fast
		{40 * time.Second, 40 * slowestFetch, silence},             // just fast enough
		{time.Minute, 55 * slowestFetch, silence / 2},              // it may catch up
		{time.Hour, 64 << 10, silence + 4*time.Second - time.Hour}, // it trickles
	} {
		if got := fetchPatience(silence, x.passed, x.came); got != x.want {
			t.Errorf("%d bytes in %v: %v, want %v", x.came, x.passed, got, x.want)
		}
	}
}

// On a slow link a message takes longer than a link may be silent. It comes all the
// same.
func TestFollowingOverASlowLink(t *testing.T) {
	c := newCluster(t, false)
	silence := 150 * time.Millisecond
	c.add(1, c.thin(16<<10, 8*time.Millisecond, func(o *Options) { o.Timing.LinkTimeout = silence }))
	two := c.add(2)
	two.toy.write("add", "big#"+noise(1<<20))
	syncLog(t, two.log)
	begun := time.Now()
	c.join()
	c.converge()
	if took := time.Since(begun); took < 2*silence {
		t.Errorf("it took %v only, and shows nothing", took)
	}
}

func TestSilence(t *testing.T) {
	tm := Timing{Heartbeat: time.Second, LinkTimeout: 5 * time.Second}
	for _, x := range []struct {
		name string
		step func(s *inStream, period int)
		want int // periods; 0: never
	}{
		{"nothing comes", func(*inStream, int) {}, 5},
		{"messages come", func(s *inStream, _ int) { s.messages.Add(1) }, 0},
		{"a message comes slowly", func(s *inStream, period int) {
			if s.bytes.Add(10); period%20 == 0 {
				s.messages.Add(1)
			}
		}, 0},
		{"a message never ends", func(s *inStream, _ int) { s.bytes.Add(10) }, 5 * messagePatience},
		{"a message stops in the middle", func(s *inStream, period int) {
			if period < 8 {
				s.bytes.Add(10)
			}
		}, 12},
		{"it is not read", func(s *inStream, _ int) { s.reading.Store(false) }, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			var s inStream
			var q silence
			s.reading.Store(true)
			got := 0
			for period := 1; period <= 200 && got == 0; period++ {
				if x.step(&s, period); q.tooLong(&s, &tm) {
					got = period
				}
			}
			if got != x.want {
				t.Errorf("it was too long after %d periods, want %d", got, x.want)
			}
		})
	}
}
