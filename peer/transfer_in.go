package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// from runs a transfer from a member, or what is left of one, to its end.
func (t *transfers) from(l *link) error {
	ctx, cancel := context.WithCancelCause(t.r.ctx)
	defer cancel(nil)
	l.setImages(cancel)
	defer l.setImages(nil)
	if err := l.barred(); err != nil { // since it was chosen
		return err
	}
	m, _ := l.currentMember()
	if t.mark.source != l.replica {
		t.mark = mark{source: l.replica, base: t.r.AwaitsBase()}
	}
	conn, err := t.r.connect(m.Addr, new(atomic.Uint64))
	if err != nil {
		return err
	}
	defer conn.Close()
	x := &transferIn{t: t, l: l, ctx: ctx, conn: conn, started: t.r.opts.Mono(), had: t.mark.bytes}
	x.ease = easing{r: t.r, rush: &t.r.rush}
	x.silence = time.AfterFunc(t.r.opts.Timing.Handshake, func() { cancel(errNoImage) })
	x.silence.Stop()
	// What is forgotten now the source has acknowledged, so all its images cover it
	// (K4). What is forgotten later, an image that is on its way need not.
	_, release := t.r.opts.Images.HoldForgotten()
	defer release()
	return fromStatus(causeOf(ctx, x.run(m)))
}

// transferIn is one stream of images.
type transferIn struct {
	t       *transfers
	l       *link
	ctx     context.Context
	conn    *grpc.ClientConn
	silence *time.Timer        // runs while the source is waited for, see hear
	waited  time.Duration      // since it last got on
	came    int                // bytes of images since then
	least   crdt.VersionVector // what every image covers
	begun   bool
	started int64  // Mono
	logged  int64  // Mono when progress was logged; 0: not yet
	had     uint64 // bytes of earlier streams
	ease    easing
}

// run takes one stream after the other: with an older state each is for a part
// of the keyspace, which its offer is about.
func (x *transferIn) run(m Member) error {
	for {
		if err := x.stream(m); err != nil {
			return err
		}
		if x.t.mark.at == x.t.r.opts.Images.EndOfState() {
			return x.end()
		}
	}
}

