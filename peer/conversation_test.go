package peer

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc/mem"

	"crdb/crdt"
	"crdb/oplog"
)

// TestConversations runs the files in testdata/conversations: replicas that talk over an
// in-memory network, one message at a time. Everything but gRPC is real: log,
// gate, handshake, frames, fetches.
//
//	add-replica N [wall=MS]         a new replica, member of all
//	exec N add|rem|count ARG        a local write, made durable
//	deliver A->B [drop|dup|corrupt] the next message from A to B; the first is the handshake
//	ack A->B                        B's acknowledgement to A
//	partition A B, heal A B         cut, join
//	tick [N]                        periods of the gate pass at all replicas, or one; fetches run
//	clock N +MS|-MS                 moves one replica's wall clock
//	crash N, restart N              lose memory; come back from the disk
//	rollback N                      the disk falls back to the copy taken by snapshot N
//	snapshot N                      copies the disk of N
//	stabilize                       deliver, tick and acknowledge until nothing changes
//	log N, context N, held N, stable N, fingerprint
func TestConversations(t *testing.T) {
	datadriven.Walk(t, "testdata/conversations", func(t *testing.T, path string) {
		w := newWorld(t)
		defer w.close()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w.out.Reset()
			h, ok := handlers[d.Cmd]
			if !ok {
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			h(w, d)
			w.problems()
			if w.out.Len() == 0 {
				return "ok\n"
			}
			return w.out.String()
		})
	})
}

type pair struct{ from, to crdt.ReplicaID }

// world is the replicas and the network between them.
type world struct {
	t     *testing.T
	out   strings.Builder
	order []crdt.ReplicaID
	nodes map[crdt.ReplicaID]*puppet
	pipes map[pair]*pipe
	cut   map[pair]bool
}

func newWorld(t *testing.T) *world {
	return &world{t: t, nodes: map[crdt.ReplicaID]*puppet{}, pipes: map[pair]*pipe{}, cut: map[pair]bool{}}
}

// puppet is a replica whose goroutines are the test's.
type puppet struct {
	id      crdt.ReplicaID
	fs      *vfs.MemFS
	saved   *vfs.MemFS
	wall    int64 // atomic: the log reads it, too
	crashed bool
	log     *oplog.Log
	toy     *toy
	r       *Replicator
	pump    *pump
}

// now is the puppet's wall clock.
func (p *puppet) now() int64 { return atomic.LoadInt64(&p.wall) }

// pipe is a stream that is up.
type pipe struct {
	feed *feed
	in   *inStream
	ack  ackState
}

var handlers = map[string]func(*world, *datadriven.TestData){
	"add-replica": (*world).addReplica,
	"exec":        (*world).exec,
	"deliver":     (*world).deliver,
	"ack":         (*world).ack,
	"partition":   func(w *world, d *datadriven.TestData) { w.partition(d, true) },
	"heal":        func(w *world, d *datadriven.TestData) { w.partition(d, false) },
	"tick":        (*world).tick,
	"clock":       (*world).clock,
	"crash":       func(w *world, d *datadriven.TestData) { w.crash(w.node(d, 0)) },
	"restart":     func(w *world, d *datadriven.TestData) { w.restart(w.node(d, 0)) },
	"snapshot":    (*world).snapshot,
	"rollback":    (*world).rollback,
	"stabilize":   (*world).stabilize,
	"log":         (*world).showLog,
	"context":     func(w *world, d *datadriven.TestData) { w.printf("%v", w.node(d, 0).toy.vector()) },
	"held":        (*world).held,
	"stable":      func(w *world, d *datadriven.TestData) { w.printf("%v", w.node(d, 0).r.Stable()) },
	"fingerprint": (*world).fingerprint,
}

