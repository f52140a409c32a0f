package peer

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	grpcbackoff "google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// inStream is a stream this instance follows. One goroutine, the link's, reads
// it; a second takes the blocks that the reader has no room for; a third writes
// the acknowledgements.
type inStream struct {
	l    *link
	ctx  context.Context
	fail context.CancelCauseFunc // ends the stream for that reason
	conn *grpc.ClientConn
	s    grpc.BidiStreamingClient[peerpb.FromFollower, peerpb.FromSource]

	intake   intake
	unpack   unpacker      // of who takes pieces: the reader while the intake is idle
	taken    atomic.Uint64 // bytes of pieces
	messages atomic.Uint64
	bytes    atomic.Uint64 // that have come on the connection
	reading  atomic.Bool   // waiting for the peer, not for anything here
	heard    atomic.Int64  // Mono at the last heartbeat
}

// Windows of gRPC's flow control on a connection that is followed. They bound
// what lies around unread here when a link is not read (B1).
const (
	streamWindow = 4 << 20
	connWindow   = 8 << 20
)

// connect makes a connection for one attempt; it dials when it is used. came counts
// the bytes that come.
func (r *Replicator) connect(addr string, came *atomic.Uint64) (*grpc.ClientConn, error) {
	creds := r.opts.Credentials
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	return grpc.NewClient("passthrough:///"+addr,
		grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := r.opts.Dial(ctx, addr)
			if err != nil {
				return nil, err
			}
			return &countedConn{conn, came}, nil
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           grpcbackoff.Config{BaseDelay: r.opts.Timing.RetryMax, MaxDelay: r.opts.Timing.RetryMax},
			MinConnectTimeout: r.opts.Timing.Handshake,
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 15 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithMaxHeaderListSize(16<<10),
		grpc.WithSharedWriteBuffer(true),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy())
}

// countedConn counts the bytes that it reads.
type countedConn struct {
	net.Conn
	came *atomic.Uint64
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.came.Add(uint64(n))
	return n, err
}

// follow opens the stream, shakes hands and reads until the stream ends.
func (l *link) follow(ctx context.Context, fail context.CancelCauseFunc, m Member) error {
	s := &inStream{l: l, ctx: ctx, fail: fail}
	conn, err := l.r.connect(m.Addr, &s.bytes)
	if err != nil {
		return err
	}
	defer conn.Close()
	s.conn = conn
	s.unpack, s.intake = l.r.blocks(), newIntake(l.r.opts.Limits.WindowBytes)
	timeout := time.AfterFunc(l.r.opts.Timing.Handshake, func() { fail(errHandshake) })
	defer timeout.Stop()
	if s.s, err = peerpb.NewReplicationClient(conn).Follow(ctx); err != nil {
		return err
	}
	if err := s.shakeHands(m); err != nil {
		return err
	}
	timeout.Stop()
	l.up(s)
	defer l.down()
	var others sync.WaitGroup // they end with ctx
	others.Go(s.acknowledge)
	others.Go(func() { fail(s.takeRest()) })
	err = s.read()
	fail(err)
	others.Wait()
	return err
}

// shakeHands says hello and judges the answer.
func (s *inStream) shakeHands(m Member) error {
	hello, err := s.l.hello()
	if err != nil {
		return err
	}
	if err := s.s.Send(&peerpb.FromFollower{Hello: hello}); err != nil && err != io.EOF {
		return err
	}
	msg, err := s.s.Recv() // tells the status if Send met io.EOF
	if err != nil {
		return err
	}
	return s.l.judge(m, msg.GetWelcome())
}

// hello says who this is and what it holds.
func (l *link) hello() (*peerpb.Hello, error) {
	p, log := &l.r.party, l.r.opts.Log
	held, err := p.tipHeld(l.replica)
	if err != nil {
		return nil, err
	}
	mine, err := p.tipHeld(p.self)
	if err != nil {
		return nil, err
	}
	from := log.Received()
	from.Raise(crdt.Dot{Time: crdt.Timestamp(l.tail.Load()), Replica: l.replica})
	durable := crdt.AppendVector(nil, log.Durable()) // before the identity and its configuration, see holdings
	return &peerpb.Hello{
		Identity: l.r.identity(l.replica),
		Vector:   crdt.AppendVector(nil, from),
		Durable:  durable,
		Yours:    held.wire(),
		Mine:     mine.wire(),
	}, nil
}

// judge says whether this source may be followed.
func (l *link) judge(m Member, w *peerpb.Welcome) error {
	if w == nil {
		return fmt.Errorf("%w: no welcome", errFrame)
	}
	if _, err := l.r.party.checkIdentity(w.GetIdentity(), l.r.member); err != nil {
		return fmt.Errorf("%w: %w", errStranger, err)
	}
	if id := w.GetIdentity().GetReplica(); id != uint32(l.replica) {
		return refuse(peerpb.Refusal_ADDRESSEE, "replica %d answered at %s, where replica %d should be", id, m.Addr, l.replica)
	}
	if err := l.r.lostLog(l.replica, l.r.party.checkTip(l.replica, tipOf(w.GetYours()))); err != nil {
		return err
	}
	raise(&l.known, w.GetMine().GetTime())
	l.setRemote(remote{config: w.GetIdentity().GetConfigVersion(), run: w.GetIdentity().GetRun()})
	l.answeredRun(w.GetIdentity().GetRun())
	l.r.heardVersion(l.replica, w.GetIdentity().GetConfigVersion())
	return nil
}

