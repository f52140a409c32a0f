package peer

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// maxServed bounds the transfers that one instance serves at a time.
const maxServed = 2

// serveTransfer serves a member that needs the state, image by image. It holds
// one image at a time; what the follower does not take is not captured.
func (r *Replicator) serveTransfer(req *peerpb.TransferRequest, s grpc.ServerStreamingServer[peerpb.FromSource]) error {
	if !r.enter() {
		return errClosing
	}
	defer r.leave()
	l, err := r.welcome(req.GetIdentity())
	if err != nil {
		return err
	}
	if n := len(req.GetOffer()); n > maxOffer || n%sumBytes != 0 {
		return fmt.Errorf("%w: an offer of %d bytes", errFrame, n)
	}
	if r.opts.Images == nil || r.AwaitsBase() {
		return refuse(peerpb.Refusal_BUSY, "replica %d has no complete state itself", r.opts.Self)
	}
	if err := r.opts.Log.Forbidden(); err != nil && req.GetBase() { // an old disk, perhaps: what others have forgotten may be missing (K4)
		return refuse(peerpb.Refusal_BUSY, "replica %d may not go on itself: %v", r.opts.Self, err)
	}
	ctx, stop := context.WithCancelCause(s.Context())
	defer stop(nil)
	defer context.AfterFunc(r.ctx, func() { stop(errClosed) })()
	g := &given{stop}
	if old := l.given.Swap(g); old != nil { // a member has one transfer under way at a time
		old.stop(errReplaced)
	}
	defer l.given.CompareAndSwap(g, nil)
	select {
	case r.giving <- struct{}{}:
	default:
		return refuse(peerpb.Refusal_BUSY, "replica %d serves enough state transfers", r.opts.Self)
	}
	return r.apart(ctx, func() error {
		defer func() { <-r.giving }()
		return r.giveState(ctx, s, l, req)
	})
}

// given is a transfer that is served. It may be ended while what was sent is not taken.
type given struct{ stop context.CancelCauseFunc }

// giveState tells where a transfer leads to and sends the state.
func (r *Replicator) giveState(ctx context.Context, s grpc.ServerStreamingServer[peerpb.FromSource], l *link, req *peerpb.TransferRequest) error {
	forgotten, release := r.opts.Images.HoldForgotten()
	defer release()
	begin, least, err := r.beginTransfer(ctx, l.replica, forgotten)
	if err != nil {
		return err
	}
	if err := s.Send(&peerpb.FromSource{Begin: begin}); err != nil {
		return err
	}
	return r.sendState(ctx, s, l, req, least)
}

// beginTransfer tells where the logs here end, once all of that is applied.
func (r *Replicator) beginTransfer(ctx context.Context, to crdt.ReplicaID, forgotten crdt.VersionVector) (*peerpb.TransferBegin, crdt.VersionVector, error) {
	ends, err := r.opts.Log.Tips()
	if err != nil {
		return nil, nil, err
	}
	least := oplog.VectorOf(ends)
	if err := r.waitApplied(ctx, least); err != nil {
		return nil, nil, err
	}
	b := &peerpb.TransferBegin{Identity: r.identity(to), Forgotten: crdt.AppendVector(nil, forgotten)}
	for _, t := range ends {
		b.Ends = append(b.Ends, &peerpb.End{Replica: uint32(t.Replica), Tip: Tip{Time: t.Time, Hash: t.Hash}.wire()})
	}
	return b, least, nil
}

