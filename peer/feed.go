package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// outStream is the server's side of Follow.
type outStream = grpc.BidiStreamingServer[peerpb.FromFollower, peerpb.FromSource]

// feed is a stream that another replica follows. One goroutine writes it; a
// second reads the acknowledgements. What it cannot send stays in the log (B1).
type feed struct {
	l    *link
	r    *Replicator
	s    outStream
	ctx  context.Context
	stop context.CancelCauseFunc
	wake chan struct{} // there may be something to send

	runID uint64 // of the follower, 0: not told

	sent      atomic.Uint64 // end of the last block put into a message
	sentBytes atomic.Uint64 // of pieces
	taken     atomic.Uint64 // of them, as the follower says
	plain     atomic.Bool   // the follower wants no compression
	echo      atomic.Int64  // clock of the follower's last acknowledgement
	heard     atomic.Int64  // Mono when it came

	run  blockRun // of the writer
	ease easing   // of the writer
	rush atomic.Int64
	left uint64   // bytes to be sent, at the last heartbeat; of the writer
	out  outFrame // of the writer
	news publishQueue
}

// blockRun is the part of the log that the writer has read and not yet sent.
type blockRun struct {
	blocks []*oplog.Block
	piece  int // next piece of blocks[0]
}

// messageBytes is the size from which a message gets no more pieces.
const messageBytes = 512 << 10

func newFeed(l *link, s outStream, from crdt.Timestamp) *feed {
	f := &feed{l: l, r: l.r, s: s, wake: make(chan struct{}, 1)}
	f.ctx, f.stop = context.WithCancelCause(s.Context())
	f.sent.Store(uint64(from))
	f.heard.Store(l.r.opts.Mono())
	f.ease = easing{r: l.r, rush: &f.rush}
	f.news.max = l.r.opts.Limits.PublishBytes
	return f
}

// serve runs the feed until one side ends it and returns why.
func (f *feed) serve() error {
	if old := f.l.feed.Swap(f); old != nil {
		old.stop(errReplaced)
	}
	defer f.l.feed.CompareAndSwap(f, nil)
	if err := f.l.barred(); err != nil { // since it was greeted
		f.stop(err)
		return err
	}
	// Both end when this function returns, because gRPC then ends the stream;
	// they may be inside gRPC until then. The Replicator waits for them.
	f.r.wg.Go(func() { f.stop(f.write()) })
	f.r.wg.Go(func() { f.stop(f.readAcks()) })
	select {
	case <-f.ctx.Done():
	case <-f.r.ctx.Done():
		f.stop(errClosed)
	}
	return context.Cause(f.ctx)
}

// write fills messages with what there is and sends them.
func (f *feed) write() error {
	beat := time.NewTicker(f.r.opts.Timing.Heartbeat)
	defer beat.Stop()
	due := true
	for {
		f.out.reset()
		if due {
			if err := f.addHeartbeat(); err != nil {
				return err
			}
			due = false
		}
		f.out.publishes = f.news.take(f.out.publishes)
		if err := f.addBlocks(); err != nil {
			return err
		}
		if !f.out.empty() {
			if err := f.send(); err != nil {
				return err
			}
			select {
			case <-beat.C: // also when there is always something to send
				due = true
			default:
			}
			continue
		}
		select {
		case <-f.wake:
		case <-beat.C:
			due = true
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		}
	}
}

func (f *feed) send() error {
	n := 0
	for _, p := range f.out.pieces {
		n += len(p.data)
	}
	for _, p := range f.out.publishes {
		n += len(p)
	}
	f.l.out.wire.Add(uint64(n))
	return f.s.SendMsg(&f.out)
}

// addBlocks puts pieces of blocks into the message, as many as fit into it and
// into the window. Pieces of old blocks go one by one, with pauses.
func (f *feed) addBlocks() error {
	size := 0
	f.ease.begin()
	for size < messageBytes && f.sentBytes.Load()-f.taken.Load() < uint64(f.r.opts.Limits.WindowBytes) {
		if len(f.run.blocks) == 0 {
			more, err := f.readLog()
			if err != nil || !more {
				return err
			}
		}
		b := f.run.blocks[0]
		p := f.r.packer.piece(b, f.run.piece, f.plain.Load())
		f.out.pieces = append(f.out.pieces, p)
		f.sentBytes.Add(uint64(p.size()))
		size += len(p.data)
		f.run.piece++
		if !p.more {
			f.run.blocks[0] = nil
			f.run.blocks, f.run.piece = f.run.blocks[1:], 0
			f.sent.Store(uint64(b.Last))
			f.l.out.blocks.Add(1)
			f.l.out.ops.Add(uint64(b.Ops))
			f.l.out.raw.Add(uint64(len(b.Bytes())))
		}
		if f.ease.old(b.Last) && f.ease.serving() {
			return f.ease.step(f.ctx, b.Ops*p.size()/len(b.Bytes()))
		}
	}
	return nil
}

