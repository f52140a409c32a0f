package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// liar is a source that shakes hands properly and then says what it likes.
type liar struct {
	peerpb.UnimplementedReplicationServer
	identity func(*peerpb.Identity)
	welcome  func(*peerpb.Welcome)
	says     []any         // *peerpb.FromSource or *outFrame
	relays   []any         // the same, to who fetches
	images   []any         // the same, to who wants the state
	pause    time.Duration // between two of images
	greeted  atomic.Int64
	shown    atomic.Int64 // of images
}

func (a *liar) Follow(s outStream) error {
	msg, err := s.Recv()
	if err != nil {
		return err
	}
	a.greeted.Add(1)
	id := msg.GetHello().GetIdentity()
	w := &peerpb.Welcome{Identity: &peerpb.Identity{
		Protocol: protocolVersion, BlockFormat: oplog.BlockVersion, Database: id.GetDatabase(),
		Replica: id.GetTo(), Region: regionOf(crdt.ReplicaID(id.GetTo())), To: id.GetReplica(),
	}}
	if a.identity != nil {
		a.identity(w.Identity)
	}
	if a.welcome != nil {
		a.welcome(w)
	}
	if err := s.Send(&peerpb.FromSource{Welcome: w}); err != nil {
		return err
	}
	for _, m := range a.says {
		if err := s.SendMsg(m); err != nil {
			return err
		}
	}
	<-s.Context().Done()
	return s.Context().Err()
}

// replace puts the liar at the place of a node.
func (c *cluster) replace(n *clusterNode, a *liar) {
	n.server.Close()
	<-n.served
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec{}))
	peerpb.RegisterReplicationServer(server, a)
	listener := c.listen(n)
	done := make(chan struct{})
	go func() { server.Serve(listener); close(done) }()
	n.liar = func() { server.Stop(); <-done }
	c.t.Cleanup(n.liar)
	n.served = make(chan error, 1)
	n.served <- nil
}

// blockOf returns a block as a log of replica r makes it.
func blockOf(t testing.TB, r crdt.ReplicaID, ops ...string) *oplog.Block {
	t.Helper()
	log := openLog(t, vfs.NewMem(), "db", r, func() int64 { return time.Now().UnixMilli() })
	for _, op := range ops {
		log.Append([]byte(op))
	}
	syncLog(t, log)
	blocks, err := log.Read(r, 0, 1<<30)
	if err != nil || len(blocks) == 0 {
		t.Fatal(blocks, err)
	}
	return blocks[0]
}

func bomb(t testing.TB, size int) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(make([]byte, size), nil)
}