func (l *link) setRemote(rm remote) {
	l.mu.Lock()
	l.mu.remote = rm
	l.mu.Unlock()
}

// read reads the stream until it ends.
func (s *inStream) read() error {
	var f inFrame
	for {
		s.reading.Store(true)
		err := s.s.RecvMsg(&f)
		s.reading.Store(false)
		if err != nil {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if s.messages.Add(1) == 3 { // a stream that stays up makes the next failure a new one
			s.l.retry.reset()
			s.l.r.quiet.forget(s.l.replica)
		}
		err = s.frame(&f)
		f.free()
		if err != nil {
			return err
		}
	}
}

// frame handles one message.
func (s *inStream) frame(f *inFrame) error {
	if err := f.parse(); err != nil {
		return err
	}
	s.l.in.wire.Add(uint64(f.buf.Len()))
	for _, p := range f.pieces {
		if err := s.piece(p); err != nil {
			return err
		}
	}
	for _, p := range f.publishes {
		if err := s.l.deliver(p); err != nil {
			return err
		}
	}
	if f.heartbeat != nil {
		return s.heartbeat(f.heartbeat)
	}
	return nil
}

// ackEvery is the number of bytes taken after which the sender is told, so
// that it can go on.
const ackEvery = 1 << 20

// tookPiece counts a piece as taken.
func (s *inStream) tookPiece(size int) {
	if n := s.taken.Add(uint64(size)); n%ackEvery < uint64(size) {
		signal(s.l.ackNow)
	}
}

// decode makes a block of what came.
func (s *inStream) decode(data []byte) (*oplog.Block, error) {
	b, err := oplog.DecodeBlock(data)
	if err != nil {
		return nil, err
	}
	if b.Replica != s.l.replica {
		return nil, fmt.Errorf("%w: %d on the stream of %d", errOrigin, b.Replica, s.l.replica)
	}
	raise(&s.l.known, uint64(b.Last))
	return b, nil
}

// pass hands a block to the pump, with the room it has taken.
func (s *inStream) pass(b *oplog.Block) error {
	n := uint64(len(b.Bytes()))
	s.l.in.blocks.Add(1)
	s.l.in.raw.Add(n)
	h := held{b, &s.l.room}
	if !s.l.r.post(s.ctx, event{block: h, stream: s}) {
		h.giveRoom()
		return context.Cause(s.ctx)
	}
	return nil
}

// deliver hands on a PUBLISH.
func (l *link) deliver(data []byte) error {
	var p peerpb.Publish
	if err := proto.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("%w: publish: %w", errFrame, err)
	}
	l.in.publishes.Add(1)
	l.r.opts.Deliver(p.GetChannel(), p.GetPayload())
	return nil
}

// heartbeat notes what the source says of itself and of others.
func (s *inStream) heartbeat(data []byte) error {
	var hb peerpb.Heartbeat
	if err := proto.Unmarshal(data, &hb); err != nil {
		return fmt.Errorf("%w: heartbeat: %w", errFrame, err)
	}
	l, now := s.l, s.l.r.opts.Wall()
	durable, err := checkVector(hb.GetDurable())
	if err != nil {
		return err
	}
	if hb.GetEchoMs() != 0 {
		l.offset.add(hb.GetEchoMs(), now, hb.GetClockMs(), hb.GetEchoHeldMs())
	}
	s.heard.Store(l.r.opts.Mono())
	progress := l.r.holdings.raise(l.replica, durable, hb.GetConfigVersion())
	for _, row := range hb.GetRows() {
		vv, err := checkVector(row.GetDurable())
		if err != nil {
			return err
		}
		if row.GetReplica() <= 1<<16-1 && l.r.holdings.raise(crdt.ReplicaID(row.GetReplica()), vv, row.GetConfigVersion()) {
			progress = true
		}
	}
	if progress {
		l.r.acked()
	}
	l.mu.Lock()
	l.r.backlog(&l.r.rush, l.mu.remote.waitingBytes, hb.GetWaitingBytes())
	l.mu.remote.waitingOps, l.mu.remote.waitingBytes = hb.GetWaitingOps(), hb.GetWaitingBytes()
	if v := hb.GetConfigVersion(); v != 0 {
		l.mu.remote.config = v
	}
	l.mu.remote.remains = hb.GetRemains()
	l.mu.remote.beats++
	l.mu.Unlock()
	l.r.heardVersion(l.replica, hb.GetConfigVersion())
	raise(&l.known, uint64(durable.Get(l.replica)))
	if l.applied.Load() >= l.known.Load() {
		l.current.Store(now)
	}
	if len(durable) > 0 {
		l.r.post(s.ctx, event{learn: durable})
	}
	return nil
}
