package peer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// watched is an engine whose checkpoints and holds are watched.
type watched struct {
	*tapped
	held atomic.Int64 // by HoldForgotten
	save func(ctx context.Context)
}

func (x *watched) HoldForgotten() (crdt.VersionVector, func()) {
	vv, release := x.tapped.HoldForgotten()
	x.held.Add(1)
	return vv, func() {
		x.held.Add(-1)
		release()
	}
}

func (x *watched) SaveTo(ctx context.Context, vv crdt.VersionVector) error {
	if x.save != nil {
		x.save(ctx)
	}
	return x.tapped.SaveTo(ctx, vv)
}

// watch puts w around the engine of a replica when it is opened next.
func (n *stateNode) watch(w *watched, more func(o *Options)) {
	n.tune = func(o *Options) {
		n.options(o)
		w.tapped = o.Images.(*tapped)
		o.Images = w
		more(o)
	}
}

// K4: an image that was captured before its receiver forgot something, and comes
// after that, would be refused. A large one, or one on a slow link, would be for ever.
func TestAReceiverForgetsNothingWhileImagesAreOnTheirWay(t *testing.T) {
	c, one, two := apart(t)
	var w watched
	two.watch(&w, func(*Options) {})
	var free atomic.Int64
	one.tap = func(_ uint64, image []byte) []byte {
		if w.held.Load() == 0 {
			free.Add(1)
		}
		return image
	}
	two.start()
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return two.r.Transfer().Percent == 100 })
	if n := free.Load(); n > 0 {
		t.Errorf("%d images were captured while the receiver could forget", n)
	}
	eventually(t, "it forgets again", func() bool { return w.held.Load() == 0 })
}

// The source is not silent while the receiver is busy with itself, for as long as
// that takes.
func TestATransferOutlastsACheckpointOfTheReceiver(t *testing.T) {
	c, _, two := apart(t)
	patience := 100 * time.Millisecond
	saves := 0
	w := watched{save: func(ctx context.Context) {
		saves++
		if ctx.Err() != nil { // the source was waited for too long, on a busy machine: it is asked again
			return
		}
		select {
		case <-ctx.Done():
			t.Error("it was broken off:", context.Cause(ctx))
		case <-time.After(3 * patience):
		}
	}}
	two.watch(&w, func(o *Options) { o.Timing.Handshake = patience })
	two.start()
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return two.r.Transfer().Percent == 100 })
	if saves == 0 {
		t.Error("no checkpoint was asked for")
	}
}

// A source that keeps to its rate is not silent for as long as a whole image takes: the
// receiver would break off, ask anew, and get the next image at once.
func TestARateIsKeptWithinAnImage(t *testing.T) {
	const rate, patience = 100 << 10, 2 * time.Second // an image takes longer
	c := newStates(t)
	one := c.add(1, func(n *stateNode) { n.rate = rate })
	two := c.add(2)
	c.join()
	one.write(0, 10)
	c.agree()
	two.stop()
	noise := rand.New(rand.NewPCG(1, 2))
	tx := one.eng.NewTx()
	tx.LockAll(time.Now().UnixMilli())
	for range 10_000 {
		tx.SetAdd([]byte("large"), [][]byte{fmt.Appendf(nil, "%016x%016x", noise.Uint64(), noise.Uint64())})
	}
	tx.Unlock()
	one.forget()
	var log journal
	two.tune = func(o *Options) {
		two.options(o)
		o.Logger, o.Timing.Handshake = slog.New(slog.NewTextHandler(&log, nil)), patience
	}
	two.start()
	c.agree()
	eventually(t, "the transfer has ended", func() bool { return two.r.Transfer().Percent == 100 })
	if st := two.r.Transfer(); st.Bytes < rate || log.tells("broken off") {
		t.Errorf("it was broken off, or is not what it should be: %+v", st)
	}
}

// A source of which something comes again and again, but no image, does not hold the
// only transfer for ever.
func TestASourceThatTrickles(t *testing.T) {
	const patience = 300 * time.Millisecond
	head := append([]byte{'c', 'R', 1, 0, 0, 1, 0, 0}, make([]byte, 64)...)
	for name, says := range map[string][]any{
		"nothing": {&outFrame{heartbeat: &peerpb.Heartbeat{}}},
		"bytes":   {&outFrame{pieces: []piece{{data: head, more: true}}}, &outFrame{pieces: []piece{{data: []byte{0}, more: true}}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newStates(t)
			one := c.add(1)
			one.write(0, 60)
			syncLog(t, one.log)
			a := &liar{images: append(says, repeatedly(200, says[len(says)-1])...), pause: patience / 3}
			c.replace(one.clusterNode, a)
			var log journal
			two := c.add(2, func(n *stateNode) {
				n.join = true
				n.tune = func(o *Options) {
					n.options(o)
					o.Logger, o.Timing.Handshake = slog.New(slog.NewTextHandler(&log, nil)), patience
				}
			})
			two.r.SetMembers(c.members())
			eventually(t, "it is given up", func() bool { return log.tells("broken off", errNoImage.Error()) })
			if n := a.shown.Load(); n > 100 { // it says so much in no less than ten times what it may take
				t.Errorf("it was given up after %d messages", n)
			}
			one.back()
			one.r.SetMembers(c.members())
			c.agree()
		})
	}
}