// TestBadPeerStopsOneLink attacks P1: whatever 1 says, 3 stops following it,
// with an alarm and without trying hot, and goes on with 2.
func TestBadPeerStopsOneLink(t *testing.T) {
	good := blockOf(t, 1, "+x").Bytes()
	damaged := append([]byte(nil), good...)
	damaged[len(damaged)-6] ^= 1
	version := append([]byte(nil), good...)
	version[2]++
	piecesOf := func(p ...piece) []any { return []any{&outFrame{pieces: p}} }
	dup := func(p piece) []any { return append(piecesOf(p), piecesOf(p)...) }
	for _, row := range []struct {
		name, want string
		liar       *liar
	}{
		{"damaged block", "checksum", &liar{says: piecesOf(piece{data: damaged})}},
		{"block format", "version", &liar{says: piecesOf(piece{data: version})}},
		{"no block", "block", &liar{says: piecesOf(piece{data: []byte("hello")})}},
		{"empty piece", "piece", &liar{says: piecesOf(piece{})}},
		{"other origin", "another replica", &liar{says: piecesOf(piece{data: blockOf(t, 2, "+x").Bytes()})}},
		{"gap", "does not follow", &liar{says: []any{&outFrame{pieces: []piece{{data: tamper(good, 26, 5)}}}}}},
		{"repeated", "", &liar{says: dup(piece{data: good})}},
		{"bomb", "size", &liar{says: piecesOf(piece{data: bomb(t, 64<<20), rawSize: maxPiece})}},
		{"wrong size", "announced", &liar{says: piecesOf(piece{data: bomb(t, 1000), rawSize: 999})}},
		{"no zstd", "piece", &liar{says: piecesOf(piece{data: []byte("xyz"), rawSize: 999})}},
		{"endless block", "block of more than", &liar{says: endless(t)}},
		{"large message", "larger than max", &liar{says: piecesOf(piece{data: make([]byte, maxMessage+1)})}},
		{"bad heartbeat", "vector", &liar{says: []any{&peerpb.FromSource{Heartbeat: &peerpb.Heartbeat{Durable: []byte{9}}}}}},
		{"other database", "belongs to database", &liar{identity: func(i *peerpb.Identity) { i.Database = "other" }}},
		{"other protocol", "protocol version 99", &liar{identity: func(i *peerpb.Identity) { i.Protocol = 99 }}},
		{"other format", "block format 99", &liar{identity: func(i *peerpb.Identity) { i.BlockFormat = 99 }}},
		{"other region", "should be in region", &liar{identity: func(i *peerpb.Identity) { i.Region = "moon" }}},
		{"other replica", "should be", &liar{identity: func(i *peerpb.Identity) { i.Replica, i.Region = 2, regionOf(2) }}},
		{"rewound", "has lost log", &liar{welcome: func(w *peerpb.Welcome) { w.Yours = &peerpb.Tip{Time: 1 << 62} }}},
		{"no welcome", "welcome", &liar{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			checkGoroutines(t)
			c := newCluster(t, false)
			one, two, three := c.add(1), c.add(2), c.add(3, func(o *Options) {
				o.Limits.BlockBytes = 8 << 20
			})
			if row.name == "no welcome" {
				row.liar.says = nil
			}
			c.replace(one, row.liar)
			two.r.SetMembers(c.members())
			three.r.SetMembers(c.members())
			if row.name == "no welcome" {
				return
			}
			if row.want == "" { // what 1 says is in no log that converge looks at
				for _, n := range []*clusterNode{two, three} {
					eventually(t, "the block arrives once", func() bool { return n.linkTo(1).In.Ops == 1 })
				}
				two.toy.write("add", "fine")
				c.converge(2, 3)
				return
			}
			two.toy.write("add", "fine")
			c.converge(2, 3)
			eventually(t, "the error shows", func() bool { return strings.Contains(three.linkTo(1).In.LastError, row.want) })
			if l := three.linkTo(1).In; !l.Alarm {
				t.Errorf("alarm: %+v", l)
			}
			two.toy.write("add", "still fine")
			c.converge(2, 3)
			if n := row.liar.greeted.Load(); three.linkTo(1).In.Alarm && n > 4 { // 2 and 3, once each, and once more after SetMembers
				t.Errorf("P1: tried %d times", n)
			}
		})
	}
}

