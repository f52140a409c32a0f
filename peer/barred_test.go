package peer

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// A cut by either side ends a transfer that is under way, and when the link is
// mended it goes on.
func TestACutEndsATransfer(t *testing.T) {
	for _, by := range []string{"the receiver", "the source"} {
		t.Run(by, func(t *testing.T) {
			c, one, two := apart(t)
			cut := func(cut bool) {
				if by == "the source" {
					one.r.Cut(regionOf(2), cut)
				} else {
					two.r.Cut(regionOf(1), cut)
				}
			}
			done := false
			one.tap = func(at uint64, image []byte) []byte {
				if at > 100<<28 && !done {
					done = true
					cut(true)
				}
				if done {
					time.Sleep(time.Millisecond) // the cut is not to be outrun on a busy machine
				}
				return image
			}
			two.start()
			eventually(t, "it ends", func() bool {
				st := two.r.Transfer()
				return st.Percent == 100 || strings.Contains(st.Error, "cut on purpose")
			})
			if st := two.r.Transfer(); !st.Active || st.Percent > 50 {
				t.Errorf("it went on: %+v", st)
			}
			cut(false)
			c.agree()
		})
	}
}

// deafStream is the server's side of a stream whose other side takes nothing and
// says nothing.
type deafStream struct {
	outStream
	ctx     context.Context
	sending chan struct{} // something is being sent
}

func (s *deafStream) Context() context.Context { return s.ctx }

func (s *deafStream) Send(m *peerpb.FromSource) error { return s.SendMsg(m) }

func (s *deafStream) SendMsg(any) error {
	signal(s.sending)
	<-s.ctx.Done()
	return s.ctx.Err()
}

func (s *deafStream) RecvMsg(any) error { <-s.ctx.Done(); return s.ctx.Err() }

// A follower that was greeted, and then removed or cut before its stream could be
// found by whoever ends it, gets nothing either.
func TestAFeedDoesNotOutliveItsFollower(t *testing.T) {
	for _, x := range []struct {
		want error
		bar  func(one, two *clusterNode)
	}{
		{errNoMember, func(one, _ *clusterNode) { one.r.SetMembers([]Member{{1, regionOf(1), one.addr}}) }},
		{errCut, func(one, _ *clusterNode) { one.r.Cut(regionOf(2), true) }},
		{errAlone, func(one, _ *clusterNode) { one.r.Isolate() }},
	} {
		t.Run(x.want.Error(), func(t *testing.T) {
			c := newCluster(t, false)
			one, two := c.add(1), c.add(2)
			one.r.SetMembers(c.members())
			ctx, end := context.WithCancel(t.Context())
			f := newFeed(one.r.link(2), &deafStream{ctx: ctx}, 0)
			x.bar(one, two)
			served := make(chan error, 1)
			go func() { served <- f.serve() }()
			var err error
			eventually(t, "it ends", func() bool {
				select {
				case err = <-served:
					return true
				default:
					return false
				}
			})
			end()
			if !errors.Is(err, x.want) {
				t.Error(err)
			}
		})
	}
}

// Close does not wait for a peer that takes nothing of what it asked for.
func TestCloseWithAPeerThatTakesNothing(t *testing.T) {
	for name, serve := range map[string]func(r *Replicator, id *peerpb.Identity, s outStream) error{
		"a transfer": func(r *Replicator, id *peerpb.Identity, s outStream) error {
			return r.serveTransfer(&peerpb.TransferRequest{Identity: id}, s)
		},
		"a fetch": func(r *Replicator, id *peerpb.Identity, s outStream) error {
			return r.serveFetch(&peerpb.FetchRequest{Identity: id, Replica: 1, MaxBytes: 1 << 20}, s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, one, two := together(t)
			ctx, end := context.WithCancel(t.Context())
			s := &deafStream{ctx: ctx, sending: make(chan struct{}, 1)}
			go func() {
				_ = serve(one.r, two.r.identity(1), s)
				end() // as gRPC does
			}()
			<-s.sending
			var closed atomic.Bool
			go func() {
				one.stop()
				closed.Store(true)
			}()
			eventually(t, "it is closed", closed.Load)
		})
	}
}

// A link that has looked whom to follow, and is cut, removed, moved or stopped before its
// attempt can be found by whoever ends it, follows nobody.
func TestALinkLooksAgain(t *testing.T) {
	for _, x := range []struct {
		want error
		bar  func(r *Replicator)
	}{
		{errCut, func(r *Replicator) { r.Cut(regionOf(1), true) }},
		{errAlone, (*Replicator).Isolate},
		{errNoMember, func(r *Replicator) { r.SetMembers([]Member{{2, regionOf(2), "here"}}) }},
		{errMoved, func(r *Replicator) { r.SetMembers([]Member{{1, regionOf(1), "elsewhere"}}) }},
		{errPoisoned, func(r *Replicator) { r.link(1).giveUp(errPoisoned) }},
	} {
		t.Run(x.want.Error(), func(t *testing.T) {
			w := newWorld(t)
			defer w.close()
			for id := crdt.ReplicaID(1); id <= 2; id++ {
				w.add(&puppet{id: id, fs: vfs.NewCrashableMem(), wall: 1000})
			}
			r, dialed := w.nodes[2].r, atomic.Bool{}
			r.opts.Dial = func(context.Context, string) (net.Conn, error) {
				dialed.Store(true)
				return nil, errors.New("no network")
			}
			l := r.link(1)
			m, _ := l.currentMember()
			x.bar(r)
			if l.attempt(m); dialed.Load() || !errors.Is(l.mu.err, x.want) {
				t.Errorf("dialed: %v, ended by %v", dialed.Load(), l.mu.err)
			}
		})
	}
}