// waitApplied waits until all that vv covers, which the log holds, is applied.
func (r *Replicator) waitApplied(ctx context.Context, vv crdt.VersionVector) error {
	for tries := 0; !r.opts.Images.Vector().Descends(vv); tries++ {
		if tries > 1000 {
			return fmt.Errorf("the state covers %v, the log %v", r.opts.Images.Vector(), vv)
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// sendState captures and sends one image after the other, up to where it is
// asked to. What an image holds is durable here before it is sent (D1).
func (r *Replicator) sendState(ctx context.Context, s grpc.ServerStreamingServer[peerpb.FromSource], l *link, req *peerpb.TransferRequest, least crdt.VersionVector) error {
	at, to, level := req.GetFrom(), r.opts.Images.EndOfState(), slog.LevelInfo
	if req.GetTo() != 0 {
		to = min(to, req.GetTo())
	}
	if at != 0 && to < r.opts.Images.EndOfState() { // one stream of many
		level = slog.LevelDebug
	}
	r.quiet.to.Log(ctx, level, "serving a state transfer", "to", l.replica, "percent", 100*float64(at)/float64(r.opts.Images.EndOfState()))
	begun, sent := r.opts.Mono(), 0
	shorten := r.opts.Images.Shorten(req.GetOffer())
	var rush atomic.Int64
	ease := easing{r: r, rush: &rush}
	out := imageOut{s: s, l: l, ease: &ease, slow: pace{rate: r.opts.Limits.TransferRate}}
	for at < to {
		ease.begin()
		image, vv, next, err := r.opts.Images.CaptureAt(at, nil)
		if err != nil {
			r.quiet.error("a state transfer cannot be served", l.replica, err)
			return refuse(peerpb.Refusal_LARGE, "%v", err)
		}
		ease.worked()
		if err := r.opts.Log.SyncTo(ctx, vv); err != nil {
			return err
		}
		if !vv.Descends(least) {
			return fmt.Errorf("an image covers %v, the log %v", vv, least)
		}
		if len(req.GetOffer()) > 0 {
			ease.begin()
			if image, err = shorten(image); err != nil {
				return err
			}
			ease.worked()
		}
		if err := out.send(ctx, image); err != nil {
			return err
		}
		sent, at = sent+len(image), next
	}
	r.quiet.to.Log(ctx, level, "served a state transfer", "to", l.replica, "bytes", sent, "seconds", time.Duration(r.opts.Mono()-begun).Seconds())
	return nil
}

// imageOut is what images are sent on.
type imageOut struct {
	s    grpc.ServerStreamingServer[peerpb.FromSource]
	l    *link
	f    outFrame
	ease *easing
	slow pace
}

// send sends an image in pieces of bounded size. Each has its time: a receiver that
// heard nothing for as long as a large image may take would give the source up.
func (o *imageOut) send(ctx context.Context, image []byte) error {
	r := o.l.r
	for len(image) > 0 {
		if err := o.l.barred(); err != nil {
			return err
		}
		part := image[:min(len(image), pieceBytes)]
		image = image[len(part):]
		o.ease.begin()
		p := r.packer.packOnce(part)
		if err := o.ease.step(ctx, 0); err != nil {
			return err
		}
		p.more = len(image) > 0
		o.f.reset()
		o.f.pieces = append(o.f.pieces, p)
		o.l.out.wire.Add(uint64(len(p.data)))
		if err := o.s.SendMsg(&o.f); err != nil {
			return err
		}
		if err := o.slow.took(ctx, len(part), r.opts.Mono()); err != nil {
			return err
		}
	}
	return nil
}

// packOnce makes a piece that nobody else will want.
func (p *packer) packOnce(part []byte) piece {
	if len(part) >= minPack {
		if c := p.enc.EncodeAll(part, make([]byte, 0, len(part)/2)); len(c) <= len(part)-len(part)/8 {
			return piece{data: c, rawSize: len(part)}
		}
	}
	return piece{data: part}
}

// jump asks the pump to end a transfer.
type jump struct {
	ends []oplog.Tip
	mark []byte
	done chan error // gets one
}

// jump sets state, log and gate ahead. No block is applied meanwhile.
func (p *pump) jump(j *jump) {
	err := p.r.opts.Images.Jump(p.r.ctx, j.ends, j.mark)
	if err == nil {
		to := p.r.opts.Log.Received()
		for _, h := range p.gate.Jump(to) {
			h.giveRoom()
		}
		p.awaits = false
		for _, l := range p.r.allLinks() {
			at := uint64(to.Get(l.replica))
			l.tail.Store(uint64(p.gate.Tail(l.replica))) // lower than before where blocks were dropped
			raise(&l.received, at)
			raise(&l.applied, at)
			raise(&l.known, at)
			signal(l.ackNow)
		}
	}
	j.done <- err
}

// await closes the gate until a transfer has ended. Too late if a block of
// another replica has been applied.
func (p *pump) await() error {
	if len(p.r.opts.Log.Received()) > 0 {
		return errForgotten
	}
	p.awaits = true
	t := &p.r.transfers
	t.mu.Lock()
	t.mu.await = true
	t.mu.Unlock()
	return nil
}
