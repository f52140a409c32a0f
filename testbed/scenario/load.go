package scenario

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

const (
	writePause   = 4 * time.Millisecond  // between two writes of one writer
	failurePause = 20 * time.Millisecond // after a write that failed
)

// Load is writers in every region.
type Load struct {
	Model *Model

	ctx     context.Context
	stop    context.CancelFunc
	seed    uint64
	regions int
	wg      sync.WaitGroup
	mu      struct {
		sync.Mutex
		errors map[string]error // per region, the first
	}
}

// writer writes one kind of data in one region over one connection.
type writer struct {
	load   *Load
	region string
	cl     *redis.Client
	rng    *rand.Rand
	made   int      // names made so far
	mine   []string // elements this writer added
	cmds   *oracle.Commands
}

// StartLoad starts the writers. The same seed makes each of them choose the
// same keys and values again.
func StartLoad(ctx context.Context, c *cluster.Cluster, seed uint64) *Load {
	ctx, stop := context.WithCancel(ctx)
	l := &Load{Model: NewModel(), ctx: ctx, stop: stop, seed: seed}
	l.mu.errors = map[string]error{}
	for _, region := range c.Regions {
		l.Add(c, region)
	}
	return l
}

// Add starts the writers of one more region.
func (l *Load) Add(c *cluster.Cluster, region string) {
	steps := []func(*writer, context.Context) error{
		(*writer).count, (*writer).member, (*writer).text, (*writer).field, (*writer).more,
	}
	for kind, step := range steps {
		w := &writer{load: l, region: region, cl: newClient(c.Node(region).Addr())}
		w.rng = rand.New(rand.NewPCG(l.seed, uint64(l.regions*len(steps)+kind)))
		l.wg.Go(func() { w.run(l.ctx, step) })
	}
	l.regions++
}

// newClient makes a client with one connection, so that its commands happen
// in the order in which it sends them.
func newClient(addr string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, PoolSize: 1, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: 10 * time.Second,
	})
}

// Stop ends the writers and waits for them.
func (l *Load) Stop() {
	l.stop()
	l.wg.Wait()
}

// Failures returns the first error in each region that had one.
func (l *Load) Failures() map[string]error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.mu.errors)
}

func (l *Load) fail(region string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.errors[region] == nil {
		l.mu.errors[region] = err
	}
}

// run makes one write after the other until the context ends. A write that
// has begun is brought to its end, so that its fate is known.
func (w *writer) run(ctx context.Context, step func(*writer, context.Context) error) {
	defer w.cl.Close()
	for ctx.Err() == nil {
		pause := writePause
		if err := step(w, context.WithoutCancel(ctx)); err != nil {
			w.load.fail(w.region, err)
			pause = failurePause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// begin returns a write that starts now; end completes it by what the client
// said.
func (w *writer) begin() write { return write{region: w.region, start: time.Now()} }

func (w write) ended(err error) write {
	w.end = time.Now()
	w.fate = fateOf(err)
	return w
}

// fateOf tells whether a write that ended with err happened.
func fateOf(err error) fate {
	var reply redis.Error
	var op *net.OpError
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		return sure
	case errors.As(err, &reply), errors.As(err, &op) && op.Op == "dial":
		return never
	}
	return unknown
}

// delta is a large random number, seldom negative: no sum of some of them is
// likely to be the sum of others.
func (w *writer) delta() int64 {
	d := w.rng.Int64N(1<<40) + 1<<20
	if w.rng.IntN(5) == 0 {
		return -d
	}
	return d
}

func (w *writer) key(kind string) string { return fmt.Sprintf("%s:%d", kind, w.rng.IntN(3)) }

func (w *writer) fresh() string {
	w.made++
	return fmt.Sprintf("%s-%d", w.region, w.made)
}
