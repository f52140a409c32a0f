package control

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crdb/control/api"
	"crdb/control/conf"
)

// fakeHost opens instances that listen and remember what they were told.
type fakeHost struct {
	opts Options
	mu   struct {
		sync.Mutex
		open map[string]*fakeInstance
	}
	failOpen  atomic.Bool
	failOne   atomic.Value // the GUID of a database that cannot be opened
	failServe atomic.Bool
	blockOpen atomic.Pointer[chan struct{}] // not nil: Open waits for it
	diskErr   atomic.Value                  // a diskErr
	skew      atomic.Int64                  // of the node's clock, in nanoseconds
	noLinks   atomic.Int64                  // looks at the links of its instances that find them down
}

func (h *fakeHost) Open(s Spec) (Instance, error) {
	if c := h.blockOpen.Load(); c != nil {
		<-*c
	}
	if h.failOpen.Load() || h.failOne.Load() == s.GUID {
		return nil, errors.New("no space left on device")
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.Dir+"/log", []byte(s.GUID+strconv.Itoa(s.Replica)), 0o600); err != nil {
		return nil, err
	}
	i := &fakeInstance{host: h, spec: s}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.open[s.GUID] = i
	return i, nil
}

func (h *fakeHost) PeerPort() int                    { return 9444 }
func (h *fakeHost) Collect(chan<- prometheus.Metric) {}
func (h *fakeHost) Close()                           {}

func (h *fakeHost) now() time.Time { return time.Now().Add(time.Duration(h.skew.Load())) }

func (h *fakeHost) instances() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.mu.open)
}

// diskErr lets a nil error be stored.
type diskErr struct{ error }

type fakeInstance struct {
	host      *fakeHost
	spec      Spec
	mu        sync.Mutex
	l         net.Listener
	ms        []Member
	lag       time.Duration
	down      map[string]bool
	keys      int
	set       map[string]string
	holds     Holdings
	forbidden error
	tolerates uint64
	admitted  bool           // to write, at any time
	writing   bool           // a script that was let in before writes are forbidden
	file      string         // what was imported, and is exported
	runs      map[int]uint64 // that are alive, by replica
	users     []string
	state     uint64 // digest of its only key
	partial   bool   // it has joined, and has not got everything
	isolated  bool
	linked    bool // to others, at any time
}

func (i *fakeInstance) SetMembers(_ int, ms []Member) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ms = ms
	i.linked = i.linked || len(ms) > 1 && !i.isolated
}

func (i *fakeInstance) Forbid(why error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forbidden = why
	i.admitted = i.admitted || why == nil
}

func (i *fakeInstance) Quiet() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.forbidden != nil && !i.writing
}

func (i *fakeInstance) CheckOwn(_ int, e End) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e.Time > i.holds.Issued {
		return errors.New("replica 1 has lost log it had shipped")
	}
	return nil
}

func (i *fakeInstance) Configure(s map[string]string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set = s
	return nil
}

func (i *fakeInstance) CatchingUp() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.partial {
		return "catching up"
	}
	return ""
}

func (i *fakeInstance) Holdings() Holdings {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.holds
}

func (i *fakeInstance) End(id int) (End, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return End{Time: api.At(i.holds.Durable, id)}, nil
}

func (i *fakeInstance) OtherRun(id int, run uint64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.runs[id] != 0 && i.runs[id] != run
}

func (i *fakeInstance) Serve(addr string) (err error) {
	if i.host.failServe.Load() {
		return errors.New("database port is in use by another process")
	}
	i.l, err = net.Listen("tcp", addr)
	return err
}

func (i *fakeInstance) Err() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.forbidden != nil {
		return i.forbidden
	}
	return i.host.diskErr.Load().(diskErr).error
}

func (i *fakeInstance) Flush(context.Context) error { i.keys = 0; return nil }

func (i *fakeInstance) Export(_ context.Context, dst io.Writer) (api.Moved, error) {
	if err := i.host.diskErr.Load().(diskErr).error; err != nil {
		return api.Moved{}, err
	}
	n, err := io.WriteString(dst, i.file)
	if err == nil && strings.HasSuffix(i.file, "broken") {
		err = errors.New("it broke")
	}
	return api.Moved{Bytes: int64(n), Keys: 1}, err
}

func (i *fakeInstance) Import(ctx context.Context, src io.Reader, mode string, progress func(api.Moved)) (api.Moved, error) {
	progress(api.Moved{Bytes: 1})
	if err := i.host.diskErr.Load().(diskErr).error; err != nil {
		return api.Moved{Bytes: 1}, err
	}
	data, err := io.ReadAll(src)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	i.file = mode + ":" + string(data)
	return api.Moved{Bytes: int64(len(data)), Keys: 2}, err
}

func (i *fakeInstance) Backup(_ context.Context, dir string, _ *api.Database, progress func(float64)) (*api.Moved, error) {
	progress(0.5)
	return &api.Moved{Bytes: 7}, i.Err()
}

func (i *fakeInstance) SetUsers(lines []string, add bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !add {
		i.users = nil
	}
	i.users = append(i.users, lines...)
	if slices.Contains(lines, "user wrong") {
		return errors.New("a user is wrong")
	}
	return nil
}

func (i *fakeInstance) Restore(_ context.Context, dir string, progress func(api.Moved, float64)) (api.Moved, error) {
	progress(api.Moved{Keys: 1}, 0.5)
	return api.Moved{Keys: 3}, i.Err()
}