// readLog reads on in the own log.
func (f *feed) readLog() (more bool, err error) {
	at := crdt.Timestamp(f.sent.Load())
	if at >= f.r.opts.Log.DurableOwn() {
		return false, nil
	}
	f.run.blocks, err = f.r.opts.Log.Read(f.r.opts.Self, at, f.r.opts.Limits.BatchBytes)
	if errors.Is(err, oplog.ErrTruncated) {
		err = refuse(peerpb.Refusal_TRUNCATED,
			"replica %d no longer keeps what follows %v of its log, replica %d needs a state transfer", f.r.opts.Self, at, f.l.replica)
	}
	return len(f.run.blocks) > 0, err
}

func (f *feed) addHeartbeat() error {
	waitingOps, waitingBytes, err := f.r.opts.Log.Behind(f.r.opts.Self, crdt.Timestamp(f.sent.Load()))
	if err != nil && !errors.Is(err, oplog.ErrTruncated) {
		return err
	}
	f.r.backlog(&f.rush, f.left, waitingBytes)
	f.left = waitingBytes
	remains := f.r.hasRemains()
	hb := &peerpb.Heartbeat{ // the configuration is looked up after what is durable, see holdings
		ClockMs: f.r.opts.Wall(), Durable: crdt.AppendVector(nil, f.r.opts.Log.Durable()),
		WaitingOps: waitingOps, WaitingBytes: waitingBytes, ConfigVersion: f.r.opts.ConfigVersion(),
		Remains: remains,
	}
	if echo := f.echo.Load(); echo != 0 {
		hb.EchoMs, hb.EchoHeldMs = echo, (f.r.opts.Mono()-f.heard.Load())/int64(time.Millisecond)
	}
	for _, row := range f.r.holdings.others(f.l.replica) {
		hb.Rows = append(hb.Rows, &peerpb.Row{Replica: uint32(row.member), Durable: crdt.AppendVector(nil, row.durable), ConfigVersion: row.config})
	}
	f.out.heartbeat = hb
	return nil
}

// readAcks takes the follower's acknowledgements.
func (f *feed) readAcks() error {
	for {
		var msg peerpb.FromFollower
		if err := f.s.RecvMsg(&msg); err != nil {
			return err
		}
		if err := f.ack(msg.GetAck()); err != nil {
			return err
		}
	}
}

func (f *feed) ack(a *peerpb.Ack) error {
	if a == nil {
		return fmt.Errorf("%w: no acknowledgement", errFrame)
	}
	durable, err := checkVector(a.GetDurable())
	if err != nil {
		return err
	}
	if taken := a.GetTaken(); taken > f.sentBytes.Load() {
		return fmt.Errorf("%w: %d bytes taken of %d", errFrame, taken, f.sentBytes.Load())
	} else if taken > f.taken.Load() {
		f.taken.Store(taken)
		signal(f.wake)
	}
	f.heard.Store(f.r.opts.Mono())
	f.echo.Store(a.GetClockMs())
	f.plain.Store(a.GetPlain())
	f.r.heardVersion(f.l.replica, a.GetConfigVersion())
	return f.l.acknowledged(durable, a.GetConfigVersion())
}

// acknowledged notes what the replica holds on disk.
func (l *link) acknowledged(durable crdt.VersionVector, config uint64) error {
	own := l.r.opts.Log.DurableOwn()
	switch held := durable.Get(l.r.opts.Self); {
	case held > own:
		return l.r.lostLog(l.replica, refuse(peerpb.Refusal_REWOUND, "replica %d acknowledges ops of replica %d up to %v, whose log ends at %v",
			l.replica, l.r.opts.Self, held, own))
	case held == own:
		l.caughtUp.Store(l.r.opts.Wall())
	}
	if l.r.holdings.raise(l.replica, durable, config) {
		l.r.acked()
	}
	return nil
}

// publishHead is what a message in a publishQueue counts besides its bytes, of which an
// empty message to an empty channel has none.
const publishHead = 64

// publishQueue holds the PUBLISH messages of one feed, up to max bytes.
type publishQueue struct {
	max int
	mu  struct {
		sync.Mutex
		waiting [][]byte
		bytes   int
	}
}

// put adds an encoded message. False: there is no room, it is dropped.
func (q *publishQueue) put(data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := publishHead + len(data)
	if q.mu.bytes+size > q.max {
		return false
	}
	q.mu.waiting = append(q.mu.waiting, data)
	q.mu.bytes += size
	return true
}

// take moves messages to dst, as many as belong into one frame.
func (q *publishQueue) take(dst [][]byte) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.mu.waiting) && (n == 0 || size+publishHead+len(q.mu.waiting[n]) <= messageBytes) {
		size += publishHead + len(q.mu.waiting[n])
		n++
	}
	dst = append(dst, q.mu.waiting[:n]...)
	clear(q.mu.waiting[:n])
	q.mu.waiting = q.mu.waiting[n:]
	if q.mu.bytes -= size; len(q.mu.waiting) == 0 {
		q.mu.waiting = nil
	}
	return dst
}