func (w *world) printf(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

func arg(d *datadriven.TestData, i int) string {
	if i < len(d.CmdArgs) {
		return d.CmdArgs[i].Key
	}
	return ""
}

func parseID(s string) crdt.ReplicaID {
	n, _ := strconv.Atoi(s)
	return crdt.ReplicaID(n)
}

func (w *world) node(d *datadriven.TestData, i int) *puppet {
	p := w.nodes[parseID(arg(d, i))]
	if p == nil {
		d.Fatalf(w.t, "no replica %q", arg(d, i))
	}
	return p
}

func (w *world) members() []Member {
	var m []Member
	for _, id := range w.order {
		m = append(m, Member{id, regionOf(id), "nowhere"})
	}
	return m
}

func (w *world) addReplica(d *datadriven.TestData) {
	p := &puppet{id: parseID(arg(d, 0)), fs: vfs.NewCrashableMem(), wall: 1000}
	if a, ok := d.Arg("wall"); ok {
		wall, _ := strconv.ParseInt(a.Vals[0], 10, 64)
		atomic.StoreInt64(&p.wall, wall)
	}
	w.add(p)
}

func (w *world) add(p *puppet) {
	w.order = append(w.order, p.id)
	w.nodes[p.id] = p
	w.open(p)
	for _, q := range w.nodes {
		if !q.crashed {
			q.r.SetMembers(w.members())
		}
	}
}

func (w *world) open(p *puppet) {
	log, err := oplog.Open(logOptions(p.fs, "db", p.id, p.now))
	if err != nil {
		w.t.Fatal(err)
	}
	p.log = log
	if p.toy, err = openToy(log, p.id); err != nil {
		w.t.Fatal(err)
	}
	p.r, err = newReplicator(Options{
		Database: "db", Self: p.id, Region: regionOf(p.id), Log: log, Apply: p.toy,
		Wall: p.now, Mono: mono,
		Dial: func(context.Context, string) (net.Conn, error) { return nil, fmt.Errorf("no network") },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	p.pump = newPump(p.r)
	p.pump.fetch = func(want want) { w.fetch(p, want) }
	p.r.SetMembers(w.members())
}

func (w *world) exec(d *datadriven.TestData) {
	p := w.node(d, 0)
	if err := p.log.Admit(atomic.AddInt64(&p.wall, 1)); err != nil {
		w.printf("refused: %v", strings.SplitN(err.Error(), ":", 3)[1])
		return
	}
	dot := p.toy.write(arg(d, 1), arg(d, 2))
	syncLog(w.t, p.log)
	w.printf("%v", dot)
}

func (w *world) pairOf(d *datadriven.TestData) pair {
	a, b, _ := strings.Cut(arg(d, 0), "->")
	return pair{parseID(a), parseID(b)}
}

func (w *world) deliver(d *datadriven.TestData) {
	if !w.step(w.pairOf(d), arg(d, 1)) {
		w.printf("nothing")
	}
}

// step moves the next message over a link; false if there is none.
func (w *world) step(at pair, how string) bool {
	from, to := w.nodes[at.from], w.nodes[at.to]
	if from.crashed || to.crashed || w.cut[at] {
		return false
	}
	p := w.pipes[at]
	if p == nil {
		return w.connect(at)
	}
	p.feed.out.reset()
	if err := p.feed.addBlocks(); err != nil {
		w.stop(at, err)
		return true
	}
	if len(p.feed.out.pieces) == 0 {
		return false
	}
	data, err := codec{}.Marshal(&p.feed.out)
	if err != nil {
		w.t.Fatal(err)
	}
	msg := data.Materialize()
	switch how {
	case "drop":
		w.printf("%d->%d lost, link reset", at.from, at.to)
		w.hangUp(at)
	case "corrupt":
		w.receive(at, p, damaged(msg))
	case "dup":
		w.receive(at, p, msg)
		taken := p.in.taken.Load()
		w.receive(at, p, msg)
		p.in.taken.Store(taken) // no stream repeats bytes; only the gate is asked here
	default:
		w.receive(at, p, msg)
	}
	return true
}

// damaged returns a message with a damaged block in it, as one that was damaged
// before it was sent.
func damaged(msg []byte) []byte {
	body := msg[:len(msg)-checksumSize]
	body[len(body)-3] ^= 0x40
	data := sealMessage(mem.BufferSlice{mem.SliceBuffer(body)})
	return data.Materialize()
}

// connect shakes hands.
func (w *world) connect(at pair) bool {
	from, to := w.nodes[at.from], w.nodes[at.to]
	l := to.r.link(at.from)
	hello, err := l.hello()
	if err != nil {
		w.t.Fatal(err)
	}
	source, start, welcome, err := from.r.greet(hello)
	if err == nil {
		err = l.judge(Member{at.from, regionOf(at.from), "nowhere"}, welcome)
	}
	if err != nil {
		w.printf("%d->%d refused: %v", at.from, at.to, reasonOf(err))
		w.cut[at] = true // an alarm: not tried again by itself
		return true
	}
	w.printf("%d->%d follows after %v", at.from, at.to, start)
	f := &feed{l: source, r: from.r, wake: make(chan struct{}, 1)}
	f.sent.Store(uint64(start))
	in := &inStream{l: l, unpack: unpacker{dec: to.r.dec, maxBlock: 1 << 20, sizeOf: oplog.SizeOfBlock}}
	in.ctx, in.fail = context.WithCancelCause(context.Background())
	w.pipes[at] = &pipe{feed: f, in: in}
	w.give(to, event{link: at.from, up: true})
	return true
}

func reasonOf(err error) any {
	if r, ok := err.(*Refusal); ok {
		return r.Reason
	}
	return err
}

// give hands an event to a replica's pump and lets it run.
func (w *world) give(p *puppet, e event) {
	p.pump.step(e)
	w.pumpOn(p)
}

// pumpOn lets the pump take what is waiting and says what became visible.
func (w *world) pumpOn(p *puppet) {
	before := p.toy.vector()
	for again := true; again; again = len(p.r.events) > 0 {
		p.pump.drain()
		p.pump.flush()
	}
	syncLog(w.t, p.log)
	after := p.toy.vector()
	for _, e := range after {
		if e.Replica != p.id && e.Time > before.Get(e.Replica) {
			w.printf("  %d applied up to %v@%d", p.id, e.Time, e.Replica)
		}
	}
}

func (w *world) receive(at pair, p *pipe, msg []byte) {
	to := w.nodes[at.to]
	f := inFrame{buf: mem.SliceBuffer(msg)}
	err := p.in.frame(&f)
	if err == nil {
		w.printf("%d->%d %d block(s)", at.from, at.to, len(f.pieces))
		w.pumpOn(to)
		err = context.Cause(p.in.ctx)
	}
	if err != nil {
		w.stop(at, err)
	}
}

// stop ends a link as an error does.
func (w *world) stop(at pair, err error) {
	kind := "down"
	if needsPerson(err) {
		kind = "stopped"
		w.cut[at] = true
	}
	w.printf("%d->%d %s: %v", at.from, at.to, kind, strings.SplitN(err.Error(), ":", 2)[0])
	w.hangUp(at)
}

func (w *world) hangUp(at pair) {
	if w.pipes[at] == nil {
		return
	}
	delete(w.pipes, at)
	if to := w.nodes[at.to]; !to.crashed {
		w.give(to, event{link: at.from, up: false})
	}
}

func (w *world) ack(d *datadriven.TestData) { w.ackOn(w.pairOf(d), true) }

// ackOn moves an acknowledgement, and a heartbeat in the other direction.
func (w *world) ackOn(at pair, say bool) bool {
	p := w.pipes[at]
	if p == nil {
		return false
	}
	from, to := w.nodes[at.from], w.nodes[at.to]
	before := from.r.holdings.of(at.to)
	if err := p.feed.ack(p.in.makeAck(&p.ack, true)); err != nil {
		w.stop(at, err)
		return true
	}
	p.feed.out.reset()
	if err := p.feed.addHeartbeat(); err != nil {
		w.t.Fatal(err)
	}
	data, err := codec{}.Marshal(&p.feed.out)
	if err != nil {
		w.t.Fatal(err)
	}
	f := inFrame{buf: mem.SliceBuffer(data.Materialize())}
	if err := p.in.frame(&f); err != nil {
		w.stop(at, err)
		return true
	}
	w.pumpOn(to)
	after := from.r.holdings.of(at.to)
	if say {
		w.printf("%d knows that %d holds %v", at.from, at.to, after)
	}
	return !after.Equal(before)
}

// fetch serves a want at once, from the first peer that is connected and has it.
func (w *world) fetch(p *puppet, want want) {
	defer func() { p.r.events <- event{fetched: &want} }()
	for _, id := range w.order {
		q := w.nodes[id]
		if q == p || q.crashed || w.pipes[pair{id, p.id}] == nil || q.log.Durable().Get(want.replica) <= want.after {
			continue
		}
		blocks, err := q.log.Read(want.replica, want.after, p.r.opts.Limits.FetchBytes)
		if err != nil {
			w.printf("  fetch: %v", err)
			continue
		}
		w.printf("  %d fetches %d after %v from %d: %d block(s)", p.id, want.replica, want.after, id, len(blocks))
		for _, b := range blocks {
			p.pump.step(event{block: held{Block: b}})
		}
		return
	}
}