func (i *fakeInstance) Links() []Link {
	i.mu.Lock()
	defer i.mu.Unlock()
	late := i.host.noLinks.Add(-1) >= 0
	var ls []Link
	for _, m := range i.ms {
		if m.Replica != i.spec.Replica {
			ls = append(ls, Link{Replica: m.Replica, Region: m.Region, Connected: !late && !i.down[m.Region], Lag: i.lag})
		}
	}
	return ls
}

// Digests answers as an instance with one key, whose state is i.state.
func (i *fakeInstance) Digests(_ context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	a := &api.DigestAnswer{}
	for _, s := range q.Slices {
		d := api.SliceDigest{}
		if s.Prefix == 0 {
			d = api.SliceDigest{Keys: 1, Sum: i.state}
		}
		if q.List {
			a.Keys = append(a.Keys, api.KeyDigest{KeyRef: api.KeyRef{Key: []byte("k")}, Digest: i.state})
		} else {
			a.Slices = append(a.Slices, d)
		}
	}
	for _, k := range q.Keys {
		a.Keys = append(a.Keys, api.KeyDigest{KeyRef: k, Digest: i.state})
	}
	return a, nil
}

func (i *fakeInstance) Cut(string, bool) {}

func (i *fakeInstance) Isolate() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.isolated = true
}

func (i *fakeInstance) Collect(chan<- prometheus.Metric) {}

func (i *fakeInstance) Stop() {}

func (i *fakeInstance) Tolerate(stamp uint64) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tolerates = stamp
	return nil
}

func (i *fakeInstance) Close() error {
	i.host.mu.Lock()
	delete(i.host.mu.open, i.spec.GUID)
	i.host.mu.Unlock()
	if i.l != nil {
		return i.l.Close()
	}
	return nil
}

// testNode is a node with its fake host and what is needed to start it again.
type testNode struct {
	*Node
	t    *testing.T
	host *fakeHost
	opts Options
	c    *api.Client
}

// dialer is the network between test nodes: a set of addresses that do not
// answer.
type dialer struct{ cut sync.Map }

func (d *dialer) dial(ctx context.Context, addr string) (net.Conn, error) {
	if _, ok := d.cut.Load(addr); ok {
		return nil, errors.New("connection refused")
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

func settings(region, dir string) *conf.Settings {
	s := conf.Defaults()
	s.Region, s.Dir, s.AdminPort, s.PeerPort, s.GossipPort = region, dir, 0, 0, 0
	return s
}

func newOptions(s *conf.Settings, d *dialer) (Options, *fakeHost) {
	h := &fakeHost{}
	h.diskErr.Store(diskErr{})
	h.mu.open = map[string]*fakeInstance{}
	return Options{
		Settings: s, Now: h.now, Dial: d.dial, Rand: rand.Reader, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		OpenHost: func(o Options, _ string) (Host, error) { h.opts = o; return h, nil },
		// Short is what tests wait for. A call, and a lease, end by an answer: a busy machine may take its time.
		Timing: Timing{Call: 20 * time.Second, Prepare: 50 * time.Millisecond, Commit: 500 * time.Millisecond, Lease: time.Minute,
			Retry: 5 * time.Millisecond, Janitor: 10 * time.Millisecond, Settle: 2 * time.Second},
	}, h
}

func startNode(t *testing.T, region string, d *dialer) *testNode {
	t.Helper()
	o, h := newOptions(settings(region, t.TempDir()), d)
	n := &testNode{t: t, host: h, opts: o}
	n.start()
	t.Cleanup(func() { n.Close() })
	return n
}

func (n *testNode) start() {
	n.t.Helper()
	node, err := Open(n.opts)
	if err != nil {
		n.t.Fatal(err)
	}
	n.Node = node
	// A restart keeps the port, so that the others find the node again.
	n.opts.Settings.AdminPort = n.admin.Addr().(*net.TCPAddr).Port
	n.c = &api.Client{Base: "http://" + n.AdminAddr(), HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

func (n *testNode) restart() {
	n.t.Helper()
	n.Close()
	n.start()
}

// three starts the three nodes of most tests.
func three(t *testing.T) (*dialer, []*testNode) {
	d := &dialer{}
	return d, []*testNode{startNode(t, "us-east", d), startNode(t, "eu-west", d), startNode(t, "ap-south", d)}
}

func describeOn(name string, nodes ...*testNode) *api.Database {
	d := &api.Database{Name: name}
	for _, n := range nodes {
		d.Instances = append(d.Instances, api.Instance{Cluster: api.Cluster{Name: n.AdminAddr()}})
	}
	return d
}

// wait waits for a task to end.
func (n *testNode) wait(task *api.Task, err error) *api.Task {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	task, err = n.c.Wait(ctx, task.ID, 2*time.Millisecond, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return task
}

func (n *testNode) create(d *api.Database) *api.Task {
	n.t.Helper()
	return n.wait(n.c.Create(context.Background(), d))
}

// eventually waits until f holds.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !f() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("still not: %s", what)
		}
	}
}

// clean reports whether nothing of any database is left on the node, in memory
// and on disk.
func (n *testNode) clean() bool {
	n.change.Lock()
	defer n.change.Unlock()
	names, err := n.dir.list(databases)
	n.mu.Lock()
	defer n.mu.Unlock()
	return err == nil && len(names) == 0 && len(n.mu.dbs) == 0 && n.host.instances() == 0
}
