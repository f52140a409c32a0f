package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// startFetch fetches missing blocks of a replica from whoever has them (C1),
// in a goroutine of its own, and reports to the pump.
func (r *Replicator) startFetch(w want) {
	select {
	case r.fetching <- struct{}{}:
	default: // enough are under way; the gate asks again
		r.wg.Go(func() { r.post(r.ctx, event{fetched: &w}) })
		return
	}
	r.wg.Go(func() {
		r.fetch(w)
		<-r.fetching
		r.post(r.ctx, event{fetched: &w})
	})
}

// fetch asks one peer after the other until one sends something.
func (r *Replicator) fetch(w want) {
	for _, l := range r.fetchFrom(w) {
		n, err := l.fetch(w)
		if err != nil {
			err = fmt.Errorf("of replica %d after %v: %w", w.replica, w.after, fromStatus(err))
			r.quiet.warn("missing blocks could not be fetched", l.replica, err)
		}
		if isFault(err) {
			l.dropIn(err) // the link stops with the alarm (P1), and is not asked again meanwhile
		}
		if n > 0 {
			return
		}
		if own := r.link(w.replica); tooOld(err) && (own == nil || own.conn() == nil) {
			r.transfers.need(l.replica, err) // the author cannot be asked
		}
	}
}

// fetchFrom lists the peers that can be asked, those who have most first. The
// replica itself is not among them: its own link brings what it can.
func (r *Replicator) fetchFrom(w want) []*link {
	type choice struct {
		l  *link
		at crdt.Timestamp
	}
	var choices []choice
	for _, l := range r.allLinks() {
		at := r.holdings.at(l.replica, w.replica)
		if at > w.after && l.replica != w.replica && l.conn() != nil {
			choices = append(choices, choice{l, at})
		}
	}
	slices.SortStableFunc(choices, func(a, b choice) int {
		switch {
		case a.at > b.at:
			return -1
		case a.at < b.at:
			return 1
		}
		return 0
	})
	var out []*link
	for _, c := range choices {
		out = append(out, c.l)
	}
	return out
}

// fetch asks this link's replica and hands the blocks to the pump. It returns
// how many came.
func (l *link) fetch(w want) (n int, err error) {
	conn := l.conn()
	if conn == nil {
		return 0, nil
	}
	ctx, cancel := context.WithCancelCause(l.r.ctx)
	defer cancel(nil)
	timeout := time.AfterFunc(l.r.opts.Timing.Handshake, func() { cancel(errSlowFetch) })
	defer timeout.Stop()
	begun := l.r.opts.Mono()
	s, err := peerpb.NewReplicationClient(conn).Fetch(ctx, &peerpb.FetchRequest{
		Identity: l.r.identity(l.replica),
		Replica:  uint32(w.replica), After: uint64(w.after), MaxBytes: uint32(l.r.opts.Limits.FetchBytes),
	})
	if err != nil {
		return 0, causeOf(ctx, err)
	}
	in := fetchIn{l: l, w: w, unpack: l.r.blocks()}
	for {
		m, err := in.next(ctx, s)
		n += m
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, causeOf(ctx, err)
		}
		timeout.Reset(fetchPatience(l.r.opts.Timing.Handshake, time.Duration(l.r.opts.Mono()-begun), in.came))
	}
}

// slowestFetch is the rate, in bytes per second, that a fetch must keep: one that
// trickles would hold one of a few places for ever (B1).
const slowestFetch = 16 << 10

var (
	errSlowFetch = errors.New("what was asked for came too slowly")
	errNotTaken  = errors.New("what was asked for is taken too slowly")
)

// fetchPatience is how much longer either side of a fetch may wait for a message,
// when it has run for some time and so many bytes have come, or gone: blocks may be
// large, so there is no bound of all of it.
func fetchPatience(silence, passed time.Duration, came int) time.Duration {
	earned := time.Duration(float64(came) / slowestFetch * float64(time.Second))
	return min(silence, silence+earned-passed)
}