func (x *transferIn) stream(m Member) error {
	r := x.t.r
	to, offer := x.t.offer()
	var s grpc.ServerStreamingClient[peerpb.FromSource]
	var first *peerpb.FromSource
	err := x.hear(func() (err error) {
		s, err = peerpb.NewReplicationClient(x.conn).Transfer(x.ctx, &peerpb.TransferRequest{
			Identity: r.identity(x.l.replica), From: x.t.mark.at, Base: x.t.mark.base, To: to, Offer: offer,
		})
		if err == nil {
			first, err = s.Recv()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := x.begin(m, first.GetBegin()); err != nil {
		return err
	}
	x.getsOn(pieceBytes)
	if err := x.t.checkOlder(x.least); err != nil {
		return err
	}
	return x.images(s, to)
}

// hear waits for the source, but not for ever, whatever it says without getting on.
// Between two calls it is not heard, and so not silent: a checkpoint, or a merge,
// takes as long as it takes.
func (x *transferIn) hear(recv func() error) error {
	begun := x.t.r.opts.Mono()
	x.silence.Reset(x.t.r.opts.Timing.Handshake - x.waited)
	defer x.silence.Stop()
	err := recv()
	x.waited += time.Duration(x.t.r.opts.Mono() - begun)
	return err
}

// getsOn notes that bytes of an image came. The source is waited for anew when they
// are as many as it puts into a message: one that trickles would hold the only
// transfer for ever (B1), and one that keeps to a rate, or is far away, sends that
// much at a time.
func (x *transferIn) getsOn(bytes int) {
	if x.came += bytes; x.came >= pieceBytes {
		x.waited, x.came = 0, 0
	}
}

// begin judges the source and writes down what the transfer leads to.
func (x *transferIn) begin(m Member, b *peerpb.TransferBegin) error {
	r, t := x.t.r, x.t
	if b == nil {
		return fmt.Errorf("%w: no beginning", errFrame)
	}
	if _, err := r.party.checkIdentity(b.GetIdentity(), r.member); err != nil {
		return fmt.Errorf("%w: %w", errStranger, err)
	}
	if id := b.GetIdentity().GetReplica(); id != uint32(x.l.replica) {
		return refuse(peerpb.Refusal_ADDRESSEE, "replica %d answered at %s, where replica %d should be", id, m.Addr, x.l.replica)
	}
	ends, err := x.ends(b)
	if err != nil {
		return err
	}
	forgotten, err := checkVector(b.GetForgotten())
	if err != nil {
		return err
	}
	if held := oplog.VectorOf(ends); !held.Descends(forgotten) {
		return fmt.Errorf("%w: replica %d has forgotten %v, and its log holds %v", errVector, x.l.replica, forgotten, held)
	}
	if err := x.checkForgotten(forgotten); err != nil {
		return err
	}
	if err := r.opts.Images.NoteForgotten(x.ctx, forgotten); err != nil {
		return err
	}
	if t.mark.at == 0 || t.mark.ends == nil {
		t.mark.at, t.mark.ends, t.left = 0, ends, mark{}
		t.mark.base = t.mark.base || r.AwaitsBase()
		if err := r.opts.Log.PutMeta(oplog.MarkName, t.mark.encode()); err != nil {
			return err
		}
	}
	x.least = oplog.VectorOf(t.mark.ends)
	if !x.begun {
		x.begun = true
		r.quiet.to.Info("state transfer", "from", x.l.replica, "percent", t.percent(), "why", t.why(x.l.replica), "older_state", t.older.seed != nil)
		t.note(func(p *TransferStatus) { *p = TransferStatus{Active: true, Source: x.l.replica} })
	}
	x.progress()
	return nil
}

// ends decodes the ends of the source's logs, and compares that of the own log
// with the log itself (D2).
func (x *transferIn) ends(b *peerpb.TransferBegin) ([]oplog.Tip, error) {
	if len(b.GetEnds()) > crdt.MaxReplicas {
		return nil, fmt.Errorf("%w: %d ends", errVector, len(b.GetEnds()))
	}
	ends := []oplog.Tip{}
	for _, e := range b.GetEnds() {
		id := crdt.ReplicaID(e.GetReplica())
		if e.GetReplica() == 0 || e.GetReplica() > 1<<16-1 {
			return nil, fmt.Errorf("%w: end of replica %d", errVector, e.GetReplica())
		}
		if id == x.t.r.opts.Self {
			if err := x.t.r.lostLog(x.l.replica, x.t.r.party.checkTip(x.l.replica, tipOf(e.GetTip()))); err != nil {
				return nil, err
			}
		}
		ends = append(ends, oplog.Tip{Replica: id, Time: crdt.Timestamp(e.GetTip().GetTime()), Hash: e.GetTip().GetHash()})
	}
	return ends, nil
}

// checkForgotten sees to it that the state here covers what the source has
// forgotten, on disk too, or is that of nobody else: then no block is applied
// before the end of the transfer (K4).
func (x *transferIn) checkForgotten(forgotten crdt.VersionVector) error {
	r := x.t.r
	held := r.opts.Log.Received()
	held.Raise(r.opts.Log.Issued())
	switch {
	case r.AwaitsBase():
		return nil
	case held.Descends(forgotten):
		if err := r.waitApplied(x.ctx, forgotten); err != nil {
			return err
		}
		return r.opts.Images.SaveTo(x.ctx, forgotten)
	}
	done := make(chan error, 1)
	if !r.post(x.ctx, event{await: done}) {
		return context.Cause(x.ctx)
	}
	select {
	case err := <-done:
		return err
	case <-x.ctx.Done():
		return context.Cause(x.ctx)
	}
}

// why says what the transfer is for.
func (t *transfers) why(from crdt.ReplicaID) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.mu.needs[from] != nil:
		return t.mu.needs[from].Error()
	case t.mu.await:
		return "the instance has joined and holds nothing yet"
	}
	return "an earlier one was broken off"
}

// images merges what comes, in order of position, until a position is reached.
// A source that does not know of offers goes on to the end of the state.
func (x *transferIn) images(s grpc.ServerStreamingClient[peerpb.FromSource], to uint64) error {
	var f inFrame
	unpack := unpacker{dec: x.t.r.dec, maxBlock: maxImage, sizeOf: x.t.r.opts.Images.SizeOf}
	for {
		err := x.hear(func() error { return s.RecvMsg(&f) })
		if err == io.EOF {
			if x.t.mark.at < to {
				return errTransferShort
			}
			return nil
		}
		if err != nil {
			return err
		}
		err = x.frame(&f, &unpack)
		f.free()
		if err != nil {
			return err
		}
	}
}

func (x *transferIn) frame(f *inFrame, unpack *unpacker) error {
	if err := f.parse(); err != nil {
		return err
	}
	x.l.in.wire.Add(uint64(f.buf.Len()))
	for _, p := range f.pieces {
		data, err := unpack.add(p)
		x.getsOn(p.size())
		if err == nil && data != nil {
			err = x.merge(data)
			x.getsOn(pieceBytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// merge merges one image. One that is stamped too far ahead waits for time to
// catch up (H1), with an alarm.
func (x *transferIn) merge(data []byte) error {
	t := x.t
	next, size := t.mark, uint64(len(data))
	x.ease.begin()
	data, err := t.expand(data)
	if err != nil {
		return err
	}
	for waited := time.Duration(0); ; waited += clockRetry {
		at, keys, err := t.r.opts.Images.MergeAt(t.mark.at, data, x.least, func(at uint64) []byte {
			next.at, next.bytes = at, t.mark.bytes+size
			return next.encode()
		}, func() { _ = x.ease.step(x.ctx, 0) }) // a stream that has ended: after the image
		if errors.Is(err, oplog.ErrClock) {
			if err := x.awaitClock(waited, err); err != nil {
				return err
			}
			continue
		}
		if errors.Is(err, oplog.ErrForeign) { // it has seen what the own log does not hold (D2)
			err = t.r.lostLog(x.l.replica, fmt.Errorf("%w: %w", errLostLog, err))
		}
		if err != nil {
			return err
		}
		next.at, next.keys = at, next.keys+uint64(keys)
		t.mark = next
		x.progress()
		return x.ease.step(x.ctx, 0)
	}
}

const clockRetry = 50 * time.Millisecond

// awaitClock lets some time pass and tells what for. After a while the source is
// asked anew, for it may have been mended.
func (x *transferIn) awaitClock(waited time.Duration, why error) error {
	t := x.t
	if waited == 0 {
		t.r.quiet.error("a state transfer waits: an image of a peer is stamped too far ahead", x.l.replica, why)
		t.note(func(p *TransferStatus) { p.Error, p.Alarm = why.Error(), true })
	}
	if waited >= t.r.opts.Timing.Handshake {
		return why
	}
	return sleep(x.ctx, clockRetry)
}

func (t *transfers) percent() float64 {
	return 100 * float64(t.mark.at) / float64(t.r.opts.Images.EndOfState())
}

// logProgressEvery is how often the log tells of a transfer.
const logProgressEvery = 10 * time.Second

// progress shows how far the transfer has come.
func (x *transferIn) progress() {
	t, now := x.t, x.t.r.opts.Mono()
	passed := time.Duration(now - x.started).Seconds()
	st := TransferStatus{Active: true, Source: x.l.replica, Percent: t.percent(), Bytes: t.mark.bytes, Keys: t.mark.keys}
	if got := float64(t.mark.bytes - x.had); passed > 0 && got > 0 {
		st.Rate = got / passed
		if st.Percent > 0 {
			left := float64(t.mark.bytes) * (100 - st.Percent) / st.Percent / st.Rate
			st.Left = time.Duration(left * float64(time.Second))
		}
	}
	t.note(func(p *TransferStatus) { *p = st })
	if x.logged == 0 {
		x.logged = now
	}
	if now-x.logged >= int64(logProgressEvery) {
		x.logged = now
		t.r.quiet.to.Info("state transfer goes on", "from", x.l.replica, "percent", st.Percent, "bytes", st.Bytes,
			"keys", st.Keys, "bytes_per_second", int64(st.Rate), "left", st.Left.Round(time.Second).String())
	}
}

// end makes the log jump, between two blocks.
func (x *transferIn) end() error {
	t := x.t
	over := mark{done: true, bytes: t.mark.bytes, keys: t.mark.keys}
	j := &jump{ends: t.mark.ends, mark: over.encode(), done: make(chan error, 1)}
	if err := t.jump(j); err != nil {
		t.mark = mark{source: t.mark.source, base: t.mark.base} // anew
		return err
	}
	seconds := time.Duration(t.r.opts.Mono() - x.started).Seconds()
	t.r.quiet.to.Info("state transfer is complete", "from", x.l.replica, "bytes", t.mark.bytes, "keys", t.mark.keys,
		"spared_bytes", t.older.spared, "seconds", seconds, "up_to", oplog.VectorOf(t.mark.ends).String())
	t.r.quiet.forget(x.l.replica)
	t.complete(over)
	return nil
}
