package sim

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"crdb/command"
	"crdb/control"
	"crdb/control/host"
	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
	"crdb/peer"
	"crdb/resp"
)

// watchedHost is the real host, whose instances are watched.
type watchedHost struct {
	control.Host
	p *program
}

// Open implements control.Host.
func (h *watchedHost) Open(s control.Spec) (control.Instance, error) {
	i := &instance{p: h.p, id: crdt.ReplicaID(s.Replica), end: make(chan struct{}), clients: map[*client]struct{}{}}
	h.p.all.Store(s.GUID, i)
	var err error
	if i.Instance, err = h.Host.Open(s); err != nil {
		i.finish()
		return nil, err
	}
	if s.Name != mainName {
		return i, nil
	}
	i.cloned = i.log.DurableOwn()
	h.p.newest.Store(i)
	h.p.alive(func() { h.p.n.run.register.born(i) })
	i.watch.begin()
	return i, nil
}

// instance is the database on one node from its opening to its closing: the
// real one, watched. It stands between the control plane and the real one, and
// is the server of its clients.
type instance struct {
	control.Instance
	p      *program
	id     crdt.ReplicaID
	log    *oplog.Log
	engine *engine.Engine
	watch  *watcher // nil: it is not of the main database

	session func(resp.Conn) resp.Session
	lastID  atomic.Uint64
	serves  atomic.Bool
	end     chan struct{} // closed when it serves nobody any more

	// use is held for reading by clients that are inside their sessions.
	use     sync.RWMutex
	over    bool                 // guarded by use
	clients map[*client]struct{} // guarded by open
	open    sync.Mutex

	survived atomic.Uint64 // end of the own log at the next opening, if it crashed
	followed atomic.Bool   // there was a next opening
	lossy    atomic.Bool   // what was acknowledged may be lost: the disk was put back, or it was forced out
	members  atomic.Pointer[membership]
	cloned   crdt.Timestamp // where the own log ended at the opening of a copy
}

// membership is what an instance was last told.
type membership struct {
	version int
	ids     map[crdt.ReplicaID]bool
	left    map[crdt.ReplicaID]time.Time // when those left that are no members any more
	out     time.Time                    // when the instance itself heard that it is none
}

// CatchingUp implements control.CatchingUp.
func (i *instance) CatchingUp() string { return i.Instance.(control.CatchingUp).CatchingUp() }

// SetMembers implements control.Instance.
func (i *instance) SetMembers(version int, members []control.Member) {
	m := &membership{version: version, ids: map[crdt.ReplicaID]bool{}, left: map[crdt.ReplicaID]time.Time{}}
	for _, x := range members {
		m.ids[crdt.ReplicaID(x.Replica)] = true
	}
	if before := i.members.Load(); before != nil {
		for id := range before.ids {
			m.left[id] = time.Now()
		}
		for id, at := range before.left {
			m.left[id] = at
		}
	}
	for id := range m.ids {
		delete(m.left, id)
	}
	if m.out = time.Now(); m.left[i.id] != (time.Time{}) {
		m.out = m.left[i.id]
	}
	i.members.Store(m)
	i.Instance.SetMembers(version, members)
}

// Close implements control.Instance.
func (i *instance) Close() error {
	i.finish()
	if i.watch != nil {
		i.watch.close()
	}
	err := i.Instance.Close()
	if err != nil { // its log has failed: what it was writing is parked for good
		i.p.n.run.parked.Store(true)
	}
	return err
}

// finish ends all sessions, as the server of a real instance does before its
// parts are closed.
func (i *instance) finish() {
	i.use.Lock()
	defer i.use.Unlock()
	if i.over {
		return
	}
	i.over = true
	i.open.Lock()
	defer i.open.Unlock()
	for c := range i.clients {
		c.shut()
	}
	clear(i.clients)
	close(i.end)
}

func (i *instance) ended() bool {
	select {
	case <-i.end:
		return true
	case <-i.p.end:
		return true
	default:
		return false
	}
}

// ahead reports whether a state transfer has brought parts of the keyspace
// further than the rest: then no one vector says what is here.
func (i *instance) ahead() bool { return i.engine.Ahead() > 0 || i.CatchingUp() != "" }

// betweenSteps is after how many steps of a checkpoint or a merge, on average, a
// millisecond goes by.
const betweenSteps = 32

// instanceOf returns the newest instance of a database, nil if there was none.
func (p *program) instanceOf(guid string) *instance {
	if i, ok := p.all.Load(guid); ok {
		return i.(*instance)
	}
	return nil
}

// Log implements host.Parts.
func (p *program) Log(_ control.Spec, o *oplog.Options) {
	c := &p.n.run.config
	o.MemTableBytes, o.FlushDelay, o.CacheBytes, o.LargeOp = c.MemTableBytes, c.flushDelay(), c.CacheBytes, c.LargeOp
}

// Engine implements host.Parts.
func (p *program) Engine(s control.Spec, o *engine.Options) {
	i, c := p.instanceOf(s.GUID), &p.n.run.config
	i.log = o.Log
	o.CheckpointBytes, o.ExpiryGrace, o.Sizes = c.CheckpointBytes, 2*time.Second, c.Sizes
	o.Between = func() { // others go on meanwhile
		if p.rand.next()%betweenSteps == 0 && !i.ended() {
			time.Sleep(time.Millisecond)
		}
	}
}

// Peer implements host.Parts.
func (p *program) Peer(s control.Spec, o *peer.Options) {
	i, c := p.instanceOf(s.GUID), &p.n.run.config
	i.engine = o.Apply.(*engine.Engine)
	if s.Name == mainName {
		i.watch = newWatcher(i)
		o.Apply, o.Images = i.watch, i.watch
	}
	o.Limits = c.limits()
	o.Limits.TransferRate = int(c.TransferRate)
	o.Timing = peer.Timing{RetryStop: 5 * time.Second, FetchDelay: time.Duration(c.FetchDelayMS) * time.Millisecond}
}

// Commands implements host.Parts.
func (p *program) Commands(_ control.Spec, o *command.Options) {
	run := p.n.run
	o.Process = func() command.Process { return command.Process{PID: 1} }
	o.Panic = func(cmd string, cause any, stack []byte) { run.fail("S8: %s panics: %v\n%s", cmd, cause, stack) }
}

var errClosedInstance = errors.New("the instance is closed")

// Listen implements host.Parts.
func (p *program) Listen(s control.Spec, o resp.ServerOptions) (host.Server, error) {
	i := p.instanceOf(s.GUID)
	if i == nil || i.ended() || int(i.id) != s.Replica {
		return nil, errClosedInstance
	}
	i.session = o.NewSession
	if i.watch != nil {
		p.alive(func() { p.n.run.register.serves(i) })
	}
	i.serves.Store(true)
	return clientServer{i}, nil
}

// clientServer is the end of a real instance's network.
type clientServer struct{ i *instance }

// Drain implements host.Server: a simulated client takes its replies at once.
func (s clientServer) Drain(context.Context) error { return nil }

// Close implements host.Server.
func (s clientServer) Close() error {
	s.i.finish()
	return nil
}

// Stats implements host.Server.
func (s clientServer) Stats() resp.Stats { return resp.Stats{} }