// fetchIn is a fetch on its way.
type fetchIn struct {
	l      *link
	w      want
	unpack unpacker
	bytes  int // of blocks that came
	came   int // bytes of messages
}

// next takes the next message and hands its blocks to the pump. A peer that
// sends more than was asked for is stopped: its blocks take room here that no
// budget counts (B1).
func (x *fetchIn) next(ctx context.Context, s grpc.ServerStreamingClient[peerpb.FromSource]) (n int, err error) {
	var f inFrame
	defer f.free()
	if err := s.RecvMsg(&f); err != nil {
		return 0, err
	}
	if err := f.parse(); err != nil {
		return 0, err
	}
	x.came += f.buf.Len()
	for _, p := range f.pieces {
		data, err := x.unpack.add(p)
		if err != nil {
			return n, err
		}
		if data == nil {
			continue
		}
		if limit := x.l.r.opts.Limits.FetchBytes; x.bytes >= limit {
			return n, fmt.Errorf("%w: %d bytes, and a block of %d", errExcess, limit, len(data))
		}
		x.bytes += len(data)
		b, err := oplog.DecodeBlock(data)
		if err != nil {
			return n, err
		}
		if b.Replica != x.w.replica {
			return n, fmt.Errorf("%w: %d, wanted %d", errOrigin, b.Replica, x.w.replica)
		}
		if !x.l.r.post(ctx, event{block: held{Block: b}, relay: x.l}) {
			return n, context.Cause(ctx)
		}
		n++
	}
	return n, nil
}

// serveFetch serves a peer that misses blocks.
func (r *Replicator) serveFetch(req *peerpb.FetchRequest, s grpc.ServerStreamingServer[peerpb.FromSource]) error {
	if !r.enter() {
		return errClosing
	}
	defer r.leave()
	if _, err := r.welcome(req.GetIdentity()); err != nil {
		return err
	}
	select {
	case r.serving <- struct{}{}:
		defer func() { <-r.serving }()
	default:
		return refuse(peerpb.Refusal_BUSY, "replica %d serves enough fetches", r.opts.Self)
	}
	id := crdt.ReplicaID(req.GetReplica())
	limit := min(int(req.GetMaxBytes()), r.opts.Limits.FetchBytes)
	blocks, err := r.opts.Log.Read(id, crdt.Timestamp(req.GetAfter()), limit)
	if errors.Is(err, oplog.ErrTruncated) {
		return refuse(peerpb.Refusal_TRUNCATED, "replica %d no longer keeps what follows %v of replica %d",
			r.opts.Self, crdt.Timestamp(req.GetAfter()), id)
	}
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(s.Context())
	defer stop(nil)
	patience := time.AfterFunc(r.opts.Timing.Handshake, func() { stop(errNotTaken) })
	defer patience.Stop()
	begun := r.opts.Mono()
	return r.apart(ctx, func() error {
		return r.sendBlocks(s, blocks, func(sent int) {
			patience.Reset(fetchPatience(r.opts.Timing.Handshake, time.Duration(r.opts.Mono()-begun), sent))
		})
	})
}

// sendBlocks sends a run of blocks in messages of bounded size, small ones: who
// fetches over a slow link hears of each. It tells how many bytes have gone.
func (r *Replicator) sendBlocks(s grpc.ServerStreamingServer[peerpb.FromSource], blocks []*oplog.Block, gone func(sent int)) error {
	var f outFrame
	size, sent := 0, 0
	for _, b := range blocks {
		for i, more := 0, true; more; i++ {
			p := r.packer.piece(b, i, false)
			f.pieces = append(f.pieces, p)
			size += len(p.data)
			if more = p.more; size >= pieceBytes {
				if err := s.SendMsg(&f); err != nil {
					return err
				}
				f.reset()
				sent, size = sent+size, 0
				gone(sent)
			}
		}
	}
	if f.empty() {
		return nil
	}
	return s.SendMsg(&f)
}