// tamper changes a byte of a block and makes the checksum right again.
func tamper(block []byte, at int, add byte) []byte {
	b := append([]byte(nil), block...)
	b[at+7] += add
	end := len(b) - 4
	binary.BigEndian.PutUint32(b[end:], crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func endless(t testing.TB) []any {
	var says []any
	head := append([]byte{'c', 'B', oplog.BlockVersion, 0, 0x3f, 0, 0, 0}, make([]byte, maxPiece-8)...)
	for range 12 {
		says = append(says, &outFrame{pieces: []piece{{data: head, more: true}}})
	}
	return says
}

// TestBadFollowerIsRefused: what a follower may not say, and that the source
// lives on.
func TestBadFollowerIsRefused(t *testing.T) {
	c := newCluster(t, false)
	one, _ := c.add(1), c.add(2)
	c.join()
	one.toy.write("add", "x")
	c.converge()
	conn, err := grpc.NewClient("passthrough:///"+one.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})),
		grpc.WithContextDialer(func(ctx context.Context, a string) (net.Conn, error) { return c.dial(ctx, a) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := func(change func(*peerpb.Hello)) *peerpb.Hello {
		h := &peerpb.Hello{Identity: &peerpb.Identity{
			Protocol: protocolVersion, BlockFormat: oplog.BlockVersion, Database: "db", Replica: 2, Region: regionOf(2), To: 1}}
		change(h)
		return h
	}
	vector := func(r crdt.ReplicaID, at crdt.Timestamp) []byte {
		return crdt.AppendVector(nil, crdt.VersionVector{{Replica: r, Time: at}})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, row := range []struct {
		name string
		h    *peerpb.Hello
		want Reason
	}{
		{"protocol", hello(func(h *peerpb.Hello) { h.Identity.Protocol = 99 }), peerpb.Refusal_PROTOCOL},
		{"format", hello(func(h *peerpb.Hello) { h.Identity.BlockFormat = 2 }), peerpb.Refusal_FORMAT},
		{"database", hello(func(h *peerpb.Hello) { h.Identity.Database = "other" }), peerpb.Refusal_DATABASE},
		{"member", hello(func(h *peerpb.Hello) { h.Identity.Replica = 3 }), peerpb.Refusal_MEMBER},
		{"itself", hello(func(h *peerpb.Hello) { h.Identity.Replica = 1 }), peerpb.Refusal_MEMBER},
		{"large ID", hello(func(h *peerpb.Hello) { h.Identity.Replica = 1<<16 + 2 }), peerpb.Refusal_MEMBER},
		{"addressee", hello(func(h *peerpb.Hello) { h.Identity.To = 7 }), peerpb.Refusal_ADDRESSEE},
		{"region", hello(func(h *peerpb.Hello) { h.Identity.Region = "moon" }), peerpb.Refusal_REGION},
		{"tip beyond", hello(func(h *peerpb.Hello) { h.Yours = &peerpb.Tip{Time: 1 << 62} }), peerpb.Refusal_REWOUND},
		{"tip forked", hello(func(h *peerpb.Hello) { h.Yours = &peerpb.Tip{Time: uint64(one.log.DurableOwn()), Hash: 1} }), peerpb.Refusal_FORKED},
		{"vector beyond", hello(func(h *peerpb.Hello) { h.Vector = vector(1, 1<<62) }), peerpb.Refusal_REWOUND},
		{"ack beyond", hello(func(h *peerpb.Hello) { h.Durable = vector(1, 1<<62) }), peerpb.Refusal_REWOUND},
		{"no identity", &peerpb.Hello{}, peerpb.Refusal_DATABASE},
		{"vector malformed", hello(func(h *peerpb.Hello) { h.Vector = []byte{200} }), peerpb.Refusal_UNKNOWN},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := peerpb.NewReplicationClient(conn).Follow(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(&peerpb.FromFollower{Hello: row.h}); err != nil {
				t.Fatal(err)
			}
			_, err = s.Recv()
			var r *Refusal
			if errors.As(fromStatus(err), &r) && r.Reason == row.want {
				return
			}
			if err == nil || row.want != peerpb.Refusal_UNKNOWN {
				t.Fatalf("got %v, want %v", err, row.want)
			}
		})
	}
	one.toy.write("add", "y")
	c.converge()
}

var underRace bool

// TestStalledFollower attacks B1: a follower that takes nothing costs its
// source no memory and no time, and gets everything in the end.
func TestStalledFollower(t *testing.T) {
	c := newCluster(t, true)
	one := c.add(1)
	two := c.add(2, func(o *Options) { o.Limits.HoldBlocks, o.Limits.HoldBytes = 64, 1<<20 })
	one.close() // its log goes to a real disk, so that memory shows what peer keeps
	one.fs, one.dir = vfs.Default, t.TempDir()
	one.tune = func(o *Options) { o.Limits.WindowBytes = 2 << 20 }
	one.logTune = func(o *oplog.Options) { o.CacheBytes = 1 << 20 }
	one.open()
	c.join()
	c.connected()
	gate := make(chan struct{})
	two.toy.mu.Lock()
	two.toy.blocked = gate
	two.toy.mu.Unlock()
	warm, more := 384, 768
	if underRace {
		warm, more = 64, 64
	}
	one.fill(warm) // windows, budgets, pools and Pebble's caches
	eventually(t, "the window is full", func() bool { return one.linkTo(2).Out.InFlight > 0 && two.linkTo(1).In.HeldBytes > 0 })
	before := heap()
	one.fill(more)
	if grown := heap() - before; grown > 24<<20 && !underRace {
		t.Errorf("B1: 48 MiB that nobody takes cost %d MiB of memory", grown>>20)
	}
	if l := one.linkTo(2).Out; l.InFlight > 4<<20 || l.Lag.Bytes < uint64(more)<<16 || l.Lag.Ops < uint64(more) {
		t.Errorf("%+v", l)
	}
	if l := two.linkTo(1).In; l.HeldBytes > 2<<20 {
		t.Errorf("B1: %+v", l)
	}
	close(gate)
	want := one.log.Issued()
	eventually(t, "the rest arrives", func() bool { return two.toy.vector().Covers(want) })
}

// fill writes n ops of 64 KiB to the log, but for the state.
func (n *clusterNode) fill(ops int) {
	ballast := "#" + strings.Repeat(fmt.Sprintf("%x", mix(1)), 4096)
	for i := range ops {
		n.log.Append([]byte("+x" + ballast))
		if i%16 == 15 {
			syncLog(n.c.t, n.log)
		}
	}
}

// heap returns the bytes in use after a collection.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestPoisonedBlock attacks P1: what cannot be applied stops its replica only.
func TestPoisonedBlock(t *testing.T) {
	c := newCluster(t, false)
	one, two, three := c.add(1), c.add(2), c.add(3)
	three.toy.fail = func(b *oplog.Block) error {
		if b.Replica == 1 {
			return errToy
		}
		return nil
	}
	c.join()
	c.connected()
	one.toy.write("add", "bad")
	eventually(t, "an alarm", func() bool { return three.linkTo(1).In.Alarm })
	three.toy.write("add", "here")
	eventually(t, "3 is still heard", func() bool { return one.toy.vector().Covers(three.log.Issued()) })
	_ = two
}

// oneAhead makes two replicas, of which the wall clock of 1 is an hour ahead until
// pass: then the hour has passed for 2.
func oneAhead(c *cluster, tune func(*Options)) (one, two *clusterNode, pass func()) {
	var passed atomic.Int64
	one = c.add(1)
	one.logTune = func(o *oplog.Options) {
		wall := o.Wall
		o.Wall = func() int64 { return wall() + time.Hour.Milliseconds() }
	}
	one.restart()
	two = c.add(2, tune)
	two.logTune = func(o *oplog.Options) {
		wall := o.Wall
		o.Wall = func() int64 { return wall() + passed.Load() }
	}
	two.restart()
	return one, two, func() { passed.Store(time.Hour.Milliseconds()) }
}

// TestFutureIsHeld attacks H1 over gRPC: an alarm while blocks wait for time,
// and nothing is lost.
func TestFutureIsHeld(t *testing.T) {
	c := newCluster(t, false)
	one, two, pass := oneAhead(c, func(*Options) {})
	c.join()
	c.connected()
	one.toy.write("add", "early")
	eventually(t, "an alarm", func() bool { l := two.linkTo(1).In; return l.HeldByClock && l.HeldBlocks == 1 })
	if two.toy.vector().Covers(one.log.Issued()) {
		t.Fatal("H1: applied too early")
	}
	pass()
	c.converge()
	eventually(t, "no alarm", func() bool { l := two.linkTo(1).In; return !l.HeldByClock && l.HeldBlocks == 0 })
}

// TestRewindIsRefused attacks D2 over gRPC: a replica that lost its log.
func TestRewindIsRefused(t *testing.T) {
	c := newCluster(t, false)
	one, two := c.add(1), c.add(2)
	c.join()
	one.toy.write("add", "lost")
	c.converge()
	one.close()
	one.fs = vfs.NewCrashableMem()
	one.open()
	one.r.SetMembers(c.members())
	eventually(t, "both refuse", func() bool {
		a, b := one.linkTo(2).In, two.linkTo(1).In
		return a.Alarm && b.Alarm && strings.Contains(a.LastError, "lost log") && strings.Contains(b.LastError, "lost log")
	})
	one.toy.write("add", "other")
	if two.toy.vector().Covers(one.log.Issued()) {
		t.Fatal("D2: a forked log was accepted")
	}
}
